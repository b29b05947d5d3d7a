/** Runs one case under virtual time, and returns its violations. */
import { Cause, Duration, Effect, Exit, Fiber, Layer, Option, Schema, Scope, Stream } from "effect"
import { Cached, CacheKey, Guard } from "effect-cached"
import type { Serializer, Store } from "effect-cached/adapters"
import type { Caching } from "effect-cached/Caching"
import { Within } from "../../../src/internal/engine/request/attempt.ts"
import type { Flights } from "../../../src/internal/engine/state.ts"
import * as SeededScheduler from "../../../src/testing/SeededScheduler.ts"
import * as Looking from "../../support/looking.ts"
import type { Policy, Strategy as StrategyName } from "../serving.ts"
import { under } from "../under.ts"
import { budgetMillis, type Kind, lateMillis, layerOf, quiet, serializers } from "./caches.ts"
import * as Model from "./model.ts"

export interface Case {
  readonly kind: Kind
  readonly strategy: StrategyName
  readonly policy: Policy
  readonly outcome: Model.OutcomeName
  readonly state: Model.StateName
  readonly guard: string
  /** The form of the load: a value, or the elements of a stream. */
  readonly form: "effect" | "stream"
}

type Load = Effect.Effect<any, any, any> | Stream.Stream<any, any, any>

/** Guards around the load that let it run, without a visible effect. */
const guards: { readonly [guard: string]: <A extends Load>(load: A, n: number) => any } = {
  none: (load) => load,
  "fixed window": Guard.rateLimit({ key: "all", limit: 1e9, window: "1 hour" }),
  "token bucket": Guard.rateLimit({ key: "all", limit: 1e9, window: "1 hour", algorithm: "token-bucket" }),
  counter: Guard.rateLimit({ key: "all", limit: 1e9, window: "1 hour", algorithm: "sliding-counter" }),
  log: (load, n) =>
    Guard.rateLimit(load, { key: `case ${n}`, limit: 100, window: "1 second", algorithm: "sliding-log" }),
  breaker: Guard.circuitBreaker({ key: "all", failures: 1e6 }),
  locked: (load, n) => Guard.locked(load, { key: `case ${n}` })
}

export const guardNames = Object.keys(guards)

const Value = Schema.Struct({ n: Schema.Int })
class Down extends Schema.TaggedError<Down>()("Down", { n: Schema.Int }) {}

class Thing extends CacheKey.Class<Thing>()("Thing", { payload: { case: Schema.Int }, success: Value, error: Down }) {}

interface Running {
  readonly case: Case
  readonly n: number
  readonly key: CacheKey.Any | string
  readonly tag: string
  readonly reference: Model.Reference
  readonly wrong: Array<string>
  readonly now: () => number
  /** Counts of the loads: how many have begun, and how many of their scopes were closed. */
  readonly seen: { n: number; closed: number; readonly succeeded: Set<number> }
  engine: Flights | undefined
}

const load = (self: Running, outcome: Model.OutcomeName) =>
  Effect.gen(function*() {
    const n = ++self.seen.n
    self.engine ??= (yield* Within)?.flight?.engine
    yield* Effect.addFinalizer(() => Effect.sync(() => void self.seen.closed++))
    const slow = Model.takes(outcome)
    if (slow > 0) yield* Effect.sleep(slow)
    switch (outcome) {
      case "failure":
      case "storedFailure":
        return yield* new Down({ n })
      case "defect":
        return yield* Effect.die("defect")
      case "both":
        return yield* Effect.failCause(Cause.combine(Cause.fail(new Down({ n })), Cause.die("defect")))
      case "interruption":
        return yield* Effect.interrupt
      default:
        self.seen.succeeded.add(n)
        return { n }
    }
  })

/** All elements of a read must be of one load. */
const elementsOf = (value: unknown): ReadonlyArray<unknown> => [value, value, value]

/** Reads all elements, as one value where they are as they must be. */
const collected = (stream: Stream.Stream<unknown, any, Caching>) =>
  Effect.map(
    Stream.runCollect(stream),
    (elements) => show(elements) === show(elementsOf(elements[0])) ? elements[0] : { n: `of ${show(elements)}` }
  )

