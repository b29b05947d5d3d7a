/** Requests to a store with `getCallback`. Concurrent reads of an id share one and need no flight, fiber or timer. */
import type { Questions } from "../state.ts"

export const make = (): Questions => ({ byId: new Map(), open: new Set(), isTimed: false })
