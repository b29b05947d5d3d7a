/**
 * A cache that remembers what it was asked and how it answered, so that a test can say: the second call was a hit.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as CacheKey from "../CacheKey.ts"
import * as Caching from "../Caching.ts"
import { type Flight, Within } from "../internal/engine/flight.ts"
import type { Request } from "../internal/engine/request.ts"

/**
 * How a read was answered.
 *
 * - `hit`: with what was stored, in memory or in the store
 * - `load`: by a load that it started
 * - `joined`: by a load that another had started
 * - `stale`: with what was stored, because the load failed or took too long
 * - `miss`: with nothing (`Cached.getOption`, `has`, `expiresIn`: they load nothing)
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "hit" | "load" | "joined" | "stale" | "miss"

/**
 * Something that a cache was asked, by id (`CacheKey.id`), or did by itself. A read stands where it was answered; one
 * that was interrupted does not appear.
 *
 * @category models
 * @since 0.1.0
 */
export type Recorded =
  | { readonly _tag: "Read"; readonly id: string; readonly outcome: Outcome }
  /** a load in the background began */
  | { readonly _tag: "Refresh"; readonly id: string }
  | { readonly _tag: "Set"; readonly id: string }
  | { readonly _tag: "Invalidate"; readonly ids: ReadonlyArray<string> }
  | { readonly _tag: "InvalidateTags"; readonly tags: ReadonlyArray<string> }
  | { readonly _tag: "Clear" }

/**
 * What was recorded.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shape {
  /** everything, in order */
  readonly log: Effect.Effect<ReadonlyArray<Recorded>>
  /** how the reads of one key were answered, in order */
  readonly reads: (key: CacheKey.Any | string) => Effect.Effect<ReadonlyArray<Outcome>>
  /** forgets what was recorded so far */
  readonly forget: Effect.Effect<void>
}

/**
 * What the cache of a test was asked.
 *
 * @category services
 * @since 0.1.0
 */
export class RecordingCache extends Context.Service<RecordingCache, Shape>()("effect-cached/testing/RecordingCache") {}

/**
 * Records what any cache layer is asked: provide it instead of that one.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { RecordingCache } from "effect-cached/testing"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 *
 * const test = Effect.gen(function*() {
 *   yield* answer
 *   yield* answer
 *   const recording = yield* RecordingCache.RecordingCache
 *   return yield* recording.reads("answer")
 * }).pipe(Effect.provide(RecordingCache.layer(CacheLayer.memory())))
 *
 * await Effect.runPromise(test) // => ["load", "hit"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(
  cache: Layer.Layer<Caching.Caching, E, R>
): Layer.Layer<Caching.Caching | RecordingCache, E, R> =>
  Layer.provide(
    Layer.effectContext(Effect.map(Caching.Caching, (inner) => {
      const self: Self = { inner, log: [], loads: new Map(), refreshes: new WeakSet() }
      return Context.make(Caching.Caching, recording(self)).pipe(Context.add(RecordingCache, handle(self)))
    })),
    cache
  )

interface Self {
  readonly inner: Caching.Shape
  log: Array<Recorded>
  /** the last load of each id */
  readonly loads: Map<string, Loading>
  readonly refreshes: WeakSet<Flight>
}

interface Loading {
  readonly isRefresh: boolean
  /** `undefined`: it has not ended */
  exit: Exit.Exit<unknown, unknown> | undefined
}

const handle = (self: Self): Shape => ({
  log: Effect.sync(() => self.log.slice()),
  reads: (key) =>
    Effect.sync(() => {
      const id = CacheKey.id(key)
      return self.log.flatMap((recorded) => recorded._tag === "Read" && recorded.id === id ? [recorded.outcome] : [])
    }),
  forget: Effect.sync(() => {
    self.log = []
  })
})

const recording = (self: Self): Caching.Shape => {
  const { inner } = self
  const after = <A, E, R>(effect: Effect.Effect<A, E, R>, recorded: (answer: A) => Recorded): Effect.Effect<A, E, R> =>
    Effect.tap(effect, (answer) => Effect.sync(() => self.log.push(recorded(answer))))
  return {
    ...inner,
    read: (fiber, request) => read(self, request, (request) => inner.read(fiber, request)),
    lookup: (key) =>
      after(inner.lookup(key), (entry) => ({
        _tag: "Read",
        id: CacheKey.id(key),
        outcome: entry === undefined ? "miss" : "hit"
      })),
    set: (key, ...rest) => after(inner.set(key, ...rest), () => ({ _tag: "Set", id: CacheKey.id(key) })),
    invalidate: (ids) => after(inner.invalidate(ids), () => ({ _tag: "Invalidate", ids })),
    invalidateTags: (tags) => after(inner.invalidateTags(tags), () => ({ _tag: "InvalidateTags", tags })),
    clear: after(inner.clear, () => ({ _tag: "Clear" }))
  }
}

const read = <A, E>(
  self: Self,
  request: Request<A, E>,
  run: (request: Request<A, E>) => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const id = CacheKey.id(request.key as CacheKey.Any | string)
  const before = self.loads.get(id)
  const wasRunning = before !== undefined && before.exit === undefined
  let own: Loading | undefined
  const load = observed(self, id, request.load, (loading) => {
    own = loading
  })
  const answer = run(Object.create(request, { load: { value: load } }) as Request<A, E>)
  const record = (outcome: Outcome) => {
    self.log.push({ _tag: "Read", id, outcome })
  }
  // What memory answers, it answers at once.
  if (Exit.isExit(answer)) {
    record("hit")
    return answer
  }
  return Effect.onExit(answer, (exit) =>
    Effect.sync(() => {
      if (Exit.hasInterrupts(exit)) return
      const last = self.loads.get(id)
      const others = last === own || (last === before && !wasRunning) ? undefined : last
      record(outcomeOf(exit, own, others))
    }))
}

const outcomeOf = (
  exit: Exit.Exit<unknown, unknown>,
  own: Loading | undefined,
  others: Loading | undefined
): Outcome => {
  const loading = own ?? others
  // Nobody waits for a refresh of his own.
  if (loading === undefined || own?.isRefresh === true) return "hit"
  if (Exit.isSuccess(exit)) {
    // Beside a refresh that has not ended the store answers still.
    if (loading.exit === undefined) return loading.isRefresh ? "hit" : "stale"
    if (Exit.isFailure(loading.exit)) return "stale"
    // It ended while the store was asked, and is not what was answered.
    if (own === undefined && !Object.is(loading.exit.value, exit.value)) return "hit"
  }
  return own === undefined ? "joined" : "load"
}

/** A load that tells when it begins and how it ends. What it needs is known where the effect is wrapped, not here. */
const observed = <A, E>(
  self: Self,
  id: string,
  load: Effect.Effect<A, E, any>,
  begins: (loading: Loading) => void
): Effect.Effect<A, E, any> =>
  Effect.withFiber((fiber) => {
    const flight = fiber.getRef(Within)
    const isRefresh = flight !== undefined && flight.id === id && flight.refresh
    const loading: Loading = { isRefresh, exit: undefined }
    self.loads.set(id, loading)
    begins(loading)
    // A refresh may be tried again.
    if (isRefresh && !self.refreshes.has(flight)) {
      self.refreshes.add(flight)
      self.log.push({ _tag: "Refresh", id })
    }
    return Effect.onExit(load, (exit) =>
      Effect.sync(() => {
        loading.exit = exit
      }))
  })
