/** The pages of a listing, each an effect of its own. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type { StoreError } from "../../CacheError.ts"

/** Runs an effect around each page. The end of the listing is no failure of it. */
export const pageByPage = <A>(
  pull: Pull.Pull<A, StoreError>,
  around: (page: Effect.Effect<A | undefined, StoreError>) => Effect.Effect<A | undefined, StoreError>
): Pull.Pull<A, StoreError> =>
  Effect.flatMap(
    around(Pull.catchDone(pull, () => Effect.undefined) as Effect.Effect<A | undefined, StoreError>),
    (page): Pull.Pull<A, StoreError> => page === undefined ? Cause.done() : Effect.succeed(page)
  )
