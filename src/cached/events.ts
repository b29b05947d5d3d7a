/**
 * Watching a cache: its events, the entries that leave memory, and how reads were answered.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CacheEvent, Detected, Removal } from "../CacheEvent.ts"
import { Caching } from "../Caching.ts"
import { waitingEvents } from "../internal/defaults.ts"
import { cacheOf } from "../internal/engine/cache.ts"
import { Current } from "../internal/engine/flight/callPolicy.ts"
import type { Detector } from "../internal/engine/telemetry/detect.ts"

/**
 * A stream of what the cache does, from the moment the stream runs.
 *
 * **Details**
 *
 * Events carry ids, never values. No read waits for a subscriber: at most 1024 events wait for each one, and a slow one
 * loses the oldest.
 *
 * **Example** (Collecting three events)
 *
 * ```ts
 * import { Effect, Fiber, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 *
 * const program = Effect.gen(function*() {
 *   const events = yield* Cached.events.pipe(Stream.take(3), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
 *   yield* Effect.all([answer, answer])
 *   return (yield* Fiber.join(events)).map(({ _tag }) => _tag)
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["Miss", "Load", "Hit"]
 * ```
 *
 * @see `Cached.stats` for counters
 * @see {@link detect} for the reads of one effect
 *
 * @category subscriptions
 * @since 0.1.0
 */
export const events: Stream.Stream<CacheEvent, never, Caching> = Stream.callback<CacheEvent, never, Caching>(
  (queue) =>
    Effect.acquireRelease(
      Effect.map(Caching, (caching) => cacheOf(caching).listen((event) => void Queue.offerUnsafe(queue, event))),
      (unsubscribe) => Effect.sync(unsubscribe)
    ),
  { bufferSize: waitingEvents, strategy: "sliding" }
)

/**
 * Runs an effect for every entry that leaves memory, for as long as the scope is open.
 *
 * **When to use**
 *
 * Use to close or count what is no longer cached.
 *
 * **Details**
 *
 * - The entries are handled one after the other. A failure or defect is logged, and the next entry follows.
 * - At most 1024 entries wait; past that the oldest are lost.
 * - When the scope closes it waits until the entries that have left are handled.
 *
 * **Gotchas**
 *
 * Entries that are in memory when the cache itself closes are not reported.
 *
 * **Example** (Recording removals)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const gone: Array<string> = []
 * const program = Effect.gen(function*() {
 *   yield* Cached.onRemoval(({ cause, id }) => Effect.sync(() => gone.push(`${id}: ${cause}`)))
 *   yield* Cached.set("a", 1)
 *   yield* Cached.set("a", 2)
 *   yield* Cached.invalidate("a")
 * })
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(CacheLayer.memory())))
 * gone // => ["a: replaced", "a: invalidated"]
 * ```
 *
 * @category subscriptions
 * @since 0.1.0
 */
export const onRemoval = <E, R>(
  f: (removal: Removal) => Effect.Effect<void, E, R>
): Effect.Effect<void, never, R | Caching | Scope.Scope> =>
  Effect.gen(function*() {
    const queue = yield* Queue.sliding<Removal, Cause.Done>(waitingEvents)
    const caching = cacheOf(yield* Caching)
    const handle = (removal: Removal) => Effect.ignoreCause(Effect.suspend(() => f(removal)), { log: "Warn" })
    const worker = yield* Effect.forkScoped(
      Effect.ignore(Effect.forever(Effect.flatMap(Queue.take(queue), handle)))
    )
    yield* Effect.acquireRelease(
      Effect.sync(() => caching.onRemoval((removal) => void Queue.offerUnsafe(queue, removal))),
      (unsubscribe) =>
        Effect.suspend(() => {
          unsubscribe()
          Queue.endUnsafe(queue)
          return Fiber.await(worker)
        })
    )
  })

/**
 * Runs an effect and also gives how each cached read in it was answered, in the order of the answers.
 *
 * **Details**
 *
 * Included are the reads of the loads that the effect starts, of the fibers that it forks (until it ends), and of inner
 * `detect`s.
 *
 * **Gotchas**
 *
 * - If the effect fails, so does `detect`. Wrap the effect in `Effect.exit` to get its reads all the same.
 * - Not included are reads that are interrupted, that give up after their `timeout`, that go past the cache
 *   (`CachePolicy.bypass`), and reads that never load (`getOption`).
 *
 * **Example** (Seeing where values came from)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 *
 * const program = Effect.gen(function*() {
 *   const [, first] = yield* Cached.detect(answer)
 *   const [, second] = yield* Cached.detect(answer)
 *   return [...first, ...second].map(({ key, source }) => `${key}: ${source}`)
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["answer: load", "answer: memory"]
 * ```
 *
 * @see {@link events} for all reads of the cache
 *
 * @category combinators
 * @since 0.1.0
 */
export const detect = <A, E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<readonly [result: A, reads: ReadonlyArray<Detected>], E, R> =>
  Effect.flatMap(Current, (policy) => {
    const found: Array<Detected> = []
    const detector: Detector = { found, outer: policy.detector }
    return Effect.onExit(
      Effect.map(Effect.provideService(self, Current, { ...policy, detector }), (result) => [result, found] as const),
      () =>
        Effect.sync(() => {
          detector.found = undefined
        })
    )
  })
