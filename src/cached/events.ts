/**
 * Observes a cache: its events, the entries that leave memory, and how reads are answered.
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CacheEvent, Detected, DetectedValue, Removal, ValueEvent } from "../CacheEvent.ts"
import { Caching } from "../Caching.ts"
import { waitingEvents } from "../internal/defaults/bounds.ts"
import { type Cache, cacheOf } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { Current } from "../internal/engine/request/callPolicy.ts"
import type { Detector } from "../internal/engine/telemetry/detect.ts"
import { placeOf } from "../internal/engine/telemetry/log.ts"
import type { EventListener } from "../internal/engine/telemetry/telemetry.ts"
import { checkOptions, type Checks, optional, refuseUnless } from "../internal/options/options.ts"
import * as EventBuffer from "./eventBuffer.ts"

/** Offers items to queues that drop their oldest item when they are full, and counts those. */
const makeOffering = () => {
  let lost = 0
  return {
    offer<A>(queue: Queue.Queue<A, Cause.Done>, item: A): void {
      if (Queue.isFullUnsafe(queue)) lost++
      Queue.offerUnsafe(queue, item)
    },
    /** How many items were dropped since the last call. */
    takeLost(): number {
      const count = lost
      lost = 0
      return count
    }
  }
}

const streamOf = <A>(
  toItem: (...told: Parameters<EventListener>) => A,
  kinds?: ReadonlySet<CacheEvent["_tag"]>
): Stream.Stream<A, never, Caching> =>
  Stream.unwrap(Effect.suspend(() => {
    const buffer = EventBuffer.make<A>()
    const missed = kinds?.has("Lost") === false
      ? undefined
      : (count: number) => toItem({ _tag: "Lost", count }, undefined)
    return Effect.as(
      Effect.acquireRelease(
        Effect.map(Caching, (caching) =>
          cacheOf(caching).perform(
            Operations.listen,
            (event, exit) => EventBuffer.offer(buffer, toItem(event, exit)),
            kinds
          )),
        (unsubscribe) => Effect.sync(unsubscribe)
      ),
      EventBuffer.stream(buffer, missed)
    )
  }))

const kinds: { readonly [Kind in CacheEvent["_tag"]]: true } = {
  Hit: true,
  Miss: true,
  Joined: true,
  Load: true,
  Restart: true,
  Refresh: true,
  Stale: true,
  Set: true,
  Refused: true,
  LostSet: true,
  Evict: true,
  Removed: true,
  Waited: true,
  Invalidate: true,
  StoreFailure: true,
  Circuit: true,
  Tracking: true,
  Slow: true,
  Lost: true
}

/**
 * Options for {@link detect}.
 * @category options
 * @since 0.1.0
 */
interface DetectOptions {
  /** Includes the result of each read, as `exit`. @default `false` */
  readonly values?: boolean | undefined
}

/**
 * Options for {@link events}.
 * @category options
 * @since 0.1.0
 */
interface EventsOptions<Kind extends CacheEvent["_tag"], Values extends boolean> {
  /** The kinds of events. Hits cost nothing more unless `"Hit"` is among them. @default all kinds */
  readonly of?: ReadonlyArray<Kind> | undefined
  /** Includes the value that was served, loaded, set or evicted, as `exit`. @default `false` */
  readonly values?: Values | undefined
}

const checksOfValues: Checks<DetectOptions> = {
  values: optional((values, of) => refuseUnless(typeof values === "boolean", `values of ${of} must be true or false`))
}

const checksOfEvents: Checks<EventsOptions<CacheEvent["_tag"], boolean>> = {
  ...checksOfValues,
  of: optional((wanted) => {
    refuseUnless(
      Array.isArray(wanted) && wanted.length > 0,
      "Cached.events needs kinds of events in `of`, like [\"Load\", \"Stale\"]"
    )
    for (const kind of wanted) {
      refuseUnless(
        Object.hasOwn(kinds, kind),
        `There is no event "${String(kind)}": pass ${Object.keys(kinds).join(", ")} to Cached.events`
      )
    }
  })
}

