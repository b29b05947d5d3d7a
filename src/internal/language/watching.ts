import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CacheEvent, Detected, Removal } from "../../CacheEvent.ts"
import { Caching } from "../../Caching.ts"
import type { Detector } from "../engine/observe.ts"
import { Current } from "../engine/policy.ts"

/**
 * What the cache does, from now on. Who is slow loses the oldest: a thousand wait for each subscriber at most.
 *
 * @category watching
 * @since 0.1.0
 */
export const events: Stream.Stream<CacheEvent, never, Caching> = Stream.callback<CacheEvent, never, Caching>(
  (queue) =>
    Effect.acquireRelease(
      Effect.map(Caching, (caching) => caching.listen((event) => void Queue.offerUnsafe(queue, event))),
      (deafen) => Effect.sync(deafen)
    ),
  { bufferSize: 1024, strategy: "sliding" }
)

/**
 * Runs an effect for every entry that leaves the memory tier, with the value it had and the cause, for as long as the
 * scope is open. For what has to be closed or counted when it is no longer cached; a thousand wait at most, then the
 * oldest are lost.
 *
 * @category watching
 * @since 0.1.0
 */
export const onRemoval = <E, R>(
  f: (removal: Removal) => Effect.Effect<void, E, R>
): Effect.Effect<void, never, R | Caching | Scope.Scope> =>
  Effect.gen(function*() {
    const queue = yield* Queue.sliding<Removal>(1024)
    const caching = yield* Caching
    yield* Effect.acquireRelease(
      Effect.sync(() => caching.onRemoval((removal) => void Queue.offerUnsafe(queue, removal))),
      (deafen) => Effect.sync(deafen)
    )
    yield* Effect.forkScoped(
      Effect.forever(Effect.flatMap(Queue.take(queue), (removal) => Effect.ignore(f(removal), { log: "Warn" })))
    )
  })

/**
 * Runs an effect, and tells how each cached read in it was answered, in the order of the answers: those of the loads it
 * starts too, and those of inner `detect`s.
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
    const detector: Detector = { found: [], outer: policy.detector }
    return Effect.map(
      Effect.provideService(self, Current, { ...policy, detector }),
      (result) => [result, detector.found.slice()] as const
    )
  })
