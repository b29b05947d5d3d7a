import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { CacheConfigError } from "../../CacheError.ts"
import type { AnyClass, Success } from "../../CacheKey.ts"
import { toMillis } from "../../Ttl.ts"
import type { Entry } from "../engine/entry.ts"
import type { Flight } from "../engine/flight.ts"
import { Loading } from "../engine/flight.ts"
import { escapeTag, infoOf } from "../engine/keys.ts"
import { previousOf } from "../engine/previous.ts"
import { refuseUnknown } from "../options.ts"

/**
 * The value that a load is to replace.
 *
 * @category models
 * @since 0.1.0
 */
export interface Previous<A> {
  readonly value: A
  /** what the origin called it, as `annotate` was told */
  readonly etag: string | undefined
  /** when it was loaded, or last found to be still right, in epoch milliseconds */
  readonly createdAt: number
}

/**
 * Inside the load of a key of this class: the value that it is to replace, where there is one within its ttl. For what is
 * past it, was invalidated, or was never there: none. None too where nothing is cached (`CacheLayer.disabled`,
 * `CachePolicy.bypass`), and in the load of a batch.
 *
 * @category inside a load
 * @since 0.1.0
 */
export const previous = <C extends AnyClass>(
  keyClass: C
): Effect.Effect<Option.Option<Previous<Success<InstanceType<C>>>>> =>
  Effect.flatMap(Loading, (flight) => {
    if (flight === undefined || infoOf(flight.request.key)?.name !== keyClass.keyName) return Effect.succeedNone
    // what its codecs need is in the load's context: it is where the flight was started
    return Effect.map(previousOf(flight) as Effect.Effect<Entry | undefined>, (entry) =>
      entry !== undefined && Exit.isSuccess(entry.exit)
        ? Option.some({
          value: entry.exit.value as Success<InstanceType<C>>,
          etag: entry.etag,
          createdAt: entry.createdAt
        })
        : Option.none())
  })

/**
 * Inside a load: the value that it was to replace is still right. The load ends here, past all its error handlers, and
 * the value starts its life again. A defect where there is no such value (see `previous`).
 *
 * @category inside a load
 * @since 0.1.0
 */
export const notModified: Effect.Effect<never> = Effect.flatMap(
  Loading,
  (flight) =>
    Effect.flatMap(
      flight === undefined ? Effect.undefined : previousOf(flight) as Effect.Effect<Entry | undefined>,
      (entry) => {
        if (entry === undefined) {
          return Effect.die(
            new CacheConfigError({
              message: "Cached.notModified keeps the value that a load was to replace, and there is none: " +
                "ask Cached.previous first"
            })
          )
        }
        flight!.renewed = true
        // what ends the load is of no consequence any more: a handler that catches it cannot change the outcome
        return Effect.die(new CacheConfigError({ message: "Cached.notModified has ended this load" }))
      }
    )
)

/**
 * What a load says of its result.
 *
 * @category options
 * @since 0.1.0
 */
export interface Annotations {
  /** beside those of its key and options */
  readonly tags?: ReadonlyArray<string> | undefined
  /** how long it is served, in place of what its strategy says; zero or negative: it is not stored */
  readonly ttl?: Duration.Input | undefined
  /** what the origin calls this version of the value (an HTTP `ETag`), for the next load's `previous` */
  readonly etag?: string | undefined
}

/**
 * Inside a load: says of its result what only the load knows. Of several calls the last one counts, for each of the
 * three. Outside of a load, and in that of a batch, it says nothing.
 *
 * @category inside a load
 * @since 0.1.0
 */
export const annotate = (annotations: Annotations): Effect.Effect<void> => {
  refuseUnknown("Cached.annotate", annotations, ["tags", "ttl", "etag"])
  const { etag, tags, ttl } = annotations
  if (ttl !== undefined) toMillis(ttl)
  if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === "string"))) {
    throw new CacheConfigError({ message: "The tags of Cached.annotate are a list of strings" })
  }
  const given: Flight["annotations"] = {
    ...tags === undefined ? {} : { tags: tags.map(escapeTag) },
    ...ttl === undefined ? {} : { ttl },
    ...etag === undefined ? {} : { etag }
  }
  return Effect.map(Loading, (flight) => {
    if (flight !== undefined) flight.annotations = { ...flight.annotations, ...given }
  })
}
