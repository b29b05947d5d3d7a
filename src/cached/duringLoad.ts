/**
 * Operations for code inside a load: get the previous value, renew it, or annotate the new result.
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { AnyClass, Success } from "../CacheKey.ts"
import { previousOf } from "../internal/engine/load/previous.ts"
import type { Entry } from "../internal/engine/memory/entry.ts"
import { loadingOf } from "../internal/engine/request/attempt.ts"
import { copyOf } from "../internal/engine/request/copy.ts"
import { optionOf } from "../internal/engine/request/rules.ts"
import type { Attempt, Flight } from "../internal/engine/state.ts"
import { stringOfId } from "../internal/key/id.ts"
import { escapeTag, infoOf } from "../internal/key/ofKey.ts"
import { type Annotations as Given, Outside } from "../internal/options/annotations.ts"
import { checkOptions, type Checks, isListOfText, mistake, optional } from "../internal/options/options.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"

/**
 * The value that a load is about to replace, returned by {@link previous}.
 * @category models
 * @since 0.1.0
 */
export interface Previous<A> {
  readonly value: A
  /** The origin's ETag for this version of the value, as `Cached.annotate` or `Cached.set` stored it. */
  readonly etag: string | undefined
  /** When the value was loaded or renewed or, with `inherit: "age"`, when its oldest input was created (epoch ms). */
  readonly createdAt: number
  /** From this time on, the value is stale (epoch ms): `-Infinity` if it was invalidated softly. */
  readonly softExpiresAt: number
}

/**
 * Gets the value that the running load of a key class is about to replace. Returns `Option.none()` if the value has
 * expired, was invalidated or never existed; outside a load, or in the load of another class or of a batch; if the
 * policy or the layer does not read the cache; or if the store does not answer in time.
 *
 * **When to use**
 *
 * Use inside a load to ask the origin whether the value is still current (`If-None-Match`, RFC 9110, section 13.1.2),
 * or to load only what has changed since the value was loaded.
 *
 * **Example** (Adding to the previous value)
 *
 * ```ts
 * import { Effect, Option, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Log extends CacheKey.Class<Log>()("Log", { success: Schema.Array(Schema.String) }) {}
 * const more = Effect.map(Cached.previous(Log), (previous) =>
 *   Option.match(previous, { onNone: () => ["first"], onSome: ({ value }) => [...value, "more"] }))
 * const log = Cached.fn(Log, () => more, { ttl: "1 hour" })
 * const program = Effect.andThen(log(), log.refresh())
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["first", "more"]
 * ```
 *
 * @see {@link notModified} for keeping the previous value
 * @category accessors
 * @since 0.1.0
 */
export const previous = <C extends AnyClass>(
  keyClass: C
): Effect.Effect<Option.Option<Previous<Success<InstanceType<C>>>>> => {
  if (typeof keyClass?.keyName !== "string") {
    throw mistake("Cached.previous needs a key class: pass that of the key being loaded")
  }
  return Effect.withFiber((fiber) => {
    const attempt = loadingOf(fiber.context as Context.Context<never>)
    const flight = attempt?.flight
    if (flight === undefined || infoOf(flight.request.key)?.name !== keyClass.keyName) return Effect.succeedNone
    // The type omits the codecs' services: they are in the load's context, because its flight was started with them.
    return Effect.map(
      previousOf(attempt!) as Effect.Effect<Entry | undefined>,
      (entry) =>
        entry === undefined ? Option.none() : Option.some({
          value: valueOf(flight, entry) as Success<InstanceType<C>>,
          etag: entry.etag,
          createdAt: entry.createdAt,
          softExpiresAt: entry.softExpiresAt
        })
    )
  })
}

/** Returns the value of an entry. If the request has the option `copy`, returns a copy, as a read does. */
const valueOf = ({ engine, request }: Flight, entry: Entry): unknown => {
  const { value } = entry.exit as Exit.Success<unknown>
  const copy = optionOf(engine, request, "copy")
  return copy === undefined ? value : copyOf<unknown>(copy, request.key)(value)
}

/**
 * Ends the running load and renews the previous value. Dies with a `CacheConfigError` if there is no value to renew:
 * outside a load, after the load has ended, in the load of a batch, or if {@link previous} returns none.
 *
 * **When to use**
 *
 * Use if the origin answers that the value is still current (HTTP 304).
 *
 * **Details**
 *
 * - The load ends at this call and skips its error handlers. Finalizers run, as after an interruption.
 * - The load's callers get the previous value, which starts a new lifetime (from the strategy or `annotate`) and keeps
 *   its ETag and tags. If the key was invalidated or set during the load, the renewed value is not stored.
 *
 * **Example** (Answering a 304)
 *
 * ```ts
 * import { Effect, Option, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Page extends CacheKey.Class<Page>()("Page", { success: Schema.String }) {}
 * const origin = (etag?: string) => etag === "v1" ? { status: 304, body: "" } : { status: 200, body: "Hello" }
 * const load = Effect.gen(function*() {
 *   const previous = Option.getOrUndefined(yield* Cached.previous(Page))
 *   const { body, status } = origin(previous?.etag)
 *   if (status === 304) return yield* Cached.notModified
 *   yield* Cached.annotate({ etag: "v1" })
 *   return body
 * })
 * const page = Cached.fn(Page, () => load, { ttl: "1 hour" })
 * const program = Effect.andThen(page(), page.refresh())
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => "Hello"
 * ```
 *
 * @see {@link previous} for the value and its ETag
 * @category completion
 * @since 0.1.0
 */