/**
 * A stream of a cache's events, beginning when the stream starts to run. Reads never wait for a subscriber: each
 * subscriber has a buffer of at most 1024 events. A slow one loses the oldest, and gets an event `Lost` in their place.
 *
 * **When to use**
 *
 * Use for tools and metrics that need each event, or with `of` for those that need only rare ones, such as loads or
 * failures of the store.
 *
 * **Gotchas**
 *
 * With `values: true`, `Hit`, `Load`, `Stale`, `Set` and `Evict` have an `exit`. The values are the cached ones, not
 * copies: do not modify them, and do not print them if they contain secrets. The events in a subscriber's buffer keep
 * their values in memory.
 *
 * **Example** (Collecting three events)
 *
 * ```ts
 * import { Effect, Fiber, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(Effect.gen(function*() {
 *   const events = yield* Cached.events().pipe(
 *     Stream.take(3),
 *     Stream.runCollect,
 *     Effect.forkChild({ startImmediately: true })
 *   )
 *   yield* Effect.all([answer, answer])
 *   return (yield* Fiber.join(events)).map(({ _tag }) => _tag)
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => ["Miss", "Load", "Hit"]
 * ```
 *
 * **Example** (Watching what is stored by hand, with its values)
 *
 * ```ts
 * import { Effect, Exit, Fiber, Option, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   const first = yield* Cached.events({ of: ["Set"], values: true }).pipe(
 *     Stream.map(({ exit, id }) => [id, exit] as const),
 *     Stream.runHead,
 *     Effect.forkChild({ startImmediately: true })
 *   )
 *   yield* Cached.set("user:1", "Ada")
 *   return yield* Fiber.join(first)
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => Option.some(["user:1", Exit.succeed("Ada")])
 * ```
 *
 * @see `Cached.stats` for totals
 * @see {@link detect} for the reads of one effect
 * @category subscriptions
 * @since 0.1.0
 */
export const events = <
  const Kind extends CacheEvent["_tag"] = CacheEvent["_tag"],
  const Values extends boolean = false
>(
  options: EventsOptions<Kind, Values> = {}
): Stream.Stream<
  Extract<Values extends true ? ValueEvent : CacheEvent, { readonly _tag: Kind }>,
  never,
  Caching
> => {
  checkOptions("Cached.events", options, checksOfEvents as Checks<EventsOptions<Kind, Values>>)
  const toItem = options.values === true
    ? (event: CacheEvent, exit: unknown) => exit === undefined ? event : { ...event, exit }
    : (event: CacheEvent) => event
  return streamOf(toItem as never, options.of && new Set(options.of))
}

/**
 * Runs an effect for every entry that leaves memory while the scope is open.
 *
 * **When to use**
 *
 * Use to close or count values that are no longer cached. Entries that remain when the cache closes are not reported.
 *
 * **Details**
 *
 * - Entries are handled one at a time. If the effect fails or dies, the error is logged, and the next
 *   entry is handled. The log has one such line per key class (for string keys, per cause).
 * - At most 1024 entries are buffered; beyond that, the oldest are lost. Closing the scope waits for the buffered ones.
 *
 * **Example** (Recording removals)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const gone: Array<string> = []
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.onRemoval(({ cause, id }) => Effect.sync(() => gone.push(`${id}: ${cause}`)))
 *   yield* Cached.set("a", 1)
 *   yield* Cached.set("a", 2)
 *   yield* Cached.invalidate("a")
 * }).pipe(Effect.scoped, Effect.provide(CacheLayer.memory())))
 * gone // => ["a: replaced", "a: invalidated"]
 * ```
 *
 * @see {@link events} for everything that happens in the cache
 * @category subscriptions
 * @since 0.1.0
 */
export const onRemoval = <E, R>(
  f: (removal: Removal) => Effect.Effect<void, E, R>
): Effect.Effect<void, never, R | Caching | Scope.Scope> =>
  handleAll<Removal, E, R>((caching, offer) => caching.perform(Operations.onRemoval, offer), {
    f,
    warn: (caching, { id, keyClass }, cause) =>
      caching.perform(
        Operations.warnOnce,
        `onRemoval ${keyClass ?? `~${placeOf(Cause.squash(cause))}`}`,
        `A callback of Cached.onRemoval failed for "${id}", and the next removals are handled as usual (see the cause; ` +
          "logged once a key class or cause)",
        { about: { id, key: id }, cause }
      )
  })

interface Handler<A, E, R> {
  readonly f: (item: A) => Effect.Effect<void, E, R>
  readonly warn: (caching: Cache, item: A, cause: Cause.Cause<E>) => void
  /** Makes the item that says how many were dropped. */
  readonly missed?: (count: number) => A
}

