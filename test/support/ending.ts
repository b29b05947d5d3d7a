/** A server or proxy that a test starts, and that ends with its scope. */
import { Effect } from "effect"

export const ending = <A extends { readonly end: () => Promise<unknown> }>(start: () => Promise<A>) =>
  Effect.acquireRelease(Effect.promise(start), (one) => Effect.promise(() => one.end()))
