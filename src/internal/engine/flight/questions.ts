/**
 * Questions to a store that answers by callback (`getCallback`). All concurrent reads of an id share one, and need no
 * flight, fiber or timer of their own.
 */
import type { Questions } from "../state.ts"

export const make = (): Questions => ({ byId: new Map(), open: new Set(), isTimed: false })