/**
 * Runs `f` for queued items, one by one. A full queue drops its oldest item, and `missed` makes the item that says so.
 * Closing the scope awaits the others.
 */
export const handleAll = <A, E, R>(
  subscribe: (caching: Cache, offer: (item: A) => void) => () => void,
  { f, missed, warn }: Handler<A, E, R>
): Effect.Effect<void, never, R | Caching | Scope.Scope> =>
  Effect.gen(function*() {
    const queue = yield* Queue.sliding<A, Cause.Done>(waitingEvents)
    const caching = cacheOf(yield* Caching)
    const handle = (item: A) =>
      Effect.catchCause(Effect.suspend(() => awaited(f(item))), (cause) => {
        if (!Cause.hasInterruptsOnly(cause)) {
          caching.perform(Operations.noteCallbackFailure)
          warn(caching, item, cause)
        }
        return Effect.void
      })
    const { offer, takeLost } = makeOffering()
    const handleNext = (item: A) => {
      const lost = missed === undefined ? 0 : takeLost()
      return lost === 0 ? handle(item) : Effect.andThen(handle(missed!(lost)), handle(item))
    }
    const worker = yield* Effect.forkScoped(
      Effect.ignore(Effect.forever(Effect.flatMap(Queue.take(queue), handleNext)))
    )
    yield* Effect.acquireRelease(
      Effect.sync(() => subscribe(caching, (item) => offer(queue, item))),
      (unsubscribe) =>
        Effect.suspend(() => {
          unsubscribe()
          Queue.endUnsafe(queue)
          return Fiber.await(worker)
        })
    )
  })

/** The promise of an `async` callback, which types refuse, would otherwise reject without anybody to handle it. */
const awaited = <E, R>(given: Effect.Effect<void, E, R>): Effect.Effect<void, E, R> =>
  given instanceof Promise ? Effect.promise(() => given) : given

/**
 * Runs an effect and returns its result, together with a report of how each cached read in it was answered, in order of
 * the answers. If the effect fails, so does `detect`. To get the reads anyway, wrap the effect in `Effect.exit`.
 *
 * **When to use**
 *
 * Use to report how a request was answered, such as in a header.
 *
 * **Details**
 *
 * Includes reads in loads that the effect starts, in fibers that it forks (until the effect ends), and in inner calls
 * of `detect`. Excludes reads that are interrupted, exceed their `timeout` or bypass the cache (`CachePolicy.bypass`),
 * and reads that never load (`getOption`).
 *
 * With `values: true`, each read has its result as `exit`: the cached value, even if the reader gets a copy.
 *
 * **Example** (Seeing where values came from)
 *
 * ```ts
 * import { Effect, Exit } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(Effect.gen(function*() {
 *   const [, first] = yield* Cached.detect(answer)
 *   const [, [second]] = yield* answer.pipe(Cached.detect({ values: true }))
 *   return [first.map(({ key, source }) => `${key}: ${source}`), second?.source, second?.exit]
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [["answer: load"], "memory", Exit.succeed(42)]
 * ```
 *
 * @see {@link events} for all reads of the cache
 * @category combinators
 * @since 0.1.0
 */
export const detect: <
  Self extends Effect.Effect<any, any, any> | DetectOptions,
  const Options extends DetectOptions = {}
>(
  // One signature, because a pipe infers nothing from several.
  self: Self,
  options?: Options
) => [Self] extends [Effect.Effect<infer A, infer E, infer R>] ? Effect.Effect<Reported<A, Options>, E, R>
  : <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<Reported<A, Self>, E, R> = dual(
    (args) => Effect.isEffect(args[0]),
    (self: Effect.Effect<unknown, unknown, unknown>, options: DetectOptions = {}): never => {
      checkOptions("Cached.detect", options, checksOfValues)
      return detecting(self, options.values === true) as never
    }
  )

type Reported<A, Options> = readonly [
  result: A,
  reads: ReadonlyArray<Options extends { readonly values: true } ? DetectedValue : Detected>
]

const detecting = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  values: boolean
): Effect.Effect<readonly [result: A, reads: ReadonlyArray<Detected>], E, R> =>
  Effect.flatMap(Current, (policy) => {
    const found: Array<Detected> = []
    const detector: Detector = { found, values, outer: policy.detector }
    return Effect.onExit(
      Effect.map(Effect.provideService(self, Current, { ...policy, detector }), (result) => [result, found] as const),
      () =>
        Effect.sync(() => {
          detector.found = undefined
        })
    )
  })
