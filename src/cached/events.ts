/**
 * Watching a cache: its events, what leaves its memory, and how reads were answered.
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
 * What the cache does, from when the stream is run until it ends; ids are told, values never. Who is slow loses the
 * oldest: 1024 wait for each subscriber at most, and no read ever waits for one.
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
 * @category watching
 * @since 0.1.0
 */
export const events: Stream.Stream<CacheEvent, never, Caching> = Stream.callback<CacheEvent, never, Caching>(
  (queue) =>
    Effect.acquireRelease(
      Effect.map(Caching, (caching) => cacheOf(caching).listen((event) => void Queue.offerUnsafe(queue, event))),
      (deafen) => Effect.sync(deafen)
    ),
  { bufferSize: waitingEvents, strategy: "sliding" }
)

/**
 * Runs an effect for every entry that leaves the memory tier, with the value it had and the cause, one after the other,
 * for as long as the scope is open. For what has to be closed or counted when it is no longer cached.
 *
 * Where it fails, or dies, that is logged and the next is told. 1024 wait at most, then the oldest are lost. The scope
 * closes when what has left before is dealt with. What is in memory when the cache itself closes is not told.
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
 * @category watching
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
      (deafen) =>
        Effect.suspend(() => {
          deafen()
          Queue.endUnsafe(queue)
          return Fiber.await(worker)
        })
    )
  })

/**
 * Runs an effect, and tells how each cached read in it was answered, in the order of the answers: those of the loads it
 * starts too, those of inner `detect`s, and those of the fibers that it forks, until it ends. Where it fails it fails:
 * give it `Effect.exit` to be told all the same. A read that is interrupted, that gives up after its `timeout`, or that
 * goes past the cache (`CachePolicy.bypass`) is not told; nor is one that loads nothing (`getOption`).
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
 * @category watching
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
