/**
 * A cache that records its requests and their outcomes. A test can assert, for example, that a second call was a hit.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Detected, Source } from "../CacheEvent.ts"
import * as CacheKey from "../CacheKey.ts"
import * as Caching from "../Caching.ts"
import { type Cache, cacheOf, type Operation } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { loadingOf } from "../internal/engine/request/attempt.ts"
import { Current } from "../internal/engine/request/callPolicy.ts"
import { inheritOf } from "../internal/engine/request/inherit.ts"
import type { Detector } from "../internal/engine/telemetry/detect.ts"
import type { Glob } from "../internal/text/glob.ts"

/**
 * The outcome of a read.
 *
 * - `hit`: answered with a fresh stored value, from memory or the store
 * - `load`: answered by a load that the read started
 * - `joined`: answered by a load that another read or a refresh had started
 * - `stale`: answered with the stored value, while a refresh runs
 * - `fallback`: answered with the stored value, because the load failed or took too long
 * - `miss`: found no entry, in a request that does not load (`Cached.getOption`, `getMany`, `has`, `expiresIn`, …)
 * @category models
 * @since 0.1.0
 */
type Outcome = "hit" | "load" | "joined" | "stale" | "fallback" | "miss"

/**
 * A recorded request, or a refresh that the cache started. Requests are recorded in the order in which they are
 * answered, with ids as `CacheKey.id` gives them. A read of many keys is recorded as one read for each key. Interrupted
 * requests, a `set` whose condition did not hold, and a `touch` that found no entry are not recorded.
 * @category models
 * @since 0.1.0
 */
export type Recorded =
  | { readonly _tag: "Read"; readonly id: string; readonly outcome: Outcome }
  | { readonly _tag: "Refresh"; readonly id: string }
  | { readonly _tag: "Set"; readonly id: string }
  | { readonly _tag: "Touch"; readonly id: string }
  | { readonly _tag: "Increment"; readonly name: string; readonly by: number }
  | { readonly _tag: "Invalidate"; readonly ids: ReadonlyArray<string>; readonly mode: "hard" | "soft" }
  | { readonly _tag: "InvalidateTags"; readonly tags: ReadonlyArray<string>; readonly mode: "hard" | "soft" }
  | { readonly _tag: "InvalidateMatching"; readonly pattern: string; readonly invalidated: number }
  | { readonly _tag: "Clear" }

/**
 * A read in a load that does not inherit changes: invalidating the key that was read leaves the loaded result valid.
 * @category models
 * @since 0.1.0
 */
interface Uninherited {
  readonly id: string
  /** The id whose load performed the read. */
  readonly by: string
}

/**
 * Reads and clears the records of a cache.
 * @category models
 * @since 0.1.0
 */
interface Shape {
  readonly log: Effect.Effect<ReadonlyArray<Recorded>>
  /** The outcomes of the reads of one key, in order. */
  readonly reads: (key: CacheKey.Any | string) => Effect.Effect<ReadonlyArray<Outcome>>
  /** The reads inside loads that do not set `inherit: "changes"`. */
  readonly uninherited: Effect.Effect<ReadonlyArray<Uninherited>>
  readonly forget: Effect.Effect<void>
}

const layer = <E, R>(
  cache: Layer.Layer<Caching.Caching, E, R>
): Layer.Layer<Caching.Caching | RecordingCache, E, R> =>
  Layer.provide(
    Layer.effectContext(Effect.gen(function*() {
      const inner = cacheOf(yield* Caching.Caching)
      const self: Self = { inner, log: [], uninherited: [] }
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          inner.perform(Operations.listen, (event) => {
            if (event._tag === "Refresh") self.log.push({ _tag: "Refresh", id: event.id })
          })
        ),
        (unsubscribe) => Effect.sync(unsubscribe)
      )
      return Context.make(Caching.Caching, recording(self)).pipe(Context.add(RecordingCache, handle(self)))
    })),
    cache
  )