export const notModified: Effect.Effect<never> = Effect.withFiber((fiber) => {
  const attempt = loadingOf(fiber.context as Context.Context<never>)
  if (attempt === undefined) {
    return nothingToRenew("it runs outside a load, or in the load of a batch. Use it in the load of a single key")
  }
  if (attempt.renewed) return end(attempt)
  const { flight, id } = attempt
  if (flight === undefined) return nothingToRenew(`the load of "${id}" has ended. Use it before the load ends`)
  return Effect.flatMap(previousOf(attempt) as Effect.Effect<Entry | undefined>, (entry) => {
    if (entry === undefined) {
      return nothingToRenew(`no value that may be served is stored for "${id}". Check Cached.previous first`)
    }
    attempt.renewed = true
    // From now on, the result is stored even if every caller leaves before the load has ended.
    flight.pinned = true
    return end(attempt)
  })
})

const nothingToRenew = (why: string): Effect.Effect<never> =>
  Effect.die(
    mistake(`Cached.notModified has no value to renew: ${why}`)
  )

/**
 * Ends the load by an interruption, which is the only way to skip every error handler. Interrupts the load's fiber, and
 * also the calling fiber if the two differ. An uninterruptible region delays the interruption until the region ends.
 */
const end = ({ flight }: Attempt): Effect.Effect<never> =>
  Effect.withFiber((fiber) => {
    // Once the load has ended, `flight` is `undefined`, because the load's fiber must no longer be interrupted.
    flight?.fiber?.interruptUnsafe(fiber.id)
    if (fiber !== flight?.fiber) fiber.interruptUnsafe(fiber.id)
    return Effect.interrupt
  })

/**
 * Options for {@link annotate}.
 * @category options
 * @since 0.1.0
 */
export interface Annotations {
  /** Tags in addition to those of the key and the options. @default none; a renewed value keeps its tags */
  readonly tags?: ReadonlyArray<string> | undefined
  /** The longest time the result is served. Zero or less: the result is not stored. @default the strategy's `ttl` */
  readonly ttl?: Ttl.Input | undefined
  /**
   * The age at which the result becomes stale, unless it expires earlier. Zero or less: it is stale at once.
   * @default the strategy's `softTtl` or `refreshAfter`
   */
  readonly softTtl?: Ttl.Input | undefined
  /**
   * The origin's ETag for this version of the value, which {@link previous} returns in the next load.
   * @default none; a renewed value keeps its ETag
   */
  readonly etag?: string | undefined
}

/**
 * Sets the tags, lifetimes and ETag of the result of the running load.
 *
 * **When to use**
 *
 * Use if only the load learns a tag, a lifetime or an ETag, for example from response headers.
 *
 * **Details**
 *
 * - If a load calls `annotate` several times, the last value of each option applies.
 * - `ttl` replaces the strategy's `ttl`, whether shorter or longer. The strategy's `softTtl`, `refreshAfter` and `idle`
 *   still apply, up to the new expiry.
 * - A result that the strategy does not store is not stored with annotations either.
 * - The call has no effect outside a load, after the load has ended, or in the load of a batch.
 *
 * **Example** (Tagging by what was loaded)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const team = Effect.sync(() => ++loads).pipe(
 *   Effect.tap(Cached.annotate({ tags: ["user:1", "user:2"], ttl: "1 minute" })),
 *   Cached.ttl("team", { ttl: "1 hour" })
 * )
 * const program = Effect.all([team, team, Cached.invalidate({ tag: "user:2" }), team])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1, undefined, 2]
 * ```
 *
 * @see {@link previous} for reading the ETag in the next load
 * @category annotations
 * @since 0.1.0
 */
export const annotate = (annotations: Annotations): Effect.Effect<void> => {
  checkOptions("Cached.annotate", annotations, annotationChecks)
  const { etag, softTtl, tags, ttl } = annotations
  const given: Given = {
    ...tags === undefined ? {} : { tags: tags.map(escapeTag) },
    ...ttl === undefined ? {} : { ttl },
    ...softTtl === undefined ? {} : { softTtl },
    ...etag === undefined ? {} : { etag }
  }
  return Effect.withFiber((fiber) => {
    const attempt = loadingOf(fiber.context as Context.Context<never>) ?? fiber.getRef(Outside)
    if (attempt !== undefined) attempt.annotations = { ...attempt.annotations, ...given }
    return Effect.void
  })
}

/** The annotations of the surrounding load. @internal */
export const annotated: Effect.Effect<Annotations> = Effect.withFiber((fiber) => {
  const attempt = loadingOf(fiber.context as Context.Context<never>) ?? fiber.getRef(Outside)
  const { tags, ...others } = attempt?.annotations ?? {}
  return Effect.succeed(tags === undefined ? others : { ...others, tags: tags.map((tag) => stringOfId(tag) ?? tag) })
})

const annotationChecks: Checks<Annotations> = {
  ttl: optional((ttl) => void toMillis(ttl, "ttl of Cached.annotate")),
  softTtl: optional((softTtl) => void toMillis(softTtl, "softTtl")),
  tags: optional((tags, of) => {
    if (isListOfText(tags)) return
    throw mistake(`tags of ${of} must be a list of strings`)
  }),
  etag: optional((etag, of) => {
    if (typeof etag === "string") return
    throw mistake(`etag of ${of} must be a string, not a ${typeof etag}`)
  })
}
