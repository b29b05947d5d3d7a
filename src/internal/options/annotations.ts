/** The annotations of a load, which its own code gives, and a place for them outside of loads. */
import * as Context from "effect/Context"
import type * as Ttl from "../../Ttl.ts"

export interface Annotations {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly ttl?: Ttl.Input | undefined
  readonly softTtl?: Ttl.Input | undefined
  readonly etag?: string | undefined
}

/** Keeps what `Cached.annotate` says outside of a load, such as for a response that is not stored. */
export const Outside = Context.Reference<{ annotations: Annotations | undefined } | undefined>(
  "effect-cached/Outside",
  {
    defaultValue: () => undefined
  }
)
