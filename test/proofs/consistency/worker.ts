/** A process that reads, writes and invalidates at random until it receives the signal to end, or is killed. */
import { Cause, Effect, Layer, Redacted, Schedule } from "effect"
import { Cached, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { LockError, StoreError } from "effect-cached/CacheError"
import { ObjectStore } from "effect-cached/objects"
import { PgStore } from "effect-cached/postgres"
import { RedisStore } from "effect-cached/redis"
import { SqliteStore } from "effect-cached/sqlite"
import { FetchHttpClient } from "effect/http"
import { join } from "node:path"
import { reasonOf } from "../../../src/drivers/sqlite/fault.ts"
import { clock, recorded, type Recorder, recorder, tracked } from "../../processes/recording.ts"
import { postgresWitness } from "../../support/postgresWitness.ts"
import { key as keyOfBucket } from "../../support/s3.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { witness } from "../../support/witness.ts"
import { makeBanks } from "./bank.ts"
import { makeBulk } from "./bulk.ts"
import { makeGuards } from "./guards.ts"
import {
  bankPrefix,
  bankTimeout,
  boundMillis,
  ids,
  leaseMillis,
  objectsStalenessMillis,
  type Plan,
  prefix,
  redisAt,
  tags
} from "./plan.ts"
import { dice } from "./random.ts"

const plan = JSON.parse(process.argv[2]!) as Plan
const { delays, directory, file, machine, name, seed, url } = plan
/** The id of a key class begins with the version of its schemas, which the check does not know. */
const shortId = (id: unknown): unknown => typeof id === "string" ? id.replace(/^~bulk@.*(\w)\W*$/, "bulk:$1") : id

const written = recorder(file, name)
const writeAll: Recorder["writeAll"] = (what, all) =>
  written.writeAll(what, all.map((fields) => "id" in fields ? { ...fields, id: shortId(fields["id"]) } : fields))
const recording: Recorder = { write: (what, fields = {}) => writeAll(what, [fields]), writeAll }
const { write } = recording
const thrown = dice(seed)
const { below, next, pick } = thrown

const state = { isEnding: false }
let made = 0

// ---------------------------------------------------------------------------------------------------------------------
// the store
// ---------------------------------------------------------------------------------------------------------------------

/** Before and after the store has done it, so that what it answers may be old. */
const late = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() =>
    Effect.flatMap(
      Effect.delay(effect, next() < 0.1 ? below(30) : below(3)),
      (answer) => Effect.delay(Effect.succeed(answer), next() < 0.2 ? below(60) : below(3))
    )
  )

const delayed = (store: Store.Store): Store.Store => ({
  ...store,
  capabilities: store.capabilities,
  getUnsafe: undefined,
  getCallback: undefined,
  // A lease may be granted after its `acquire` has timed out.
  workedMillis: undefined,
  get: (...asked) => late(store.get(...asked)),
  set: (...asked) => late(store.set(...asked)),
  remove: (...asked) => late(Effect.delay(store.remove(...asked), below(20))),
  acquire: (...asked) => late(store.acquire(...asked)),
  commit: (...asked) => late(store.commit(...asked)),
  renew: (...asked) => late(store.renew(...asked)),
  release: (...asked) => late(store.release(...asked)),
  markers: (...asked) => late(store.markers(...asked)),
  // Carried out later than operations requested after it.
  invalidateTags: (...asked) => late(Effect.delay(store.invalidateTags(...asked), below(20))),
  clear: late(store.clear),
  getMany: (...asked) => late(store.getMany(...asked)),
  touch: (...asked) => late(store.touch(...asked)),
  // Longer, so that look-ups fall between the commit and its answer.
  transact: store.transact && ((...asked) => late(Effect.tap(store.transact!(...asked), Effect.sleep(below(40)))))
})

const isPostgres = url?.startsWith("postgres:")
/** A bucket has neither locks nor transactions: those are in the folder. */
const isBucket = url?.startsWith("http:") === true
const places: Plan = isBucket ? { ...plan, url: undefined } : plan

const shared = url === undefined
  ? storeFrom(SqliteStore.layer({ directory, maxSize: "4 MiB" }))
  : isPostgres
  // Every second process has room for a part of the entries only.
  ? Effect.retry(storeFrom(PgStore.layer({ url, schema: prefix, maxSize: /[13579]$/.test(name) ? 3000 : undefined })), {
    times: 5
  })
  : isBucket
  ? storeFrom(ObjectStore.layer({
    bucket: "cache",
    endpoint: url,
    credentials: { accessKeyId: keyOfBucket.accessKeyId, secretAccessKey: Redacted.make(keyOfBucket.secret) },
    tagStaleness: objectsStalenessMillis / 2
  })).pipe(Effect.provide(FetchHttpClient.layer), Effect.retry({ times: 5 }))
  : storeFrom(RedisStore.layer({ ...redisAt(url, plan.nodes), prefix }))

