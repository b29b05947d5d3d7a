/**
 * Random programs with derived entries (`inherit: "changes"`) under seeded schedules: one to three engines on one
 * store, or one without a store, two levels of derived entries and a list of a whole group. Changes by other processes
 * arrive late, the store goes down and comes back, and loses entries and markers. Every value records its sources.
 *
 * Some seeds do more: transactions write what was read, and fail with what they have written; classes, indexed fields
 * and patterns are invalidated; streams are read, and derive. That is drawn from dice of its own, so that the others
 * stay what they were.
 */
import {
  Context,
  Effect,
  Exit,
  Layer,
  type Logger,
  Option,
  References,
  Schedule,
  Schema,
  Scope,
  Semaphore,
  Stream
} from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching, Transaction } from "effect-cached"
import { type CacheEntry, Lock, Store } from "effect-cached/adapters"
import * as Leases from "../../src/internal/store/leases.ts"
import * as Markers from "../../src/internal/store/markers/markers.ts"
import { dice as diceFrom } from "../../src/testing/internal/dice.ts"
import * as SeededScheduler from "../../src/testing/SeededScheduler.ts"
import { processLock } from "../support/services.ts"
import { decide, type Judged, type Tallies } from "./decide.ts"
import { type Dice, diceOf } from "./plan.ts"
import { withShortTurns, withStubs } from "./shortTurns.ts"
import { answering } from "./stores.ts"

/** The sources of a value, and when each of them ends. */
interface Made {
  readonly of: { readonly [source: string]: number }
  readonly ends: ReadonlyArray<number>
}

interface Config {
  readonly engines: number
  readonly store: "none" | "sync" | "async" | "callbacks"
  readonly memory: boolean
  readonly capacity: number
  readonly outages: boolean
  readonly losses: boolean
  readonly list: number
}

const drawConfig = (dice: Dice): Config => {
  const store = dice.pick(["none", "sync", "async", "callbacks"] as const)
  return {
    engines: store === "none" ? 1 : 1 + dice.below(3),
    store,
    memory: store === "none" || dice.chance(0.8),
    capacity: dice.chance(0.3) ? 3 : 1000,
    outages: (store === "async" || store === "callbacks") && dice.chance(0.3),
    losses: dice.chance(0.4),
    list: dice.chance(0.15) ? 70 : 3
  }
}

/** Optional activities of a seed. */
interface More {
  readonly transactions: boolean
  readonly groups: boolean
  readonly streams: boolean
}

const drawMore = (dice: Dice): More => ({
  transactions: dice.chance(0.4),
  groups: dice.chance(0.3),
  streams: dice.chance(0.3)
})

/** A change that is completed, and its place in the log of the store; `Infinity`: the store may not have it yet. */
interface Completed {
  readonly by: number
  readonly source: string
  readonly version: number
  readonly position: number
}

