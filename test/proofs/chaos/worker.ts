/**
 * A process that reads, writes and invalidates at random until it receives the signal to end, or is killed. Its loads
 * never fail, so every read must give a value.
 */
import { Cause, Deferred, Effect, Exit, Layer, type Scope } from "effect"
import { Cached, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { clock, recorded, type Recorder, recorder, tracked } from "../../processes/recording.ts"
import { makeBulk } from "../consistency/bulk.ts"
import { ids, tags } from "../consistency/plan.ts"
import { dice } from "../consistency/random.ts"
import { briefMillis, longTurnMillis, type Plan } from "./plan.ts"
import type { Parts } from "./redis/store.ts"

const { file, isWitnessed, name, seed, store: module, where, work } = JSON.parse(process.argv[2]!) as Plan
const recording = recorder(file, name)
const { write } = recording
const thrown = dice(seed)
const { below, next, pick } = thrown

const state = { isEnding: false }
let made = 0

const { besides, storeOf, watchLateness } = await import(new URL(module, import.meta.url).href) as {
  /** The steps of mixed work beside reads, one of each kind. Present if the store has locks and transactions. */
  readonly besides?: (parts: Parts) => Effect.Effect<ReadonlyArray<Effect.Effect<unknown>>, never, Scope.Scope>
  readonly storeOf: (where: unknown, name: string) => Effect.Effect<Store.Store, never, never>
  /** Present if the store involves more than this process. */
  readonly watchLateness?: (where: unknown, name: string, recorder: Recorder) => void
}

const layer = Layer.provide(
  CacheLayer.layer({
    ...work.maxLoadMillis === undefined ? {} : { maxLoad: work.maxLoadMillis },
    ...work.leaseMillis === undefined ? {} : { lease: work.leaseMillis },
    ...work.storeTimeoutMillis === undefined ? {} : { storeTimeout: work.storeTimeoutMillis },
    ...work.maxStalenessMillis === undefined ? {} : { maxStaleness: work.maxStalenessMillis }
  }),
  Layer.effect(
    Store.Store,
    Effect.map(
      storeOf(where, name),
      (store) => recorded(store.capabilities.changes !== false ? tracked(store, recording) : store, recording)
    )
  )
)

const block = (millis: number): void => {
  const end = clock() + millis
  while (clock() < end);
}

/** Its value shows when it began. */
const load = (id: string) =>
  Effect.gen(function*() {
    const value = newValue(id)
    if (work.blockMillis > 0 && next() < 0.2) block(work.blockMillis)
    else yield* Effect.sleep(below(work.loadMillis))
    write("loaded", { id, value })
    return value
  })

const read = (id: string) =>
  Effect.suspend(() => {
    const at = clock()
    return Effect.matchCause(Cached.ttl(load(id), id, { ttl: "1 hour", tags: ids[id]! }), {
      onSuccess: (value) => write("read", { id, value, at }),
      onFailure: (cause) => write("failed", { id, at, cause: Cause.pretty(cause) })
    })
  })

/** Whether the store knows of it is known only under `strict`. */
const change = (fields: Readonly<Record<string, unknown>>, effect: Effect.Effect<void, never, Caching.Caching>) =>
  Effect.suspend(() => {
    const at = clock()
    write("changed begins", { ...fields, at })
    return Effect.matchCause(CachePolicy.strict(effect), {
      onSuccess: () => write("changed", { ...fields, at, reached: true }),
      onFailure: (cause) =>
        write("changed", { ...fields, at, reached: false, cause: Cause.pretty(cause).slice(0, 200) })
    })
  })

const newValue = (id: string): string => {
  const value = `${name} ${++made}`
  write("value", { id, value })
  return value
}

const set = (id: string) =>
  Effect.suspend(() => {
    const value = newValue(id)
    return change({ id, value }, Cached.set(id, value, { ttl: "1 hour", tags: ids[id]! }))
  })

const step = Effect.suspend((): Effect.Effect<void, never, Caching.Caching> => {
  const id = pick(Object.keys(ids))
  const roll = next()
  if (roll < 0.93) return read(id)
  if (roll < 0.96) return change({ id }, Cached.invalidate(id))
  if (roll < 0.99) return Effect.suspend((tag = pick(tags)) => change({ tag }, Cached.invalidate({ tag })))
  return set(id)
})

const reader = Effect.gen(function*() {
  while (!state.isEnding) {
    yield* step
    yield* Effect.sleep(1 + below(8))
  }
})

const value = Array.from({ length: work.valueBytes }, () => String.fromCharCode(32 + below(90))).join("")

/** A value under a new key. */
const miss = Effect.suspend(() => {
  const at = clock()
  const key = `bulk ${name} ${++made}`
  return Effect.matchCause(Cached.ttl(Effect.succeed(`${made}${value}`), key, { ttl: "1 hour" }), {
    onSuccess: () => write("miss", { at }),
    onFailure: (cause) => write("failed", { id: key, at, cause: Cause.pretty(cause) })
  })
})

const writer = Effect.gen(function*() {
  while (!state.isEnding) {
    yield* miss
    yield* Effect.yieldNow
  }
})

const herds = Effect.gen(function*() {
  while (!state.isEnding && work.herd > 0) {
    yield* Effect.all(Array.from({ length: work.herd }, () => miss), { concurrency: "unbounded", discard: true })
    yield* Effect.sleep(500)
  }
})

/** Every second all processes want one key that is new to all of them. */
const crowds = Effect.gen(function*() {
  while (!state.isEnding && work.waiters > 0) {
    const second = Math.floor(clock() / 1000) + 1
    yield* Effect.sleep(second * 1000 - clock())
    const [at, id] = [clock(), `herd ${second}`]
    const one = Cached.ttl(load(id), id, { ttl: "1 hour" })
    const count = work.waiters
    yield* Effect.all(Array.from({ length: count }, () => one), { concurrency: "unbounded" }).pipe(
      Effect.matchCause({
        onSuccess: (values) =>
          new Set(values).size === 1
            ? write("herd", { id, at, count })
            : write("failed", { id, at, cause: "they got different values" }),
        onFailure: (cause) => write("failed", { id, at, cause: Cause.pretty(cause) })
      })
    )
  }
})

/** Reads an entry whose load always succeeds: it must not be served after its soft deadline. */
const readBrief = Effect.suspend(() => {
  const [at, id] = [clock(), `brief ${below(3)}`]
  return Effect.matchCause(Cached.softTtl(load(id), id, { ttl: "1 hour", softTtl: briefMillis }), {
    onSuccess: (value) => write("brief", { id, value, at }),
    onFailure: (cause) => write("failed", { id, at, cause: Cause.pretty(cause) })
  })
})

const mixed = Effect.gen(function*() {
  if (!work.isMixed) return
  const others = yield* besides!({ where, name, dice: thrown, recorder: recording })
  const bulk = makeBulk({ dice: thrown, load, newValue, recorder: recording })
  const again = (one: Effect.Effect<unknown, never, Caching.Caching>) =>
    Effect.whileLoop({
      while: () => !state.isEnding,
      body: () => Effect.andThen(one, Effect.sleep(2 + below(16))),
      step: () => {}
    })
  yield* Effect.all([bulk, readBrief, ...others].map(again), { concurrency: "unbounded" })
})

/** How long the process could do nothing else, and how much of that it worked itself. */
const watchTurns = (): NodeJS.Timeout => {
  let last = clock()
  let used = process.threadCpuUsage()
  return setInterval(() => {
    const now = clock()
    const { system, user } = process.threadCpuUsage(used)
    if (now - last > longTurnMillis) write("turn", { at: last, cpuMillis: (system + user) / 1000 })
    // Such a read cannot be distinguished from one that was delayed by so much.
    if (now - last > longTurnMillis) write("lag", { at: last })
    last = clock()
    used = process.threadCpuUsage()
  }, 2)
}

const closing = Deferred.makeUnsafe<void>()
process.on("message", (message) => {
  state.isEnding = true
  if (message === "close") Deferred.doneUnsafe(closing, Exit.void)
})
process.on("disconnect", () => process.exit())
const many = <A>(count: number, one: A): ReadonlyArray<A> => Array.from({ length: count }, () => one)
await Effect.runPromise(
  Effect.gen(function*() {
    // Compilation by the first calls does not count as a turn of theirs.
    yield* Effect.all([...Object.keys(ids).map(read), miss])
    const turns = watchTurns()
    if (isWitnessed) watchLateness?.(where, name, recording)
    process.send!("ready")
    // A process that receives the signal to close is interrupted in the middle of its work.
    yield* Effect.raceFirst(
      Effect.all([...many(8, reader), ...many(work.writers, writer), herds, crowds, mixed], {
        concurrency: "unbounded"
      }),
      Deferred.await(closing)
    )
    clearInterval(turns)
    write("stats", { ...yield* Cached.stats })
  }).pipe(
    Effect.scoped,
    Effect.tapCause((cause) => Effect.sync(() => write("died", { cause: Cause.pretty(cause) }))),
    Effect.provide(layer)
  )
)
process.disconnect()
