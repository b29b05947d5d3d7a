/**
 * What the code inside a load may ask and say: the previous value, that it is still right, tags and validators.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { CacheConfigError } from "../CacheError.ts"
import type { AnyClass, Success } from "../CacheKey.ts"
import { type Flight, Loading } from "../internal/engine/flight/flight.ts"
import { previousOf } from "../internal/engine/flight/previous.ts"
import type { Entry } from "../internal/engine/memory/entry.ts"
import { copyOf } from "../internal/engine/read/copy.ts"
import { escapeTag, infoOf } from "../internal/key/ofKey.ts"
import { checkOptions, type Checks, optional } from "../internal/options.ts"
import { toMillis } from "../Ttl.ts"

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
 * past that, was invalidated, or was never there: none. None too where nothing is cached (`CacheLayer.disabled`,
 * `CachePolicy.bypass`, `CachePolicy.disable("get")`), in the load of another class, and in the load of a batch.
 *
 * Use it to ask the origin whether the value is still right (`If-None-Match`, RFC 9110, section 13.1.2), or to load only
 * what has changed since. A store that is asked for it and does not answer within its timeout has none.
 *
 * @example
 * ```ts
 * import { Effect, Option, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Log extends CacheKey.Class<Log>()("Log", { success: Schema.Array(Schema.String) }) {}
 *
 * const log = Cached.fn(Log, {
 *   lookup: () => Effect.map(Cached.previous(Log), (previous) =>
 *     Option.match(previous, { onNone: () => ["first"], onSome: ({ value }) => [...value, "more"] })),
 *   strategy: Strategy.ttl({ ttl: "1 hour" })
 * })
 *
 * const program = Effect.andThen(log(), log.refresh())
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["first", "more"]
 * ```
 *
 * @category inside a load
 * @since 0.1.0
 */
export const previous = <C extends AnyClass>(
  keyClass: C
): Effect.Effect<Option.Option<Previous<Success<InstanceType<C>>>>> => {
  if (typeof keyClass?.keyName !== "string") {
    throw new CacheConfigError({ message: "Cached.previous takes the class of the key that is loaded" })
  }
  return Effect.flatMap(Loading, (flight) => {
    if (flight === undefined || infoOf(flight.request.key)?.name !== keyClass.keyName) return Effect.succeedNone
    // what its codecs need is in the load's context: it is where the flight was started
    return Effect.map(
      previousOf(flight) as Effect.Effect<Entry | undefined>,
      (entry) =>
        entry === undefined ? Option.none() : Option.some({
          value: valueOf(flight, entry) as Success<InstanceType<C>>,
          etag: entry.etag,
          createdAt: entry.createdAt
        })
    )
  })
}

/** for a load as for any caller: its own copy, where the reader has asked for copies */
const valueOf = ({ request: { key, options: { copy } } }: Flight, entry: Entry): unknown => {
  const { value } = entry.exit as Exit.Success<unknown>
  return copy === undefined ? value : copyOf<unknown>(copy, key)(value)
}

/**
 * Inside a load: the value that it was to replace is still right. The load ends here, past all its error handlers, which
 * do not run (finalizers do, as after an interruption); who waits for it gets the value, and the value starts its life
 * again, with a lifetime from the strategy or `annotate`, and with the ETag and the tags that it has.
 *
 * What has been invalidated or set meanwhile stays so: then the value goes to those who wait, and is not stored.
 *
 * It dies with `CacheConfigError` where there is no value to keep: outside of a load, after its end, in the load of a
 * batch, and where `previous` says none. A value that `previous` has told, in this load, can always be kept.
 *
 * @example
 * ```ts
 * import { Effect, Option, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Page extends CacheKey.Class<Page>()("Page", { success: Schema.String }) {}
 *
 * const origin = (etag?: string) => etag === "v1" ? { status: 304, body: "" } : { status: 200, body: "Hello" }
 *
 * const page = Cached.fn(Page, {
 *   lookup: Effect.fnUntraced(function*() {
 *     const previous = Option.getOrUndefined(yield* Cached.previous(Page))
 *     const { body, status } = origin(previous?.etag)
 *     if (status === 304) return yield* Cached.notModified
 *     yield* Cached.annotate({ etag: "v1" })
 *     return body
 *   }),
 *   strategy: Strategy.ttl({ ttl: "1 hour" })
 * })
 *
 * const program = Effect.andThen(page(), page.refresh())
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => "Hello"
 * ```
 *
 * @category inside a load
 * @since 0.1.0
 */