const streamRequest = (self: Running, strategy: StrategyName, outcome: Model.OutcomeName) => {
  const { millis } = Model
  const origin = Stream.unwrap(Effect.map(load(self, outcome), (value) => Stream.fromIterable(elementsOf(value))))
  const guarded = guards[self.case.guard]!(origin, self.n) as Stream.Stream<any, any>
  const when = outcome === "failure" ? undefined : () => true
  const base = { tags: [self.tag], when }
  const { ttl } = millis
  const key = self.key as string
  return collected(
    strategy === "ttl"
      ? Cached.stream(guarded, key, { ...base, ttl })
      : strategy === "softTtl"
      ? Cached.stream(guarded, key, { ...base, strategy, ttl, softTtl: millis.soft, fallbackOn: "all" })
      : Cached.stream(guarded, key, { ...base, strategy: "untilInvalidated" })
  )
}

const request = (self: Running, strategy: StrategyName, outcome: Model.OutcomeName) => {
  const { millis } = Model
  if (self.case.form === "stream") return streamRequest(self, strategy, outcome)
  const effect = guards[self.case.guard]!(load(self, outcome), self.n)
  // It is never asked about defects and interruptions.
  const when = outcome === "failure" ? undefined : () => true
  const timeout = outcome === "timeout" ? millis.wait : undefined
  const softTimeout = outcome === "slow" ? millis.wait : undefined
  const base = { tags: [self.tag], timeout, when }
  const { ttl } = millis
  switch (strategy) {
    case "ttl":
      return Cached.ttl(effect, self.key as string, { ...base, ttl })
    case "softTtl":
      return Cached.softTtl(effect, self.key as string, {
        ...base,
        ttl,
        softTtl: millis.soft,
        softTimeout,
        fallbackOn: "all"
      })
    case "refreshAhead":
      return Cached.refreshAhead(effect, self.key as string, { ...base, ttl, refreshAfter: millis.soft })
    case "probabilistic":
      // So small that the dice are never for a refresh.
      return Cached.probabilistic(effect, self.key as string, { ...base, ttl, beta: 0.001 })
    case "sliding":
      return Cached.sliding(effect, self.key as string, { ...base, ttl, idle: millis.idle })
    case "maxHits":
      return Cached.maxHits(effect, self.key as string, { ...base, ttl, hits: Model.hits })
    case "dynamic":
      return Cached.withStrategy(effect, self.key as string, {
        ...base,
        strategy: { strategy: "maxHits", hits: 3, refreshAfter: 1, ttl: "24 hours" }
      })
    case "failover":
      return Cached.failover(effect, self.key as string, { ...base, ttl, softTimeout, fallbackOn: "all" })
    case "untilInvalidated":
      return Cached.untilInvalidated(effect, self.key as string, base)
  }
}

const show = (thing: unknown): string => JSON.stringify(thing)

const expectSame = (self: Running, what: string, actual: unknown, expected: unknown): void => {
  if (show(actual) !== show(expected)) self.wrong.push(`${what}: ${show(actual)}, not ${show(expected)}`)
}

/** One read, and the same of the model. */
const read = (self: Running, what: string, policy: Policy, outcome: Model.OutcomeName) =>
  Effect.gen(function*() {
    const { strategy } = self.case
    const now = self.now()
    const expected = Model.read(self.reference, {
      now,
      strategy,
      policy,
      outcome,
      isStream: self.case.form === "stream"
    })
    const asked = under[policy](request(self, strategy, outcome)) as Effect.Effect<unknown, unknown, Caching>
    let answer: Model.Answer
    if (outcome === "left") {
      const fiber = yield* Effect.forkChild(asked, { startImmediately: true })
      yield* Effect.sleep(Model.millis.wait)
      yield* Fiber.interrupt(fiber)
      const exit = fiber.pollUnsafe()!
      answer = Exit.hasInterrupts(exit) ? { _tag: "Left" } : Model.describe(exit)
    } else answer = Model.describe(yield* Effect.exit(asked))
    return { what, answer, expected, tookMillis: outcome === "left" ? expected.tookMillis : self.now() - now }
  })

const checkRead = (self: Running, done: Effect.Success<ReturnType<typeof read>>): void => {
  const { answer, expected, tookMillis, what } = done
  if (self.case.kind.store === "chaos") return checkLoosely(self, done)
  expectSame(self, what, answer, expected.answer)
  expectSame(self, `${what} took`, tookMillis, expected.tookMillis)
}

