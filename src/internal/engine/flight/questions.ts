/** Requests to a store with `getCallback`. All readers of an id share a request, and need no flight, fiber or timer. */
import type { Questions } from "../state.ts"

export const make = (): Questions => ({ byId: new Map(), open: new Set(), isTimed: false })
