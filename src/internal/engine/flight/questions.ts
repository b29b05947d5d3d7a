/**
 * Questions to a store that answers later (`getCallback`): one for all who read an id meanwhile. Who is answered so
 * needs no flight, no fiber and no timer of its own.
 */
import type { Questions } from "../state.ts"

export const make = (): Questions => ({ byId: new Map(), open: new Set(), isTimed: false })