/** Over a store that goes wrong: the answer is a load's, or the outcome of this one, and not late. */
const checkLoosely = (self: Running, { answer, tookMillis, what }: Effect.Success<ReturnType<typeof read>>): void => {
  const { outcome, policy } = self.case
  const isRead = what === "the read"
  // A budget for the load, and one for the invalidation before it; a page is read and written in one of its own.
  const budgets = self.case.form === "stream" ? 6 : 2
  const mayTake = (isRead ? Model.takes(outcome) : 0) + budgets * budgetMillis
  if (tookMillis > mayTake) self.wrong.push(`${what} took ${tookMillis}`)
  if (answer._tag === "Value") {
    if (!self.seen.succeeded.has(answer.n)) self.wrong.push(`${what}: ${show(answer)}, which no load has brought`)
    return
  }
  const isStored = outcome === "storedFailure" && answer._tag === "Failure"
  const isStrict = isRead && policy === "strict" && answer._tag === "StoreError"
  if (isStrict || isStored || (isRead && ownAnswers[outcome].includes(answer._tag))) return
  self.wrong.push(`${what}: ${show(answer)}`)
}

const ownAnswers: Readonly<Record<Model.OutcomeName, ReadonlyArray<Model.Answer["_tag"]>>> = {
  success: [],
  failure: ["Failure"],
  storedFailure: ["Failure"],
  defect: ["Defect"],
  both: ["Both"],
  interruption: ["Interrupt"],
  timeout: ["LoadTimeout"],
  slow: [],
  left: ["Left"]
}

/** Brings the cache into the state in which the read in question finds it. */
const prepare = (self: Running) =>
  Effect.gen(function*() {
    const { state } = self.case
    if (state === "nothing") return
    checkRead(self, yield* read(self, "the first read", "normal", "success"))
    yield* Effect.sleep(10)
    if (state === "read") {
      for (let i = 0; i < 2; i++) {
        checkRead(self, yield* read(self, "a read before", "normal", "success"))
        yield* Effect.sleep(10)
      }
    }
    if (state === "stale") yield* Effect.sleep(40)
    if (state === "expired") yield* Effect.sleep(140)
    if (state === "softened") {
      yield* Cached.invalidate({ tag: self.tag }, { mode: "soft" })
      if (self.reference.held !== undefined) self.reference.held.softAt = -Infinity
    }
    if (state === "gone") {
      yield* Cached.invalidate({ tag: self.tag })
      self.reference.held = undefined
    }
  })

const codecs = new Map<string, { readonly success: Serializer.Codec<any>; readonly failure: Serializer.Codec<any> }>()
const codecsOf = ({ schema, serializer }: Kind) => {
  const name = `${serializer} ${schema}`
  const make = (schema: Schema.Codec<any, any> | undefined) =>
    serializers[serializer].make(schema) as Serializer.Codec<any>
  const codecs_ = codecs.get(name) ??
    { success: make(schema ? Value : undefined), failure: make(schema ? Down : undefined) }
  codecs.set(name, codecs_)
  return codecs_
}

/** The cache contains exactly the entries that it may contain. */
const checkStored = (self: Running, store: Store.Store | undefined) =>
  Effect.gen(function*() {
    const { kind } = self.case
    const { held } = self.reference
    const now = self.now()
    const isLive = Model.isLive(self.reference, now)
    const isHeld = isLive
    if (self.case.form === "stream") return yield* checkManifest(self, store, isHeld)
    const found = yield* Cached.getOption(self.key)
    const value = isHeld && held!.isValue ? { n: held!.n } : undefined
    expectSame(self, "cached", Option.getOrUndefined(found), value)
    expectSame(self, "has", yield* Cached.has(self.key), isHeld)
    const left = isHeld ? held!.expiresAt - now : undefined
    const expiresIn = Option.getOrUndefined(yield* Looking.expiresIn(self.key))
    expectSame(self, "expires in", expiresIn === undefined ? undefined : Duration.toMillis(expiresIn), left)
    if (store === undefined || !isHeld || (!held!.isValue && !kind.schema)) return
    const { entry } = yield* Effect.orDie(store.get(CacheKey.id(self.key), []))
    if (entry === undefined) return void self.wrong.push("the store has nothing")
    const { failure, success } = codecsOf(kind)
    const codec = entry.meta.outcome === "success" ? success : failure
    const stored = yield* Effect.orDie(codec.decode(entry.payload, "id"))
    expectSame(self, "stored", [stored.n, entry.meta.outcome], [held!.n, held!.isValue ? "success" : "failure"])
  })