export const notModified: Effect.Effect<never> = Effect.flatMap(Loading, (flight) => {
  if (flight === undefined) return nothingToKeep("it was called outside of a load, or in that of a batch")
  if (flight.renewed) return end(flight)
  if (flight.ended) return nothingToKeep(`the load of "${flight.id}" has ended`)
  return Effect.flatMap(previousOf(flight) as Effect.Effect<Entry | undefined>, (entry) => {
    if (entry === undefined) return nothingToKeep(`there is none for "${flight.id}": ask Cached.previous first`)
    flight.renewed = true
    // as good as loaded: it is stored also when the last who waits leaves
    flight.pinned = true
    return end(flight)
  })
})

const nothingToKeep = (why: string): Effect.Effect<never> =>
  Effect.die(
    new CacheConfigError({ message: `Cached.notModified keeps the value that a load was to replace, and ${why}` })
  )

/**
 * Interrupts the load, and what of it runs in a fiber of its own: no other end is past every handler. Where it may not
 * be interrupted here, it is as soon as it may.
 */
const end = (flight: Flight): Effect.Effect<never> =>
  Effect.withFiber((fiber) => {
    // its fiber, once the load has ended, is busy with what comes of it
    if (!flight.ended) flight.fiber?.interruptUnsafe(fiber.id)
    if (fiber !== flight.fiber) fiber.interruptUnsafe(fiber.id)
    return Effect.interrupt
  })

/**
 * What a load says of its result.
 *
 * @category options
 * @since 0.1.0
 */
export interface Annotations {
  /**
   * tags beside those of the key and the options
   *
   * @default none; of a renewed value: those it has
   */
  readonly tags?: ReadonlyArray<string> | undefined
  /**
   * how long the result is served at most, from the end of the load; zero or negative: it is not stored
   *
   * @default the strategy's
   */
  readonly ttl?: Duration.Input | undefined
  /**
   * what the origin calls this version of the value (an HTTP `ETag`), for the next load's `previous`
   *
   * @default none; of a renewed value: the one it has
   */
  readonly etag?: string | undefined
}

/**
 * Inside a load: says of its result what only the load knows. Of several calls the last one counts, for each of the
 * three. Outside of a load, after its end, and in that of a batch, it says nothing.
 *
 * `ttl` counts from the end of the load, as every ttl. It takes the place of the strategy's `ttl`, whichever is longer,
 * for what the strategy stores at all; `softTtl`, `refreshAfter` and `idle` stay, up to the new end. What is wrong with
 * an option throws a `CacheConfigError`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const team = Effect.sync(() => ++loads).pipe(
 *   Effect.tap(Cached.annotate({ tags: ["user:1", "user:2"], ttl: "1 minute" })),
 *   Cached.ttl({ key: "team", ttl: "1 hour" })
 * )
 *
 * const program = Effect.all([team, team, Cached.invalidateTag("user:2"), team])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1, undefined, 2]
 * ```
 *
 * @category inside a load
 * @since 0.1.0
 */
export const annotate = (annotations: Annotations): Effect.Effect<void> => {
  if (typeof annotations !== "object" || annotations === null) {
    throw new CacheConfigError({ message: "Cached.annotate takes an object of tags, ttl and etag" })
  }
  checkOptions("Cached.annotate", annotations, annotationChecks)
  const { etag, tags, ttl } = annotations
  const given: Flight["annotations"] = {
    ...tags === undefined ? {} : { tags: tags.map(escapeTag) },
    ...ttl === undefined ? {} : { ttl },
    ...etag === undefined ? {} : { etag }
  }
  return Effect.map(Loading, (flight) => {
    if (flight !== undefined) flight.annotations = { ...flight.annotations, ...given }
  })
}

const annotationChecks: Checks<Annotations> = {
  ttl: optional((ttl) => void toMillis(ttl)),
  tags: optional((tags, of) => {
    if (Array.isArray(tags) && tags.every((tag) => typeof tag === "string")) return
    throw new CacheConfigError({ message: `The tags of ${of} are a list of strings` })
  }),
  etag: optional((etag, of) => {
    if (typeof etag === "string") return
    throw new CacheConfigError({ message: `The etag of ${of} is a string, not a ${typeof etag}` })
  })
}
