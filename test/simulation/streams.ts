/**
 * Random programs with cached streams, under seeded schedules: consumers that drain, stop, dawdle and are interrupted,
 * on one engine or two over one store that may fail, hang and lose pages, beside invalidations.
 */
import { Cause, Context, Effect, Exit, Fiber, Layer, type Logger, References, Scope, Stream } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, type Caching, Guard } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { dice as diceFrom } from "../../src/testing/internal/dice.ts"
import * as SeededScheduler from "../../src/testing/SeededScheduler.ts"
import { decide, type Judged, type Tallies } from "./decide.ts"
import { type Dice, diceOf } from "./plan.ts"
import type { RuleName } from "./rules.ts"

const padding = "x".repeat(30_000)

/** One run of the origin. */
interface Run {
  readonly number: number
  readonly engine: number
  readonly length: number
  /** The place in the order of all that happens. */
  readonly startedAt: number
  endedAt: number
  /** When a consumer has received its end. Until then the run may wait for a store that goes wrong. */
  receivedAt: number
  ended: "no" | "well" | "failed" | "died" | "interrupted"
}

interface Config {
  readonly engines: number
  readonly store: "none" | "sync" | "async"
  readonly memory: boolean
  readonly soft: boolean
  readonly lease: boolean
  readonly storesFailures: boolean
  readonly maxBytes: number
  readonly whenSlow: "fail" | "wait"
  readonly emit: "atOnce" | "whenComplete"
  /** Each element has the number of its run: runs are different. */
  readonly changes: boolean
  readonly faults: number
  readonly losses: boolean
  readonly invalidates: boolean
  readonly failures: boolean
  readonly refreshes: boolean
}

const drawConfig = (dice: Dice): Config => {
  const store = dice.pick(["none", "sync", "async"] as const)
  return {
    engines: store === "none" || dice.chance(0.6) ? 1 : 2,
    store,
    memory: store === "none" || dice.chance(0.6),
    soft: dice.chance(0.3),
    lease: dice.chance(0.4),
    storesFailures: dice.chance(0.2),
    maxBytes: dice.chance(0.3) ? 70_000 : 10_000_000,
    whenSlow: dice.pick(["fail", "wait"]),
    emit: dice.chance(0.2) ? "whenComplete" : "atOnce",
    changes: dice.chance(0.7),
    faults: dice.chance(0.3) ? 0.1 : 0,
    losses: dice.chance(0.2),
    invalidates: dice.chance(0.45),
    failures: dice.chance(0.5),
    refreshes: dice.chance(0.3)
  }
}

/** A store that answers at once or later, and goes wrong. */
const storeOf = (config: Config, dice: Dice, entries: Map<string, CacheEntry.Stored>): Store.Store => {
  const plain = Store.makeSync({
    name: "simulated",
    capabilities: { shared: config.engines > 1 },
    get: (id) => entries.get(id),
    set: (id, entry) => void entries.set(id, entry),
    setIfAbsent: (id, entry) => !entries.has(id) && entries.set(id, entry) !== undefined,
    remove: (id) => entries.delete(id),
    clear: () => entries.clear(),
    // Nothing is missed, so no flight is too old to be joined.
    changes: () => () => [],
    scan: (prefix) => Array.from(entries, ([id, { meta }]) => ({ id, meta })).filter(({ id }) => id.startsWith(prefix))
  })
  const wrap = <A>(operation: string, answer: Effect.Effect<A, CacheError.StoreError>) =>
    Effect.suspend(() => {
      const delay = config.store === "async" ? Effect.sleep(dice.below(5)) : Effect.void
      const fails = dice.chance(config.faults)
      const after = dice.chance(0.5)
      const failure = Effect.fail(new CacheError.StoreError({ store: "simulated", operation, reason: "Unavailable" }))
      if (!fails) return Effect.andThen(delay, answer)
      if (dice.chance(0.2)) return Effect.never
      return Effect.andThen(delay, after ? Effect.andThen(answer, failure) : failure)
    })
  return {
    ...plain,
    getUnsafe: config.store === "sync" && config.faults === 0 ? plain.getUnsafe : undefined,
    get: (id, tags) => wrap("get", plain.get(id, tags)),
    set: (requests) => wrap("set", plain.set(requests)),
    remove: (ids) => wrap("remove", plain.remove(ids)),
    acquire: (requests) => wrap("acquire", plain.acquire(requests)),
    commit: (requests) => wrap("commit", plain.commit(requests)),
    invalidateTags: (tags, mode) => wrap("invalidateTags", plain.invalidateTags(tags, mode))
  }
}

type Origin = Stream.Stream<string, unknown>

/** Guards around the origin that let it run. */
const guards: ReadonlyArray<(origin: Origin, name: string) => Origin> = [
  (origin) => origin,
  Guard.rateLimit({ key: "all", limit: 1e9, window: "1 hour" }),
  Guard.rateLimit({ key: "all", limit: 1e9, window: "1 hour", algorithm: "token-bucket" }),
  Guard.rateLimit({ key: "all", limit: 1e9, window: "1 hour", algorithm: "sliding-counter" }),
  Guard.rateLimit({ key: "all", limit: 10_000, window: 10, algorithm: "sliding-log" }),
  Guard.circuitBreaker({ key: "all", failures: 1e9 }),
  // One lock for each run: a run that was left holds its lock until it has ended.
  (origin, name) => Guard.locked(origin, { key: name, lease: 300 })
]