const storageOf = (dice: Dice, config: Config) => {
  const entries = new Map<string, CacheEntry.Stored>()
  const markers = Markers.make()
  const known = new Set<string>()
  const leases = Leases.make()
  const log: Array<{ readonly from: number; readonly change: Store.Change }> = []
  const heard: Array<number> = []
  let isUp = true
  const drop = (from: number, tag: string) => {
    if (markers.version(tag) === undefined) return
    markers.remove!([tag])
    log.push({ from, change: { _tag: "TagChanged", tag } })
  }
  const viewOf = (n: number, context: Context.Context<never>): Store.Store => {
    const changed = (id: string) => void log.push({ from: n, change: { _tag: "Changed", id } })
    heard[n] = 0
    const view = Store.makeSync({
      name: "shared",
      capabilities: { shared: true },
      get: (id) => entries.get(id),
      set: (id, entry) => {
        entries.set(id, entry)
        changed(id)
      },
      remove: (id) => {
        changed(id)
        return entries.delete(id)
      },
      scan: (prefix) =>
        Array.from(entries, ([id, { meta }]) => ({ id, meta })).filter(({ id }) => id.startsWith(prefix)),
      tags: {
        version: markers.version,
        markers: (tags, newVersion) => {
          for (const tag of tags) known.add(tag)
          return markers.markers(tags, newVersion)
        },
        invalidate: (tags, newVersion, mode) => {
          markers.invalidate(tags, newVersion, mode)
          for (const tag of tags) log.push({ from: n, change: { _tag: "TagChanged", tag } })
        },
        remove: (tags) => {
          for (const tag of tags) drop(n, tag)
        }
      },
      leases,
      atomic: (steps) => steps(),
      changes: () => () => {
        if (!isUp) throw new Error("down")
        const told = log.slice(heard[n]!).filter(({ from }) => from !== n)
        heard[n] = log.length
        return told.map(({ change }) => change)
      }
    })
    if (config.store === "sync") return view
    const late = <A>(run: Effect.Effect<A, CacheError.StoreError>, operation: string) =>
      Effect.suspend(() => {
        const before = dice.chance(0.3) ? Effect.sleep(dice.below(20)) : Effect.yieldNow
        const after = dice.chance(0.3) ? Effect.sleep(dice.below(20)) : Effect.yieldNow
        const asked = Effect.suspend(() =>
          isUp ? run : Effect.fail(new CacheError.StoreError({ store: "shared", operation, reason: "Unavailable" }))
        )
        return before.pipe(Effect.andThen(asked), Effect.tap(after))
      })
    const {
      acquire,
      commit,
      get,
      getMany,
      invalidateTags,
      markers: ask,
      release,
      remove,
      renew,
      set,
      touch,
      transact
    } = view
    const slow: Store.Store = {
      ...view,
      getUnsafe: undefined,
      get: (...given) => late(get(...given), "get"),
      getMany: (...given) => late(getMany(...given), "get"),
      set: (...given) => late(set(...given), "set"),
      remove: (...given) => late(remove(...given), "remove"),
      touch: (...given) => late(touch(...given), "touch"),
      acquire: (...given) => late(acquire(...given), "acquire"),
      commit: (...given) => late(commit(...given), "commit"),
      renew: (...given) => late(renew(...given), "renew"),
      release: (...given) => late(release(...given), "release"),
      markers: (...given) => late(ask(...given), "markers"),
      invalidateTags: (...given) => late(invalidateTags(...given), "invalidateTags"),
      transact: (...given) => late(transact!(...given), "transact")
    }
    return config.store === "async" ? slow : { ...slow, getCallback: answering(slow, { context, timeoutMillis: 1000 }) }
  }
  return {
    viewOf,
    position: () => log.length,
    heard: (n: number) => heard[n] ?? 0,
    turn: (up: boolean) => void (isUp = up),
    lose: () => {
      const entry = dice.pick([...entries.keys(), ""])
      const tag = dice.pick([...known, ""])
      if (dice.chance(0.5)) entries.delete(entry)
      else if (tag.startsWith("~=") || tag.startsWith("~*")) drop(-1, tag)
    }
  }
}

class Thing extends CacheKey.Class<Thing>()("Thing", {
  payload: { n: Schema.Int },
  success: Schema.Struct({
    of: Schema.Record(Schema.String, Schema.Number),
    ends: Schema.Array(Schema.Number)
  })
}) {}

const MadeOf = Schema.Struct({
  of: Schema.Record(Schema.String, Schema.Number),
  ends: Schema.Array(Schema.Number)
})

class Item extends CacheKey.Class<Item>()("Item", {
  payload: { n: Schema.Int, kind: Schema.String },
  success: MadeOf,
  indexes: ["kind"]
}) {}

const items = [1, 2, 3].map((n) => new Item({ n, kind: n === 3 ? "y" : "x" }))

/** A value written by a transaction that fails: no other reader may ever see it. */
const dirty = 1_000_000

/** Runs a program; answers what was wrong. */
export const simulateDerived = (seed: number, tallies: Tallies = new Map()): ReadonlyArray<string> => {
  const judged: Judged = { violations: [], tallies, say: () => {} }
  withShortTurns(
    diceFrom(seed + 0x510e_527f).nextDoubleUnsafe() < 0.25,
    () => withStubs(diceFrom(seed + 0xa54f_f53a).nextDoubleUnsafe() < 0.5, () => run(seed, judged))
  )
  return judged.violations
}