const store = Effect.map(shared, (store) => {
  const told = isBucket ? recorded(store, recording) : tracked(recorded(store, recording), recording)
  return delays ? delayed(told) : told
})

const bankStore = Effect.map(
  url === undefined || isBucket
    ? storeFrom(SqliteStore.layer({ directory: join(directory, "bank"), maxSize: "4 MiB", storeTimeout: bankTimeout }))
    : isPostgres
    ? Effect.retry(storeFrom(PgStore.layer({ url, schema: bankPrefix })), { times: 5 })
    : storeFrom(RedisStore.layer({ ...redisAt(url, plan.nodes), prefix: bankPrefix })),
  (store) => delays ? delayed(store) : store
)

/** How often the last tier was asked for an id. */
const asked = new Map<string, number>()

const counted = (store: Store.Store): Store.Store => {
  const count = (id: string) => asked.set(id, (asked.get(id) ?? 0) + 1)
  const counting = <A>(ids: ReadonlyArray<string>, ask: () => A): A => {
    ids.forEach(count)
    return ask()
  }
  return {
    ...store,
    get: (id, tags) => Effect.suspend(() => counting([id], () => store.get(id, tags))),
    getMany: (ids) => Effect.suspend(() => counting(ids, () => store.getMany(ids))),
    acquire: (requests) => Effect.suspend(() => counting(requests.map(({ id }) => id), () => store.acquire(requests)))
  }
}

const leases = { lease: leaseMillis, wait: "20 seconds" } as const

const ofBucket = { maxStaleness: objectsStalenessMillis / 2, storeTimeout: "2 seconds" } as const

const layer = machine === undefined
  ? Layer.provide(CacheLayer.layer({ ...leases, ...isBucket ? ofBucket : {} }), Layer.effect(Store.Store, store))
  : CacheLayer.tiered([
    // Without memory, the folder of the machine answers all reads that it can.
    ...plan.hasMemory ? [CacheLayer.memory({ capacity: 8 })] : [],
    CacheLayer.disk({ directory: machine, maxSize: "4 MiB" }),
    Layer.provide(
      CacheLayer.layer({ ...leases, maxStaleness: boundMillis }),
      Layer.effect(Store.Store, Effect.map(store, counted))
    )
  ])

// ---------------------------------------------------------------------------------------------------------------------
// what is done at random
// ---------------------------------------------------------------------------------------------------------------------

const block = (millis: number): void => {
  const end = clock() + millis
  while (clock() < end);
}

const newValue = (id: string): string => {
  const value = `${name} ${++made}`
  write("value", { id, value })
  return value
}

/** Its value shows when it began. */
const load = (id: string) =>
  Effect.gen(function*() {
    const value = newValue(id)
    if (next() < 0.9) yield* Effect.sleep(below(next() < 0.05 ? 300 : 20))
    // Beyond its lease, and nothing can prolong it.
    else if (next() < 0.1) block(leaseMillis + below(200))
    return next() < 0.1 ? yield* Effect.fail("failed") : value
  })

const cached = (id: string) => {
  const options = { ttl: "1 hour" } as const
  switch (id) {
    case "late":
      return Cached.ttl(load(id), id, { ...options, tags: () => ids[id]! })
    case "refreshed":
      return Cached.refreshAhead(load(id), id, { ...options, tags: ids[id]!, refreshAfter: 100 })
    default:
      return Cached.ttl(load(id), id, { ...options, tags: ids[id]! })
  }
}

const read = (id: string) =>
  Effect.suspend(() => {
    const at = clock()
    const before = asked.get(id)
    return Effect.match(Cached.detect(cached(id)), {
      onSuccess: ([value, [one]]) =>
        // A tier before the last one has answered if that was not asked.
        write("read", { id, value, at, isCopy: one?.source === "store" && asked.get(id) === before }),
      onFailure: () => {}
    })
  })

/** A change that must hold for all later reads; only under `strict` is it known whether the store has it. */
const change = (
  what: string,
  fields: Readonly<Record<string, unknown>>,
  effect: Effect.Effect<void, never, Caching.Caching>
) =>
  Effect.suspend(() => {
    const at = clock()
    write(`${what} begins`, { ...fields, at })
    return Effect.match(CachePolicy.strict(effect), {
      onSuccess: () => write(what, { ...fields, at, reached: true }),
      onFailure: () => write(what, { ...fields, at, reached: false })
    })
  })