const quiet = Context.make(References.CurrentLoggers, new Set<Logger.Logger<unknown, unknown>>())

/** The violations in the schedule of a seed. */
export const simulateStreams = (seed: number, tallies: Tallies = new Map()): ReadonlyArray<string> => {
  const judged: Judged = { violations: [], tallies, say: () => {} }
  const dice = diceOf(diceFrom(seed).nextDoubleUnsafe)
  const config = drawConfig(dice)
  // Separate dice: the rest of a seed draws the same values with and without guards.
  const guard = diceOf(diceFrom(seed + 0x94d0_49bb).nextDoubleUnsafe).pick(guards)
  const runs: Array<Run> = []
  const entries = new Map<string, CacheEntry.Stored>()
  let step = 0
  /** By engine: the last step at which an invalidation of its own had completed. */
  const invalidatedAt = Array.from({ length: config.engines }, () => -1)

  const origin = (engine: number): Origin =>
    Stream.unwrap(Effect.sync(() => {
      const run: Run = {
        number: runs.length + 1,
        engine,
        length: dice.below(9),
        startedAt: ++step,
        endedAt: Infinity,
        receivedAt: Infinity,
        ended: "no"
      }
      runs.push(run)
      const others = runs.filter((other) =>
        other !== run && other.ended === "no" && (config.lease || other.engine === engine)
      )
      const isQuiet = !config.refreshes && !config.invalidates && !config.losses && config.faults === 0 &&
        config.maxBytes > 1_000_000
      if (isQuiet) {
        decide(judged, "an id has one load", others.length === 0, () => `run ${run.number}, ${others.length}`)
      }
      const end = config.failures ? dice.pick(["well", "failed", "died"] as const) : "well"
      const elements = Array.from(
        { length: run.length },
        (_, i) => `#${config.changes ? run.number : 0} ${i} ${padding}`
      )
      const closing = end === "well"
        ? Stream.empty
        : Stream.fromEffect(end === "failed" ? Effect.fail("down") : Effect.die("bug"))
      const stream = Stream.fromIterable(elements).pipe(
        Stream.rechunk(1 + dice.below(3)),
        Stream.tap(() => dice.chance(0.5) ? Effect.sleep(dice.below(2000)) : Effect.void),
        Stream.concat(Stream.drain(closing))
      )
      return guard(stream, `run ${seed} ${run.number}`).pipe(
        Stream.onExit((exit) =>
          Effect.sync(() => {
            run.endedAt = ++step
            run.ended = Exit.isSuccess(exit) ? "well" : Exit.hasInterrupts(exit) ? "interrupted" : end
          })
        )
      )
    }))

  const consume = (engine: number) =>
    Effect.gen(function*() {
      yield* Effect.sleep(dice.below(20_000))
      const startedAt = ++step
      const invalidated = invalidatedAt[engine]!
      const { emit, lease, maxBytes, whenSlow } = config
      const options = {
        ...conditions(config),
        tags: ["tag"],
        retryAfter: 0,
        emit,
        shareLoad: lease,
        maxBytes,
        whenSlow
      }
      const soft = { strategy: "softTtl", ttl: 10_000, softTtl: 3000, fallbackOn: "all" } as const
      const stream = config.soft
        ? Cached.stream(origin(engine), "rows", { ...options, ...soft })
        : Cached.stream(origin(engine), "rows", { ...options, ttl: 8000 })
      const pauses = dice.pick([0, 0, 0, 500, 4000])
      const most = dice.chance(0.2) ? dice.below(6) : Infinity
      const got: Array<string> = []
      const reading = stream.pipe(
        most === Infinity ? (self) => self : Stream.take(most),
        Stream.runForEach((element) =>
          Effect.andThen(Effect.sync(() => void got.push(element)), pauses === 0 ? Effect.void : Effect.sleep(pauses))
        )
      )
      const fiber = yield* Effect.forkChild(
        config.refreshes && dice.chance(0.3) ? CachePolicy.refresh(reading) : reading
      )
      const patience = dice.chance(0.2) ? dice.below(8000) : undefined
      const interrupting = patience === undefined
        ? undefined
        : yield* Effect.forkChild(Effect.andThen(Effect.sleep(patience), Fiber.interrupt(fiber)))
      const exit = yield* Fiber.await(fiber)
      if (interrupting !== undefined) yield* Fiber.interrupt(interrupting)
      check({ engine, startedAt, invalidated, got, most, exit })
    })

  const conditions = ({ storesFailures }: Config) => storesFailures ? { when: () => true } : {}

  interface Consumed {
    readonly engine: number
    readonly startedAt: number
    readonly invalidated: number
    readonly got: ReadonlyArray<string>
    readonly most: number
    readonly exit: Exit.Exit<unknown, unknown>
  }

  const check = ({ exit, got, invalidated, most, startedAt }: Consumed): void => {
    const rule = (name: RuleName, holds: boolean, what = "") =>
      decide(judged, name, holds, () => `${what}; got ${got.map((one) => one.slice(0, 4))}; ${JSON.stringify(config)}`)
    const seen = got.map((element) => element.slice(1).split(" ", 2).map(Number) as [number, number])
    const isOne = seen.every(([number, index], i) => index === i && number === seen[0]![0])
    if (seen.length > 0) rule("a stream is of one run", isOne)
    if (!isOne) return
    const run = config.changes && seen.length > 0 ? runs[seen[0]![0] - 1]! : undefined
    if (run !== undefined) {
      const what = `run ${run.number} (${run.ended}, ${run.length})`
      // Other engines invalidate too, and their invalidations arrive later.
      if (invalidated >= 0 && config.engines === 1) rule("what was removed is gone", run.startedAt >= invalidated, what)
      if ((config.faults === 0 ? run.endedAt : run.receivedAt) < startedAt) {
        rule("only failures that are to be stored are", run.ended === "well" || isStoredFailure(run), what)
      }
      if (Exit.isFailure(exit) && !Exit.hasInterrupts(exit)) run.receivedAt = Math.min(run.receivedAt, ++step)
      if (Exit.isSuccess(exit) && most === Infinity) {
        rule("a stream is served as a whole", run.ended === "well" && got.length === run.length, what)
      }
    }
    if (Exit.isSuccess(exit) || Exit.hasInterrupts(exit)) return
    const error = Cause.squash(exit.cause)
    const isLagging = error instanceof CacheError.StreamLagged && config.whenSlow === "fail" &&
      (config.maxBytes < 1e6 || config.faults > 0)
    // Replaced and expired streams leave while a slow consumer reads them.
    const isCut = error instanceof CacheError.StreamCut && config.store !== "none"
    rule("a call fails with its load only", error === "down" || error === "bug" || isLagging || isCut, String(error))
  }

  const isStoredFailure = ({ ended }: Run): boolean => ended === "failed" && config.storesFailures

  const disturb = (engine: number) =>
    Effect.gen(function*() {
      yield* Effect.sleep(dice.below(20_000))
      if (config.losses && dice.chance(0.5)) {
        const pages = Array.from(entries.keys()).filter((id) => id.startsWith("~:p:"))
        if (pages.length > 0) entries.delete(dice.pick(pages))
      }
      if (!config.invalidates) return
      const began = ++step
      yield* dice.pick([Cached.invalidate("rows"), Cached.invalidate({ tag: "tag" }), Cached.clear])
      invalidatedAt[engine] = Math.max(invalidatedAt[engine]!, began)
    })

  const store = Layer.succeed(Store.Store, storeOf(config, dice, entries))
  const options = { storeTimeout: 400, shutdownTimeout: 1000 }
  const layer: Layer.Layer<Caching.Caching> = config.store === "none"
    ? CacheLayer.memory({ shutdownTimeout: 1000 })
    : CacheLayer.layer({ ...options, memory: config.memory }).pipe(Layer.provide(store))

  const program = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const engines = yield* Effect.forEach(
      Array.from({ length: config.engines }),
      () => Layer.buildWithScope(layer, scope)
    )
    const fibers = yield* Effect.forEach(
      engines.flatMap((context, engine) => [
        ...Array.from({ length: 6 }, () => Effect.provide(consume(engine), context)),
        ...Array.from({ length: 3 }, () => Effect.provide(disturb(engine), context))
      ]),
      (effect) => Effect.forkChild(effect)
    )
    for (const fiber of fibers) {
      const exit = yield* Fiber.await(fiber)
      decide(judged, "a program ends", Exit.isSuccess(exit), () => String(exit))
    }
    // Pages that are removed behind their readers.
    yield* Effect.sleep("90 seconds")
    if (config.faults === 0 && config.changes) checkPages()
    yield* Scope.close(scope, Exit.void)
  })

  /** Nothing is left of runs that were not stored. */
  const checkPages = (): void => {
    for (const [id, { payload }] of entries) {
      if (!id.startsWith("~:p:")) continue
      const number = Number(/#(\d+) \d+ x/.exec(new TextDecoder().decode(payload))?.[1])
      const run = runs[number - 1]
      const isStored = run !== undefined && (run.ended === "well" || isStoredFailure(run))
      decide(judged, "only what is stored leaves pages", isStored, () => `run ${number}, which has ${run?.ended}`)
    }
  }

  const { exit, fibers } = SeededScheduler.make({ seed }).run(Effect.provide(program, quiet))
  const isDone = exit !== undefined && Exit.isSuccess(exit)
  decide(judged, "a program ends", isDone, () => exit === undefined ? "it hangs" : String(exit))
  const left = runs.filter(({ ended }) => ended === "no")
  const isOver = fibers === 0 && left.length === 0
  decide(judged, "nothing is left running", isOver, () => `${fibers} fibers, runs ${left.map((run) => run.number)}`)
  return judged.violations
}