/**
 * A cache that records its requests. `RecordingCache.layer` wraps the layer of a cache, and is provided in its place.
 * The service lets the test read what was recorded.
 *
 * **When to use**
 *
 * Use in a test that checks which keys were read, loaded or invalidated.
 *
 * **Example** (Asserting on a hit)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { RecordingCache } from "effect-cached/testing"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * const test = Effect.gen(function*() {
 *   yield* Effect.all([answer, answer])
 *   return yield* (yield* RecordingCache).reads("answer")
 * }).pipe(Effect.provide(RecordingCache.layer(CacheLayer.memory())))
 * await Effect.runPromise(test) // => ["load", "hit"]
 * ```
 *
 * **Example** (Reading the log)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { RecordingCache } from "effect-cached/testing"
 *
 * const test = Effect.gen(function*() {
 *   yield* Cached.set("answer", 42)
 *   return yield* (yield* RecordingCache).log
 * }).pipe(Effect.provide(RecordingCache.layer(CacheLayer.memory())))
 * await Effect.runPromise(test) // => [{ _tag: "Set", id: "answer" }]
 * ```
 *
 * @see `Cached.events` for the events of a running program
 * @category services
 * @since 0.1.0
 */
export class RecordingCache extends Context.Service<RecordingCache, Shape>()("effect-cached/testing/RecordingCache") {
  static readonly layer = layer
}

interface Self {
  readonly inner: Cache
  log: Array<Recorded>
  uninherited: Array<Uninherited>
}

const handle = (self: Self): Shape => ({
  log: Effect.sync(() => self.log.slice()),
  reads: (key) =>
    Effect.sync(() => {
      const id = CacheKey.id(key)
      return self.log.flatMap((recorded) => recorded._tag === "Read" && recorded.id === id ? [recorded.outcome] : [])
    }),
  uninherited: Effect.sync(() => self.uninherited.slice()),
  forget: Effect.sync(() => {
    self.log = []
    self.uninherited = []
  })
})

const recording = (self: Self): Cache => {
  const { inner } = self
  return {
    ...inner,
    read: (fiber, request) => {
      noteUninherited(self, fiber, [request.key])
      return read(self, [request.key], (fiber) => inner.read(fiber, request))
    },
    perform: (operation, ...args) => (recorders.get(operation) ?? unrecorded)(self, operation, args)
  }
}

const noteUninherited = (
  self: Self,
  { context }: Fiber.Fiber<any, any>,
  keys: ReadonlyArray<CacheKey.Any | string>
): void => {
  const flight = loadingOf(context)?.flight
  if (flight === undefined || inheritOf(flight) === "changes" || Context.get(context, Current).bypass) return
  for (const key of keys) self.uninherited.push({ id: CacheKey.id(key), by: flight.id })
}

type Recorder = (self: Self, operation: Operation<any, any>, args: ReadonlyArray<any>) => any

const unrecorded: Recorder = ({ inner }, operation, args) => inner.perform(operation, ...args)

const after = <Args extends ReadonlyArray<any>, A, E, R>(
  operation: Operation<Args, Effect.Effect<A, E, R>>,
  recorded: (answer: A, ...args: Args) => ReadonlyArray<Recorded>
): [Operation<any, any>, Recorder] => [
  operation,
  (self, operation, args) =>
    Effect.tap(
      self.inner.perform(operation as Operation<any, Effect.Effect<A, E, R>>, ...args),
      (answer) => Effect.sync(() => self.log.push(...recorded(answer, ...args as unknown as Args)))
    )
]