/** look-ups of values do not see streams; the store has its manifest. */
const checkManifest = (self: Running, store: Store.Store | undefined, isHeld: boolean) =>
  Effect.gen(function*() {
    const { held } = self.reference
    expectSame(self, "cached", Option.getOrUndefined(yield* Cached.getOption(self.key)), undefined)
    expectSame(self, "has", yield* Cached.has(self.key), false)
    if (store === undefined || (isHeld && !held!.isValue && !self.case.kind.schema)) return
    const { entry } = yield* Effect.orDie(store.get(CacheKey.id(self.key), []))
    const isLive = entry !== undefined && self.now() < entry.meta.expiresAt
    if (isHeld !== isLive && self.case.state !== "gone") self.wrong.push(`the store has ${isLive ? "one" : "none"}`)
    if (!isHeld || !isLive) return
    expectSame(
      self,
      "stored",
      [entry.meta.expiresAt, entry.meta.outcome],
      [held!.expiresAt, held!.isValue ? "success" : "failure"]
    )
  })

const checkEngine = ({ engine, wrong }: Running): void => {
  if (engine === undefined) return
  const { storeTier, flights, memory, refreshing, running } = engine
  const left = {
    flights: flights.all().length,
    running: running.size,
    refreshing: refreshing.running.size,
    queued: refreshing.queue.size,
    releasing: storeTier?.background.jobs.size ?? 0
  }
  for (const [what, count] of Object.entries(left)) if (count > 0) wrong.push(`${what}: ${count}`)
  if (memory.entries.size > memory.capacity) wrong.push(`${memory.entries.size} entries in memory`)
}

const checkCounters = (self: Running) =>
  Effect.gen(function*() {
    const stats = yield* Cached.stats
    const { loadFailures, loads, misses, refreshes, served, stale } = self.reference.counts
    const { hits, storeHits } = stats
    expectSame(
      self,
      "counters",
      {
        served: hits + storeHits,
        misses: stats.misses,
        stale: stats.stale,
        loads: stats.loads,
        refreshes: stats.refreshes,
        loadFailures: stats.loadFailures
      },
      { served, misses, stale, loads, refreshes, loadFailures }
    )
    expectSame(self, "loads that ran", self.seen.n, self.reference.n)
  })

/** The read in question, and one after it. */
const scenario = (self: Running, store: Store.Store | undefined) =>
  Effect.gen(function*() {
    const { outcome, policy } = self.case
    checkRead(self, yield* read(self, "the read", policy, outcome))
    yield* Effect.sleep(35)
    const isExact = self.case.kind.store !== "chaos"
    if (isExact) {
      checkEngine(self)
      yield* checkStored(self, store)
    }
    checkRead(self, yield* read(self, "the second read", "normal", "success"))
    yield* Effect.sleep(5)
    if (isExact) yield* checkCounters(self)
  })

/** The violations of a case. */
export const run = (one: Case, n: number, store: Store.Store | undefined): ReadonlyArray<string> => {
  const schedule = SeededScheduler.make({ seed: n, yieldChance: 0 })
  const self: Running = {
    case: one,
    n,
    key: one.kind.schema ? new Thing({ case: n }) : `case ${n}`,
    tag: `case ${n}`,
    reference: Model.make(one.kind.memory || one.kind.schema),
    wrong: [],
    now: schedule.now,
    seen: { n: 0, closed: 0, succeeded: new Set() },
    engine: undefined
  }
  const program = Effect.gen(function*() {
    const inCache = Effect.fnUntraced(function*(use: Effect.Effect<void, never, Caching>) {
      const scope = yield* Scope.make()
      yield* Effect.provideContext(use, yield* Layer.buildWithScope(layerOf(one.kind, store), scope))
      yield* Scope.close(scope, Exit.void)
    })
    if (one.kind.restarts) {
      yield* inCache(prepare(self))
      Model.restart(self.reference)
      self.engine = undefined
      yield* inCache(scenario(self, store))
    } else yield* inCache(Effect.andThen(prepare(self), scenario(self, store)))
    if (one.kind.store === "chaos") yield* Effect.sleep(lateMillis)
    checkEngine(self)
    expectSame(self, "scopes of loads that were closed", self.seen.closed, self.seen.n)
    if (schedule.fibers() !== 1) self.wrong.push(`${schedule.fibers() - 1} fibers left`)
    if (schedule.timers() !== 0) self.wrong.push(`${schedule.timers()} timers left`)
  })
  const fiber = Effect.runForkWith(schedule.context)(Effect.provideContext(program, quiet))
  schedule.settle()
  const exit = fiber.pollUnsafe()
  if (exit === undefined) self.wrong.push("it never ended")
  else if (Exit.isFailure(exit)) self.wrong.push(`it failed: ${Cause.pretty(exit.cause)}`)
  return self.wrong
}
