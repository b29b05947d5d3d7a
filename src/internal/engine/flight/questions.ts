/** Requests to a store that has `getCallback`. Readers of an id can share one, without a flight or fiber each. */
import type { Questions } from "../state.ts"

export const make = (): Questions => ({ byId: new Map(), open: new Set(), isTimed: false })