/** Records an operation that reads keys, and notes reads inside loads that do not inherit changes. */
const afterRead = <Args extends ReadonlyArray<any>, A, E, R>(
  operation: Operation<Args, Effect.Effect<A, E, R>>,
  keysOf: (...args: Args) => ReadonlyArray<CacheKey.Any | string>,
  recorded: (answer: A, ...args: Args) => ReadonlyArray<Recorded>
): [Operation<any, any>, Recorder] => {
  const [of, recorder] = after(operation, recorded)
  return [of, (self, operation, args) =>
    Effect.withFiber((fiber) => {
      noteUninherited(self, fiber, keysOf(...args as unknown as Args))
      return recorder(self, operation, args)
    })]
}

const looked = (key: CacheKey.Any | string, entry: unknown): Recorded => ({
  _tag: "Read",
  id: CacheKey.id(key),
  outcome: entry === undefined ? "miss" : "hit"
})

/** The operations to record. All others are not recorded, such as listings, streams and reads of counters. */
const recorders = new Map<Operation<any, any>, Recorder>([
  [
    Operations.readMany,
    (self, operation, [fiber, many]) => {
      noteUninherited(self, fiber, many.keys)
      return read(self, many.keys, (fiber) => self.inner.perform(operation, fiber, many))
    }
  ],
  afterRead(Operations.lookup, (key) => [key], (entry, key) => [looked(key, entry)]),
  afterRead(Operations.find, (key) => [key], (entry, key) => [looked(key, entry)]),
  afterRead(
    Operations.lookupMany,
    (keys) => keys,
    (entries, keys) => keys.map((key, i) => looked(key, entries[i]))
  ),
  after(Operations.setMany, (_, pairs) => pairs.map(([key]) => ({ _tag: "Set", id: CacheKey.id(key) }))),
  after(Operations.set, (isSet, key) => isSet ? [{ _tag: "Set", id: CacheKey.id(key) }] : []),
  after(Operations.touch, (isTouched, key) => isTouched ? [{ _tag: "Touch", id: CacheKey.id(key) }] : []),
  after(Operations.increment, (_, name, by) => [{ _tag: "Increment", name, by }]),
  after(Operations.invalidate, (_, ids, mode = "hard") => [{ _tag: "Invalidate", ids, mode }]),
  after(Operations.invalidateTags, (_, tags, mode = "hard") => [{ _tag: "InvalidateTags", tags, mode }]),
  [
    Operations.invalidateMatching,
    (self, _, [glob, mode]: ReadonlyArray<any>) => {
      const { pattern } = glob as Glob
      let invalidated = 0
      return self.inner.perform(Operations.invalidateMatching, glob, mode).pipe(
        Stream.map((progress) => {
          invalidated = progress.invalidated
          return progress
        }),
        Stream.onEnd(Effect.sync(() => self.log.push({ _tag: "InvalidateMatching", pattern, invalidated })))
      )
    }
  ],
  after(Operations.clear, () => [{ _tag: "Clear" }])
])

/** Runs a read, and records its outcome for each key. Ignores the reads of other keys that its loads perform. */
const read = <A, E, R>(
  self: Self,
  keys: ReadonlyArray<CacheKey.Any | string>,
  run: (fiber: Fiber.Fiber<any, any>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Current, (policy) => {
    const found: Array<Detected> = []
    const detector: Detector = { found, values: false, outer: policy.detector }
    const detected = Effect.provideService(Effect.withFiber(run), Current, { ...policy, detector })
    return Effect.onExit(detected, (exit) =>
      Effect.sync(() => {
        detector.found = undefined
        if (Exit.hasInterrupts(exit)) return
        for (const id of new Set(keys.map((key) => CacheKey.id(key)))) {
          // If nothing was detected for the key, the read bypassed the cache or timed out, which is recorded as a load.
          const source = found.findLast(({ key }) => key === id)?.source ?? "load"
          self.log.push({ _tag: "Read", id, outcome: outcomes[source] })
        }
      }))
  })

const outcomes: { readonly [source in Source]: Outcome } = {
  memory: "hit",
  store: "hit",
  stale: "stale",
  load: "load",
  joined: "joined",
  fallback: "fallback"
}