const set = (id: string) =>
  Effect.suspend(() => {
    const value = newValue(id)
    return change("changed", { id, value }, Cached.set(id, value, { ttl: "1 hour", tags: ids[id]! }))
  })

/** A change, and reads of what it concerns while the store is asked to carry it out. */
const besieged = <A, R>(change: Effect.Effect<A, never, R>, concerned: ReadonlyArray<string>) =>
  Effect.asVoid(Effect.all(
    [change, ...concerned.map((id) => Effect.delay(read(id), below(20)))],
    { concurrency: "unbounded" }
  ))

/** Few, so that most reads find a copy. */
const idsOfTiers = ["plain", "one", "both", "n0", "n1", "n2"]

const bulkStep = makeBulk({ dice: thrown, load, newValue, recorder: recording })

const step = Effect.suspend((): Effect.Effect<void, never, Caching.Caching> => {
  if (machine === undefined && next() < 0.15) return bulkStep
  const id = pick(machine === undefined ? Object.keys(ids) : idsOfTiers)
  const tag = pick(tags)
  const roll = next()
  if (roll < 0.91) return read(id)
  if (roll < 0.94) return besieged(change("changed", { id }, Cached.invalidate(id)), [id])
  if (roll < 0.98) {
    return besieged(
      change("changed", { tag }, Cached.invalidate({ tag })),
      Object.keys(ids).filter((id) => ids[id]!.includes(tag))
    )
  }
  if (roll < 0.998) return set(id)
  return change("changed", { all: true }, Cached.clear)
})

/** Now and then all pause: then no reader polls for changes of the others. */
let pausedUntil = 0

const reader = Effect.gen(function*() {
  while (!state.isEnding) {
    yield* step
    if (next() < 0.004) pausedUntil = clock() + 150 + below(500)
    yield* Effect.sleep(Math.max(below(8), pausedUntil - clock()))
  }
})

let lastTick = clock()

/** Records the time in which the process could do nothing, because it was stopped, or others had the processor. */
const recordLag = (): void => {
  const now = clock()
  if (now - lastTick > 25) write("lag", { at: lastTick })
  lastTick = now
}

/** A lock does not report it. */
const isFull = (error: StoreError | LockError): boolean =>
  error.reason === "Full" || error instanceof LockError && reasonOf(error.cause, "open") === "Full"

/** The distinguishing part comes first: the end of a long text may be lost. */
const said = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const why = error instanceof StoreError ? `${error.reason}, ${error.operation}, ${String(error.cause)}: ` : ""
  return why + Cause.pretty(cause)
}

process.on("message", () => state.isEnding = true)
process.on("disconnect", () => process.exit())
const lagWatch = setInterval(recordLag, 10)
if (url !== undefined && isPostgres) postgresWitness({ url, name }, recording)
else if (url !== undefined && !isBucket) {
  for (const node of plan.nodes ?? [url]) witness({ url: node, prefix, name }, recording)
}
process.send!("ready")
await Effect.runPromise(
  Effect.gen(function*() {
    const readers = Array.from({ length: 8 }, () => reader)
    // The check of tiers judges reads alone.
    if (machine !== undefined) {
      yield* Effect.all(readers, { concurrency: "unbounded" })
      write("stats", { ...yield* Cached.stats })
      return
    }
    const guarded = yield* makeGuards(places, recording, thrown, recordLag)
    const guardedSteps = Effect.gen(function*() {
      while (!state.isEnding) {
        yield* guarded
        yield* Effect.sleep(below(6))
      }
    })
    const bankStep = yield* makeBanks(places, recording, thrown, yield* bankStore)
    const bankSteps = Effect.gen(function*() {
      while (!state.isEnding) {
        yield* bankStep
        yield* Effect.sleep(below(8))
      }
    })
    // Those over a delayed store wait most of the time.
    const banking = Array.from({ length: delays ? 6 : 2 }, () => bankSteps)
    yield* Effect.all([...readers, guardedSteps, guardedSteps, ...banking], { concurrency: "unbounded" })
    write("stats", { ...yield* Cached.stats })
  }).pipe(
    Effect.scoped,
    Effect.provide(layer),
    // While the disk is full no folder can be made, so it is tried again.
    Effect.retry({ while: isFull, schedule: Schedule.spaced(50) }),
    Effect.tapCause((cause) => Effect.sync(() => write("died", { cause: said(cause) })))
  )
)
clearInterval(lagWatch)
process.disconnect()