const run = (seed: number, judged: Judged): void => {
  const dice = diceOf(diceFrom(seed).nextDoubleUnsafe)
  const config = drawConfig(dice)
  const moreDice = diceOf(diceFrom(seed + 0x3c6e_f372).nextDoubleUnsafe)
  const more = drawMore(moreDice)
  const truth: Record<string, number> = {
    a: 0,
    b: 0,
    n: 0,
    "item:1": 0,
    "item:69": 0,
    s: 0,
    "shelf:1": 0,
    "shelf:2": 0,
    "shelf:3": 0
  }
  const completed: Array<Completed> = []
  const storage = storageOf(dice, config)
  let isQuiet = false

  const source = (name: string, millis: number) =>
    Effect.gen(function*() {
      const version = truth[name] ?? 0
      if (dice.chance(0.5)) yield* Effect.sleep(dice.below(30))
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      return { of: { [name]: version }, ends: [now + millis] } as Made
    })
  const together = (parts: ReadonlyArray<Made>): Made => ({
    of: Object.assign({}, ...parts.map(({ of }) => of)),
    ends: parts.flatMap(({ ends }) => ends)
  })
  const a = source("a", 4000).pipe(Cached.ttl("a", { ttl: 4000 }))
  const b = source("b", 6000).pipe(Cached.ttl("b", { ttl: 6000, tags: ["T"] }))
  const item = (n: number) => source(`item:${n}`, 60_000).pipe(Cached.ttl(`item:${n}`, { ttl: 60_000 }))
  const derived = (key: string, reads: ReadonlyArray<Effect.Effect<Made, never, Caching.Caching>>) =>
    Effect.map(
      Effect.forEach(reads, (read) =>
        Effect.tap(read, () => dice.chance(0.3) ? Effect.sleep(dice.below(20)) : Effect.void)),
      together
    ).pipe(Cached.ttl(key, { inherit: "changes", ttl: 50_000 }))
  const d = derived("d", [a])
  const o = derived("o", [d, b])
  const list = derived("list", Array.from({ length: config.list }, (_, n) => item(n)))
  // One call for several.
  const things = Effect.map(
    Cached.many(Thing, (keys) => Effect.map(a, (made) => keys.map(() => Exit.succeed(made))), {
      inherit: "changes",
      ttl: 50_000
    })([{ n: 1 }, { n: 2 }]),
    (exits) => together(exits.map((exit) => (exit as Exit.Success<Made>).value))
  )
  const both = derived("both", [things, d])
  const nothing: Made = { of: {}, ends: [] }
  const found = derived("found", [
    Effect.map(Cached.getOption("d"), Option.getOrElse(() => nothing)) as typeof d,
    Effect.map(
      Cached.getMany(["o", "both"]),
      (all) => together(all.map(Option.getOrElse(() => nothing)) as ReadonlyArray<Made>)
    )
  ])

  // A class with an indexed field.
  const shelf = derived(
    "shelf",
    items.map((key) => source(`shelf:${key.n}`, 60_000).pipe(Cached.ttl(key, { ttl: 60_000 })))
  )
  const shelves = derived("shelves", [shelf, a])

  // Streams: one that is read, and one that derives.
  const collect = (stream: Stream.Stream<Made, unknown, Caching.Caching>) =>
    Effect.orDie(Effect.map(Stream.runCollect(stream), (all) => together(Array.from(all))))
  const streamed = collect(
    Stream.fromEffect(source("s", 60_000)).pipe(
      Stream.concat(Stream.make<Array<Made>>({ of: {}, ends: [] })),
      Cached.stream("s", { ttl: 60_000 })
    )
  )
  const reel = derived("reel", [streamed, a])
  const film = collect(
    Stream.fromEffect(reel).pipe(Cached.stream("film", { ttl: 50_000, inherit: "changes" }))
  )

  const checked = (n: number, name: string, read: Effect.Effect<Made, never, Caching.Caching>) =>
    Effect.gen(function*() {
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      const required: Record<string, number> = {}
      const position = storage.heard(n)
      for (const one of completed) {
        if (one.by !== n && one.position > position) continue
        required[one.source] = Math.max(required[one.source] ?? 0, one.version)
      }
      const [made, found] = yield* Cached.detect(read)
      // A run of a stream passes its elements on as they come: a consumer that joined it gets what its origin was just
      // reading.
      if (name === "film" && !found.some(({ key, source }) => key === name && source !== "joined")) return
      const sources = Object.entries(made.of)
      const old = sources.find(([of, version]) => version < (required[of] ?? 0))
      const dirtied = sources.find(([of, version]) => version > (truth[of] ?? 0))
      if (sources.some(([of]) => required[of] !== undefined)) {
        decide(
          judged,
          "what is made of a value ends with it",
          old === undefined,
          () => `engine ${n} read ${name} of ${old}, after ${required[old![0]]} was received`
        )
      }
      if (more.transactions) {
        decide(
          judged,
          "what was not set is not served",
          dirtied === undefined,
          () => `engine ${n} read ${name} of ${dirtied}`
        )
      }
      const own = found.find(({ key }) => key === name)
      if (own === undefined || own.source === "load" || own.source === "joined" || made.ends.length === 0) return
      const isOver = made.ends.some((end) => now >= end)
      decide(judged, "what is made of values lives no longer", !isOver, () => `engine ${n} read ${name}`)
    })

  // One at a time: of two values that are set at once the older one may be the last.
  const turns = new Map(Object.keys(truth).map((name) => [name, Semaphore.makeUnsafe(1)]))
  const changeAll = (
    n: number,
    names: ReadonlyArray<string>,
    how: Effect.Effect<unknown, unknown, Caching.Caching>
  ): Effect.Effect<void, unknown, Caching.Caching> => {
    const known = names.filter((name) => name in truth).sort()
    const changing = Effect.gen(function*() {
      const versions = known.map((name) => truth[name] = truth[name]! + 1)
      yield* Effect.yieldNow
      yield* how
      const position = config.outages && !isQuiet ? Infinity : storage.position()
      known.forEach((name, i) => completed.push({ by: n, source: name, version: versions[i]!, position }))
    })
    return known.reduceRight((changing, name) => turns.get(name)!.withPermits(1)(changing), changing)
  }
  const change = (n: number, name: string, how: Effect.Effect<unknown, unknown, Caching.Caching>) =>
    changeAll(n, [name], how)

  const byHand = (name: string, millis: number, tags?: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      const made: Made = { of: { [name]: truth[name]! }, ends: [now + millis] }
      yield* Cached.set(name, made, { ttl: millis, ...tags === undefined ? {} : { tags } })
    })

  /** Writes, removes and invalidates several of them, and reads what derives from that; or fails. */
  const transaction = (n: number) => {
    const names = ["a", "b", "item:1"].filter(() => moreDice.chance(0.6))
    const ending = moreDice.pick(["well", "well", "well", "fails", "is interrupted"] as const)
    const isolation = moreDice.pick(["fast", "locked", "serializable"] as const)
    // The lifetime counts from the commit, so the end is not known yet.
    const value = (name: string): Made => ({ of: { [name]: ending === "well" ? truth[name]! : dirty }, ends: [] })
    const write = (name: string) =>
      Effect.gen(function*() {
        if (moreDice.chance(0.3)) return yield* Cached.remove(name)
        if (name === "b" && moreDice.chance(0.3)) return yield* Cached.invalidate({ tag: "T" })
        const made = value(name)
        yield* Cached.set(name, made, { ttl: 4000, ...name === "b" ? { tags: ["T"] } : {} })
        if (name !== "a") return
        // A local write is visible here, also through entries derived from it.
        const { of } = yield* moreDice.pick([d, o])
        const isOwn = of["a"]! >= made.of["a"]!
        decide(judged, "a transaction reads what it has written", isOwn, () => `engine ${n}: d of a ${of["a"]}`)
      })
    const steps = Effect.gen(function*() {
      if (moreDice.chance(0.3)) yield* moreDice.pick([d, o, a])
      for (const name of names) {
        yield* write(name)
        if (moreDice.chance(0.3)) yield* Effect.sleep(moreDice.below(30))
      }
      if (ending === "fails") return yield* Effect.fail("on purpose")
      if (ending === "is interrupted") return yield* Effect.interrupt
    })
    const run = Transaction.run(steps, { isolation, retry: Schedule.recurs(2), timeout: "20 seconds" })
    // Without the store, or after a conflict, nothing is promised.
    return Effect.exit(ending === "well" ? changeAll(n, names, run) : run)
  }

  const anotherOne = (n: number): Effect.Effect<unknown, unknown, Caching.Caching> => {
    const choices: Array<() => Effect.Effect<unknown, unknown, Caching.Caching>> = []
    if (more.transactions) choices.push(() => transaction(n), () => transaction(n))
    if (more.streams) {
      choices.push(
        () => checked(n, "reel", reel),
        () => checked(n, "film", film),
        () => checked(n, "s", streamed),
        () => change(n, "s", Cached.invalidate("s"))
      )
    }
    if (more.groups) {
      const ofKind = (kind: string) => items.filter((item) => item.kind === kind).map((item) => `shelf:${item.n}`)
      choices.push(
        () => checked(n, "shelf", shelf),
        () => checked(n, "shelves", shelves),
        () => {
          const item = moreDice.pick(items)
          return change(n, `shelf:${item.n}`, Cached.invalidate(item))
        },
        () => {
          const kind = moreDice.pick(["x", "y"])
          return changeAll(n, ofKind(kind), Cached.invalidate({ where: [Item, { kind }] }))
        },
        () => changeAll(n, items.map((item) => `shelf:${item.n}`), Cached.invalidate({ all: Item })),
        () => {
          // A pattern removes what is there: this one is, unless it is lost. It fails if the store cannot note it.
          const matching = Effect.exit(Effect.andThen(item(1), Cached.remove({ matching: "item:*" })))
          return config.losses || config.outages || config.capacity < 1000
            ? matching
            : change(n, "item:1", Effect.flatten(matching))
        }
      )
    }
    return moreDice.pick(choices)()
  }
  const hasMore = more.transactions || more.groups || more.streams

  const reads = [["o", o], ["o", o], ["o", o], ["d", d], ["a", a], ["b", b], ["list", list], ["both", both], [
    "things",
    things
  ], ["found", found]] as const
  const one = (n: number): Effect.Effect<unknown, unknown, Caching.Caching> => {
    if (hasMore && moreDice.chance(0.4)) return anotherOne(n)
    const die = dice.below(100)
    if (die < 40) {
      const [name, read] = dice.pick<(typeof reads)[number]>(reads)
      return checked(n, name, read)
    }
    if (die < 50) return change(n, "a", Cached.invalidate("a"))
    if (die < 56) return change(n, "b", Cached.invalidate("b"))
    if (die < 62) return change(n, "a", byHand("a", 4000))
    if (die < 66) return change(n, "b", byHand("b", 6000, ["T"]))
    if (die < 70) return change(n, "b", Cached.invalidate({ tag: "T" }))
    if (die < 72) return change(n, "d", Cached.invalidate("d"))
    if (die < 73) return Cached.invalidate(new Thing({ n: 1 }))
    if (die < 76) {
      const name = dice.pick(["item:1", "item:69"])
      return change(n, name, Cached.invalidate(name))
    }
    if (die < 80) return change(n, "n", Cached.invalidate("n"))
    if (die < 84) return CachePolicy.refresh(dice.pick([a, b, d]))
    if (die < 88 && config.losses && !isQuiet) return Effect.sync(storage.lose)
    if (die < 92 && config.outages && !isQuiet) {
      return Effect.sync(() => storage.turn(false)).pipe(
        Effect.andThen(Effect.sleep(dice.below(300))),
        Effect.andThen(Effect.sync(() => storage.turn(true)))
      )
    }
    return Effect.sleep(dice.pick([1, 20, 60, 500, 3000]))
  }

  const program = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const options = { capacity: config.memory ? config.capacity : 1000 }
    const layers = Array.from({ length: config.engines }, (_, n) =>
      config.store === "none"
        ? CacheLayer.memory({ capacity: config.capacity })
        : Layer.provide(
          CacheLayer.layer({ ...options, memory: config.memory }),
          Layer.effect(
            Store.Store,
            Effect.contextWith((context: Context.Context<never>) => Effect.succeed(storage.viewOf(n, context)))
          )
        ))
    const engines = yield* Effect.forEach(layers, (layer) => Layer.buildWithScope(Layer.fresh(layer), scope))
    const worker = (n: number) =>
      Effect.forEach(Array.from({ length: 8 }), () => Effect.suspend(() => one(n)), { discard: true })
    yield* Effect.all(
      engines.flatMap((context, n) => Array.from({ length: 4 }, () => Effect.provide(worker(n), context))),
      { concurrency: "unbounded" }
    )
    isQuiet = true
    storage.turn(true)
    // Until pending invalidations are sent again.
    yield* Effect.sleep(120_000)
    for (const [i, one] of completed.entries()) completed[i] = { ...one, position: 0 }
    for (const [n, context] of engines.entries()) {
      const all = [
        ...reads,
        ...more.groups ? [["shelf", shelf], ["shelves", shelves]] as const : [],
        ...more.streams ? [["reel", reel], ["film", film], ["s", streamed]] as const : []
      ]
      for (const [name, read] of all) yield* Effect.provide(checked(n, name, read), context)
    }
    yield* Scope.close(scope, Exit.void)
  })
  const quiet = Context.make(References.CurrentLoggers, new Set<Logger.Logger<unknown, unknown>>())
  const alone = Effect.provideService(program, Lock.Lock, processLock())
  const { exit } = SeededScheduler.make({ seed }).run(Effect.provide(alone, quiet))
  const isDone = exit !== undefined && Exit.isSuccess(exit)
  decide(judged, "a program ends", isDone, () => exit === undefined ? "it has not ended" : String(exit))
}
