/** One seed: several processes with a cache each, one store, one schedule. */
import { Context, Effect, Exit, Fiber, Layer, type Logger, Option, References, Schedule, Scope } from "effect"
import { Cached, CacheLayer, CachePolicy, Transaction } from "effect-cached"
import { Lock } from "effect-cached/adapters"
import type { Caching } from "effect-cached/Caching"
import * as ProcessLocks from "../../src/internal/lock/process.ts"
import { dice as diceFrom } from "../../src/testing/internal/dice.ts"
import * as SeededScheduler from "../../src/testing/SeededScheduler.ts"
import { decide, type Tallies } from "./decide.ts"
import { drawExtras, type Extras, type Feature, waveSizeOf } from "./features.ts"
import {
  drawFleet,
  drawLoadMillis,
  type FleetOrigin,
  type FleetRead,
  type FleetWrite,
  Item,
  keyOf,
  layersOf,
  tagsOf,
  withExtras
} from "./fleetModel.ts"
import { makeProcess, type Process } from "./fleetProcess.ts"
import * as Rules from "./fleetRules.ts"
import { makeStorage } from "./fleetStorage.ts"
import { tiersOf } from "./fleetTiers.ts"
import { Down } from "./model.ts"
import { type Dice, diceOf } from "./plan.ts"
import { withShortTurns, withShortWaves, withStubs } from "./shortTurns.ts"

export interface FleetOptions {
  readonly seed: number
  /** Features of the processes, whatever the seed draws. */
  readonly with?: ReadonlyArray<Feature> | undefined
  /** How many of them there are, whatever the seed draws. */
  readonly processes?: number | undefined
  readonly log?: Array<string> | undefined
}

export interface FleetResult {
  readonly violations: ReadonlyArray<string>
  readonly counts: Rules.Counts
  readonly tallies: Tallies
}

interface Worker {
  readonly world: Rules.Fleet
  readonly process: Process
  /** Which of the caches of its process it uses. */
  readonly layer: number
  readonly dice: Dice
  readonly extras: Extras
}

// ---------------------------------------------------------------------------------------------------------------------
// the program
// ---------------------------------------------------------------------------------------------------------------------

interface Loading extends Rules.Loading {
  readonly isUnasked?: boolean
}

const load = (self: Worker, id: string, loading: Loading): Effect.Effect<string, Down> =>
  Effect.suspend(() => {
    const { process, world } = self
    let origin: FleetOrigin | undefined
    const uninterruptible = self.extras.happens("abandoned", 0.3)
    const steps = Effect.suspend(() => {
      origin = beginLoad(self, id, loading)
      return body(self, id, origin.n)
    })
    const whole = uninterruptible ? Effect.uninterruptible(steps) : steps
    return Effect.onExit(whole, () =>
      Effect.sync(() => {
        if (origin === undefined) return
        world.loading.delete(origin)
        endOrigin(world, origin)
        world.say(() => `[${process.index}] end  ${id} #${origin!.n}`)
      }))
  })

const endOrigin = ({ now, processes }: Rules.Fleet, origin: FleetOrigin): void => {
  origin.endedAt = now()
  origin.stamp = now() + processes[origin.process]!.offsets()[0]!
}

const beginLoad = ({ layer, process, world }: Worker, id: string, loading: Loading): FleetOrigin => {
  const { isUnasked = false } = loading
  const n = ++world.seq
  const origin: FleetOrigin = {
    _tag: "Load",
    n,
    id,
    process: process.index,
    layer,
    latest: n,
    endedAt: Infinity,
    stamp: Infinity,
    owner: isUnasked ? undefined : Rules.ownerOf(world, id, { process: process.index, layer }),
    isUnasked,
    begunAt: world.now(),
    heard: world.heard[process.index]!
  }
  world.origins.set(n, origin)
  world.counts.loads++
  world.say(() => `[${process.index}] load ${id} #${n}`)
  if (!isUnasked) Rules.checkExclusive(world, origin, loading)
  world.loading.add(origin)
  return origin
}

const body = ({ dice }: Worker, id: string, n: number) =>
  Effect.gen(function*() {
    const millis = drawLoadMillis(dice)
    const fails = dice.chance(0.15)
    for (let i = dice.below(3); i > 0; i--) yield* Effect.yieldNow
    if (millis > 0) yield* Effect.sleep(millis)
    if (fails) return yield* Effect.fail(new Down(id, n))
    return `${id}#${n}#`
  })

const request = (self: Worker, id: string, begun: number): Effect.Effect<string, Down, Caching> => {
  const { dice, world } = self
  const ttl = Math.min(dice.pick([30, 200, 2000, 7_200_000]), world.config.longestTtl)
  const lease = !(world.config.beside && dice.chance(0.3))
  const isBehind = self.extras.happens("behind", 0.5)
  const base = {
    tags: tagsOf[id]!,
    ttl,
    ...lease ? {} : { shareLoad: false },
    ...isBehind ? { waitForWrite: false } : {}
  }
  const effect = load(self, id, { lease, begun })
  const kind = dice.pick(["ttl", "ttl", "softTtl", "refreshAhead", "failover", "refresh", "sliding"] as const)
  if (kind === "refresh") world.replaced.set(id, world.seq)
  switch (kind) {
    case "sliding":
      return Cached.sliding(effect, keyOf(world.config, id), { ...base, idle: ttl / 2 })
    case "ttl":
      return Cached.ttl(effect, keyOf(world.config, id), base)
    case "softTtl":
      return Cached.softTtl(effect, keyOf(world.config, id), {
        ...base,
        softTtl: ttl / 4,
        retryAfter: 10,
        fallbackOn: "all"
      })
    case "refreshAhead":
      return Cached.refreshAhead(effect, keyOf(world.config, id), { ...base, refreshAfter: ttl / 4 })
    case "failover":
      return Cached.failover(effect, keyOf(world.config, id), { ...base, fallbackOn: "all" })
    case "refresh":
      return CachePolicy.refresh(Cached.ttl(effect, keyOf(world.config, id), base))
  }
}

const read = (self: Worker, id: string, interruption?: { requested: boolean }): Effect.Effect<void, never, Caching> =>
  Effect.suspend(() => {
    const { process, world } = self
    world.counts.reads++
    const begun = ++world.seq
    const record = readOf(self, id, begun)
    world.say(() => `[${process.index}] read ${id} @${begun}`)
    const watched = Effect.onExit(
      request(self, id, begun),
      (exit) => Effect.sync(() => Rules.endRead(world, record, exit, interruption?.requested === true))
    )
    return Effect.asVoid(Effect.exit(watched))
  })

const readOf = ({ layer, process, world }: Worker, id: string, begun: number): FleetRead => {
  const { index } = process
  const open = Array.from(world.reads).filter((one) => one.id === id && one.process === index && one.layer === layer)
  const read: FleetRead = {
    id,
    process: index,
    layer,
    live: layersOf(world.config) === 1 ? none : new Set(
      Array.from(world.origins.values()).filter((origin) =>
        origin.id === id && world.now() <= origin.endedAt + 4 * world.config.storeTimeout
      )
    ),
    begun,
    asked: Math.min(begun, ...open.map(({ asked }) => asked)),
    begunAt: world.now(),
    // Only the first of its caches reports what it has received.
    heard: layer === 0 ? world.heard[index]! : 0
  }
  world.reads.add(read)
  Rules.noteIdle(world, read)
  return read
}

const none: ReadonlySet<FleetOrigin> = new Set()

const readAndLeave = (self: Worker, id: string): Effect.Effect<void, never, Caching> =>
  Effect.gen(function*() {
    const interruption = { requested: false }
    const fiber = yield* Effect.forkChild(read(self, id, interruption))
    yield* Effect.sleep(self.dice.below(40))
    interruption.requested = true
    yield* Fiber.interrupt(fiber)
  })

/** One call for several ids: a load of its own for each that is missing. */
const readMany = (
  self: Worker,
  dice: Dice,
  interruption?: { requested: boolean; reads: ReadonlyArray<FleetRead> }
): Effect.Effect<void, never, Caching> =>
  Effect.suspend(() => {
    const { world } = self
    const ids = world.config.ids.filter(() => dice.chance(0.8))
    const ttl = Math.min(dice.pick([30, 200, 2000]), world.config.longestTtl)
    const options = dice.pick<() => object>([
      () => ({ ttl }),
      () => ({ strategy: "softTtl", ttl, softTtl: ttl / 4, fallbackOn: "all" }),
      () => ({ strategy: "refreshAhead", ttl, refreshAfter: ttl / 4 })
    ])() as { readonly ttl: number }
    const reads = ids.map((id) => readOf(self, id, ++world.seq))
    if (interruption !== undefined) interruption.reads = reads
    world.counts.reads += reads.length
    world.say(() => `[${self.process.index}] read ${reads.map(({ begun, id }) => `${id} @${begun}`).join()}`)
    const many = Cached.many(Item, (keys) => loadMany(self, keys, reads), options)
    return Effect.map(Effect.exit(many(ids.map((id) => ({ id })))), (exit) => {
      for (const [i, read] of reads.entries()) {
        Rules.endRead(
          world,
          read,
          Exit.isSuccess(exit) ? exit.value[i]! : Exit.failCause(exit.cause),
          interruption?.requested === true
        )
      }
    })
  })

const readManyAndLeave = (self: Worker, dice: Dice): Effect.Effect<void, never, Caching> =>
  Effect.gen(function*() {
    const interruption = { requested: false, reads: new Array<FleetRead>() }
    const fiber = yield* Effect.forkChild(readMany(self, dice, interruption))
    yield* Effect.sleep(dice.below(40))
    interruption.requested = true
    yield* Fiber.interrupt(fiber)
    for (const read of interruption.reads) self.world.reads.delete(read)
  })

/** Bulk calls of one process, beside those of the others: reads, writes and removals of the same ids. */
const overlap = (self: Worker): Effect.Effect<unknown, never, Caching> => {
  const dice = self.extras.diceOf("waves")
  const one = (): Effect.Effect<unknown, never, Caching> => {
    const dart = dice.below(10)
    if (dart < 5) return readMany(self, dice)
    if (dart < 7) return readManyAndLeave(self, dice)
    const ids = self.world.config.ids.filter(() => dice.chance(0.6))
    if (dart < 8) return setMany(self, ids)
    if (dart < 9) return lookUp(self, ids)
    return writtenTogether(self, ids, () => Cached.remove(ids.map((id) => keyOf(self.world.config, id))))
  }
  const all = Array.from({ length: 1 + dice.below(3) }, () => Effect.delay(Effect.suspend(one), dice.below(30)))
  return Effect.all(all, { concurrency: "unbounded", discard: true })
}

const loadMany = (self: Worker, keys: ReadonlyArray<Item>, reads: ReadonlyArray<FleetRead>) =>
  Effect.suspend(() => {
    const { world } = self
    const begun: Array<FleetOrigin> = []
    // An interruption may come before the first step.
    return Effect.onExit(answersOf(self, keys, { reads, begun }), () =>
      Effect.sync(() => {
        for (const origin of begun) {
          world.loading.delete(origin)
          endOrigin(world, origin)
          world.say(() => `[${self.process.index}] end  ${origin.id} #${origin.n}`)
        }
      }))
  })

interface Bulk {
  readonly reads: ReadonlyArray<FleetRead>
  readonly begun: Array<FleetOrigin>
}

const answersOf = (self: Worker, keys: ReadonlyArray<Item>, { begun, reads }: Bulk) =>
  Effect.suspend((): Effect.Effect<ReadonlyArray<Exit.Exit<string, Down>> | Map<Item, Exit.Exit<string, Down>>> => {
    const { world } = self
    const dice = self.extras.diceOf("classes")
    const first = Math.min(...reads.map(({ begun }) => begun))
    const origins = keys.map(({ id }) => beginLoad(self, id, { lease: true, begun: first }))
    const answersMore = self.extras.happens("unasked", 0.5)
    // Each is a load too, which no caller joins.
    const unasked = world.config.ids.filter((id) => answersMore && !keys.some((key) => key.id === id))
      .map((id) => beginLoad(self, id, { lease: false, begun: first, isUnasked: true }))
    const pause = Effect.sleep(drawLoadMillis(dice))
    const exits = origins.map(({ id, n }) =>
      dice.chance(0.15) ? Exit.fail(new Down(id, n)) : Exit.succeed(`${id}#${n}#`)
    )
    const answers = answersMore
      ? new Map([
        ...keys.map((key, i) => [key, exits[i]!] as const),
        ...unasked.map(({ id, n }) => [new Item({ id }), Exit.succeed(`${id}#${n}#`)] as const)
      ])
      : exits
    begun.push(...origins, ...unasked)
    return Effect.as(pause, answers)
  })

const beginWrite = ({ layer, process, world }: Worker, kind: FleetWrite["kind"], target: string): FleetWrite => {
  const asked = ++world.seq
  const { index } = process
  const write: FleetWrite = {
    kind,
    target,
    process: index,
    layer,
    asked,
    done: Infinity,
    doneAt: Infinity,
    acknowledged: false
  }
  world.writes.push(write)
  return write
}

const written = <E, R>(
  self: Worker,
  kind: FleetWrite["kind"],
  target: string,
  effect: (asked: number) => Effect.Effect<void, E, R>
) =>
  Effect.suspend(() => {
    const { process: { index }, world } = self
    const write = beginWrite(self, kind, target)
    const { asked } = write
    world.say(() => `[${index}] write ${kind} ${target} @${asked}`)
    const before = world.faults[index]
    return Effect.map(effect(asked), () => {
      write.done = ++world.seq
      write.doneAt = world.now()
      // After timeouts the cache does not even ask.
      const applied = world.applied.get(`${index} ${kind} ${target}`) ?? 0
      write.acknowledged = world.faults[index] === before && applied > asked
      world.say(() => `[${index}] done @${asked}${write.acknowledged ? "" : ", perhaps"}`)
      return write.done
    })
  })

const notLoaded = { owner: undefined, isUnasked: false, begunAt: 0, heard: 0 }

const ttlOfSet = ({ world }: Worker): number => Math.min(2000, world.config.longestTtl)

const endSet = ({ world }: Worker, origin: FleetOrigin, done: number): void => {
  origin.latest = done
  origin.endedAt = world.now()
}

const set = (self: Worker, id: string) =>
  Effect.suspend(() => {
    let origin: FleetOrigin | undefined
    const effect = (n: number) => {
      origin = originOfSet(self, id, n)
      return Cached.set(keyOf(self.world.config, id), `${id}#${n}#`, { ttl: ttlOfSet(self), tags: tagsOf[id]! })
    }
    return Effect.map(written(self, "id", id, effect), (done) => endSet(self, origin!, done))
  })

const originOfSet = ({ layer, process, world }: Worker, id: string, n: number, isLost = false): FleetOrigin => {
  const origin: FleetOrigin = {
    _tag: "Set",
    isLost,
    n,
    id,
    process: process.index,
    layer,
    latest: Infinity,
    endedAt: Infinity,
    stamp: world.now() + process.offsets()[0]!,
    ...notLoaded
  }
  world.origins.set(n, origin)
  return origin
}

/** One call for several ids, each of which is a write of its own. */
const writtenTogether = (
  self: Worker,
  ids: ReadonlyArray<string>,
  effect: (asked: ReadonlyArray<readonly [id: string, asked: number]>) => Effect.Effect<unknown, never, Caching>,
  asked: ReadonlyArray<readonly [id: string, asked: number]> = []
): Effect.Effect<void, never, Caching> => {
  const [id, ...others] = ids
  if (id === undefined) return Effect.asVoid(effect(asked))
  return Effect.asVoid(
    written(self, "id", id, (n) => writtenTogether(self, others, effect, [...asked, [id, n]]))
  )
}

const setMany = (self: Worker, ids: ReadonlyArray<string>) =>
  Effect.suspend(() => {
    const origins: Array<FleetOrigin> = []
    // All have the same tags.
    const tags = ids.length === 0 ? [] : tagsOf[ids[0]!]!
    const all = ids.filter((id) => tagsOf[id]!.join() === tags.join())
    return Effect.map(
      writtenTogether(self, all, (asked) => {
        for (const [id, n] of asked) origins.push(originOfSet(self, id, n))
        return Cached.setMany(asked.map(([id, n]) => [keyOf(self.world.config, id), `${id}#${n}#`] as const), {
          ttl: ttlOfSet(self),
          tags
        })
      }),
      () => {
        for (const origin of origins) endSet(self, origin, self.world.seq)
      }
    )
  })

const lookUp = (self: Worker, ids: ReadonlyArray<string>) =>
  Effect.suspend(() => {
    const { process, world } = self
    const reads = ids.map((id) => readOf(self, id, ++world.seq))
    world.say(() => `[${process.index}] look up ${reads.map(({ begun, id }) => `${id} @${begun}`).join()}`)
    return Effect.map(Cached.getMany(ids.map((id) => keyOf(world.config, id))), (found) => {
      for (const [i, read] of reads.entries()) {
        world.counts.lookups++
        const value = Option.getOrUndefined(found[i]!)
        if (value === undefined) Rules.endLookup(world, read)
        else Rules.endRead(world, read, Exit.succeed(value as string), false)
      }
    })
  })

/** Looks up stored entries, and writes several at once. */
const byHand = (self: Worker): Effect.Effect<unknown, never, Caching> => {
  const dice = self.extras.diceOf("byHand")
  const ids = self.world.config.ids.filter(() => dice.chance(0.8))
  const die = dice.below(10)
  if (die < 6) return lookUp(self, ids)
  if (die < 8) return setMany(self, ids)
  return writtenTogether(self, ids, () => Cached.remove(ids.map((id) => keyOf(self.world.config, id))))
}

/** Sets several ids in one step, after it has looked at them; or fails. */
const transaction = (self: Worker): Effect.Effect<void, never, Caching> =>
  Effect.suspend(() => {
    const { extras, process, world } = self
    const dice = extras.diceOf("transactions")
    const isolation = dice.pick(["fast", "locked", "serializable"] as const)
    const fails = dice.chance(0.3)
    const ids = world.config.ids.filter(() => dice.chance(0.7))
    let origins: Array<FleetOrigin> = []
    const body = Effect.gen(function*() {
      origins = []
      for (const id of ids) {
        if (dice.chance(0.5)) yield* Cached.getOption(keyOf(world.config, id))
        const n = ++world.seq
        origins.push(originOfSet(self, id, n, fails))
        const value = `${id}#${n}#`
        yield* Cached.set(keyOf(world.config, id), value, { ttl: ttlOfSet(self), tags: tagsOf[id]! })
        if (dice.chance(0.5)) yield* Effect.sleep(dice.below(30))
        const found = Option.getOrUndefined(yield* Cached.getOption(keyOf(world.config, id)))
        decide(world, "a transaction reads what it has written", found === value, () => `${process.index}: ${id}`)
      }
      if (fails) return yield* Effect.fail("on purpose" as const)
    })
    const run = Transaction.run(body, { isolation, timeout: 300, retry: Schedule.recurs(1) })
    const { index } = process
    const writes = fails ? [] : ids.map((target) => beginWrite(self, "id", target))
    world.say(() => `[${index}] transaction of ${ids}, ${isolation}`)
    const before = world.faults[index]
    return Effect.map(Effect.exit(run), (exit) => {
      world.say(() => `[${index}] transaction of ${ids}: ${Exit.isSuccess(exit) ? "done" : String(exit.cause)}`)
      for (const { asked, target } of writes) {
        const isBeside = world.writes.some((write) =>
          !writes.includes(write) && write.process === index && write.done > asked && Rules.covers(write, target)
        )
        if (isBeside) world.displaced.set(`${index} ${target}`, world.now())
      }
      if (Exit.isFailure(exit)) {
        // Either nothing has happened, or the outcome is unknown: the entry may be old, new or missing.
        for (const write of writes) world.writes.splice(world.writes.indexOf(write), 1)
        return
      }
      world.counts.transactions++
      const done = ++world.seq
      for (const origin of origins) endSet(self, origin, done)
      for (const write of writes) {
        write.done = done
        write.doneAt = world.now()
        const applied = world.applied.get(`${index} id ${write.target}`) ?? 0
        write.acknowledged = world.faults[index] === before && applied > write.asked
      }
    })
  })

/** Each operation of the store succeeds, in time. */
const isStoreUp = ({ config: { asynchronous, faults, features } }: Rules.Fleet): boolean =>
  faults === 0 && !asynchronous && !features.includes("tiers")

/** Invalidates by a pattern, which matches one id or all. If that fails (under `strict`), nothing is promised. */
const byPattern = (self: Worker): Effect.Effect<void, never, Caching> =>
  Effect.suspend(() => {
    const { extras, process: { index }, world } = self
    const dice = extras.diceOf("patterns")
    const { features, ids } = world.config
    const id = dice.pick(ids)
    const start = features.includes("classes") ? "~Item@*:" : ""
    const [pattern, matching] = dice.chance(0.6)
      ? [dice.pick([`${start}${id}`, `${start}[${id}]`, `${start}${id}*`, `*${id}`]), [id]]
      : [dice.pick([`${start}?`, `${start}*`, "*"]), ids]
    const writes = matching.map((target): FleetWrite =>
      Object.assign(beginWrite(self, "id", target), { isByPattern: true })
    )
    const [{ asked }] = writes as [FleetWrite]
    world.say(() => `[${index}] pattern ${pattern} @${asked}`)
    const before = world.faults[index]
    const call = dice.chance(0.5)
      ? Cached.remove({ matching: pattern })
      : CachePolicy.strict(Cached.invalidate({ matching: pattern }))
    return Effect.map(Effect.exit(call), (exit) => {
      world.say(() => `[${index}] pattern @${asked}: ${Exit.isSuccess(exit) ? "done" : String(exit.cause)}`)
      if (Exit.isFailure(exit)) {
        for (const write of writes) world.writes.splice(world.writes.indexOf(write), 1)
      }
      if (isStoreUp(world)) decide(world, "a call fails with its load only", Exit.isSuccess(exit), () => pattern)
      if (Exit.isFailure(exit)) return
      world.counts.patterns++
      const done = ++world.seq
      for (const write of writes) {
        write.done = done
        write.doneAt = world.now()
        // An id that the store does not list need not be removed. A pattern that is an id lists nothing.
        const listed = world.listed.get(`${index} ${write.target}`) ?? 0
        const applied = world.applied.get(`${index} id ${write.target}`) ?? 0
        const isRemoved = applied > write.asked || (pattern !== id && listed < write.asked)
        write.acknowledged = world.faults[index] === before && isRemoved
      }
    })
  })

const step = (self: Worker): Effect.Effect<unknown, never, Caching> => {
  if (self.extras.happens("waves", 0.4)) return overlap(self)
  if (self.extras.happens("transactions", 0.25)) return transaction(self)
  if (self.extras.happens("byHand", 0.3)) return byHand(self)
  if (self.extras.happens("patterns", 0.2)) return byPattern(self)
  if (self.extras.happens("classes", 0.25)) return readMany(self, self.extras.diceOf("classes"))
  const { dice, world } = self
  const id = dice.pick(world.config.ids)
  const tag = dice.pick(["T", "U"])
  const dart = dice.below(100)
  if (dart < 65) return read(self, id)
  if (dart < 75) return readAndLeave(self, id)
  if (dart < 85) return written(self, "id", id, () => Cached.invalidate(keyOf(world.config, id)))
  if (dart < 91) return written(self, "tag", tag, () => Cached.invalidate({ tag }))
  if (dart < 93) return touch(self, id, dice.pick([30, 500]))
  if (dart < 95) return Cached.invalidate({ tag }, { mode: "soft" })
  return set(self, id)
}

const touch = ({ world }: Worker, id: string, ttl: number) => {
  // Not in an effect of its own, which would change the schedules of all seeds.
  world.touched.set(id, world.seq)
  return Cached.touch(keyOf(world.config, id), ttl)
}

const worker = (self: Worker, others: ReadonlyArray<Context.Context<Caching>>) =>
  Effect.gen(function*() {
    const { config } = self.world
    for (let i = 0; i < config.steps; i++) {
      const pause = self.dice.below(self.dice.chance(0.2) ? 300 : 60)
      yield* Effect.sleep(config.longestTtl === 2000 ? 10 * pause : pause)
      const layer = self.extras.happens("layers", 0.5) ? others.length : 0
      yield* layer === 0 ? step(self) : Effect.provideContext(step({ ...self, layer }), others[layer - 1]!)
    }
  })

// ---------------------------------------------------------------------------------------------------------------------
// the run
// ---------------------------------------------------------------------------------------------------------------------

const quiet = Context.make(References.CurrentLoggers, new Set<Logger.Logger<unknown, unknown>>())

/** A process that leads somewhere is killed where there is one to be had. */
const killLater = (world: Rules.Fleet, schedule: SeededScheduler.SeededScheduler): void => {
  const { kill } = world.config
  if (kill === undefined) return
  const process = world.processes[kill.process]!
  const tryIt = (left: number) => () => {
    const leads = [...world.loading].some((load) => load.process === kill.process && load.owner !== undefined)
    if (!leads && left > 0) return void schedule.after(5, tryIt(left - 1))
    world.say(() => `[${kill.process}] is killed`)
    if (leads) world.counts.killedLeaders++
    process.kill()
    for (const load of world.loading) if (load.process === kill.process) world.loading.delete(load)
  }
  schedule.after(kill.at, tryIt(200))
}

const stopLater = ({ config, processes, say }: Rules.Fleet, schedule: SeededScheduler.SeededScheduler): void => {
  const { stop } = config
  if (stop === undefined) return
  schedule.after(stop.at, () => {
    say(() => `[${stop.process}] is stopped`)
    processes[stop.process]!.stop()
    schedule.after(stop.millis, () => {
      say(() => `[${stop.process}] continues`)
      processes[stop.process]!.goOn()
    })
  })
}

const setBackLater = ({ config, processes, say }: Rules.Fleet, schedule: SeededScheduler.SeededScheduler): void => {
  for (const { at, millis, process } of config.setBacks) {
    schedule.after(at, () => {
      say(() => `[${process}] its clock is set back by ${millis} ms`)
      processes[process]!.setBack(millis)
    })
  }
}

/** The checks once all is well again: lost changes have been repaired by then. */
const epilogue = (self: Worker) =>
  Effect.gen(function*() {
    yield* Effect.sleep(200)
    for (const id of self.world.config.ids) yield* read(self, id)
  })

/** One follows the changes that the storage reports, one runs for its stream. */
const fibersOfFollowing = 2

interface Playing {
  readonly schedule: SeededScheduler.SeededScheduler
  readonly dice: Dice
  readonly extras: Extras
  readonly seed: number
}

const run = (world: Rules.Fleet, { dice, extras, schedule, seed }: Playing): void => {
  const { config, now, processes } = world
  const viewOf = makeStorage(world, dice, extras)
  const { lease, maxLoad, maxStaleness, memory, storeTimeout, wait } = config
  const tiered = tiersOf(world, extras)
  const locks = ProcessLocks.make()
  const waiting = wait === Infinity ? { maxLoad } : { wait, maxLoad }
  const programs = config.clocks.map((clock, index) => {
    const process = makeProcess(schedule, { index, seed: seed * 31 + index, clock })
    processes.push(process)
    const self: Worker = { world, process, layer: 0, dice, extras }
    // A process that is killed leaves the lines of the others.
    const lock = Lock.make({ ...locks, pollMillis: 20 })
    const fork = Effect.runForkWith(Context.merge(process.context, Context.add(quiet, Lock.Lock, lock)))
    const scope = Scope.makeUnsafe()
    const layers = Array.from({ length: layersOf(config) }, (_, layer) =>
      Layer.fresh(Layer.provide(
        CacheLayer.layer({
          // The rest is left to the copies of tiers.
          maxStaleness: extras.features.has("tiers") ? maxStaleness / 2 : maxStaleness,
          lease,
          memory: memory && layer === 0,
          storeTimeout,
          ...waiting,
          shutdownTimeout: 100
        }),
        tiered(viewOf(index, layer), { process: index, layer })
      )))
    let caching: Context.Context<Caching> | undefined
    const main = Effect.gen(function*() {
      const [first, ...others] = yield* Effect.forEach(layers, (layer) => Layer.buildWithScope(layer, scope))
      caching = first!
      const all = Array.from({ length: config.workers }, () => worker(self, others))
      yield* Effect.provideContext(Effect.all(all, { concurrency: "unbounded", discard: true }), caching)
    })
    return { process, self, fork, scope, main, caching: () => caching! }
  })
  const phase = (name: string, start: (program: typeof programs[number]) => Effect.Effect<unknown>): void => {
    const fibers = programs.filter(({ process }) => process.isAlive())
      .map((program) => ({ process: program.process, fiber: program.fork(start(program)) }))
    const settles = schedule.settle()
    decide(world, "a program ends", settles, () => `${name} runs for ever`)
    if (!settles) return
    for (const { fiber, process } of fibers) {
      if (!process.isAlive()) continue
      const exit = fiber.pollUnsafe()
      const isDone = exit !== undefined && Exit.isSuccess(exit)
      decide(world, "a program ends", isDone, () => `${name} of ${process.index}: ${String(exit)}`)
      const following = name === "close" || !extras.features.has("pushes") ? 0 : fibersOfFollowing
      const left = process.fibers() - following
      decide(world, "nothing is left running", left <= 0, () => `${left} fibers after ${name}`)
    }
  }
  killLater(world, schedule)
  stopLater(world, schedule)
  setBackLater(world, schedule)
  phase("program", ({ main }) => main)
  world.healthy = true
  for (const write of world.writes) {
    // Interrupted and failed writes have been replayed; those of a killed process are lost with it.
    if (write.acknowledged || !processes[write.process]!.isAlive()) continue
    write.acknowledged = true
    write.done = ++world.seq
    write.doneAt = now()
  }
  phase("epilogue", ({ caching, self }) => Effect.provideContext(epilogue(self), caching()))
  phase("close", ({ scope }) => Scope.close(scope, Exit.void))
  const left = Array.from(world.loading).filter((load) => processes[load.process]!.isAlive())
  const isOver = left.length === 0 && schedule.timers() === 0
  decide(world, "nothing is left running", isOver, () => `${left.length} loads and ${schedule.timers()} timers`)
}

export const simulateFleet = ({ log, processes, seed, with: also }: FleetOptions): FleetResult => {
  const dice = diceOf(diceFrom(seed * 2 + 1).nextDoubleUnsafe)
  const extras = drawExtras(seed, also)
  const config = withExtras(drawFleet(dice, processes), extras)
  const schedule = SeededScheduler.make({
    seed: seed * 2,
    yieldChance: config.yieldChance,
    ...processes === undefined ? {} : { maxTasks: processes * 100_000 }
  })
  const world: Rules.Fleet = {
    config,
    now: schedule.now,
    after: schedule.after,
    say: log === undefined ? () => {} : (text) => void log.push(`${String(schedule.now()).padStart(6)} ${text()}`),
    violations: [],
    tallies: new Map(),
    processes: [],
    origins: new Map(),
    loading: new Set(),
    writes: [],
    reads: new Set(),
    holders: new Map(),
    endedAt: new Map(),
    applied: new Map(),
    givenUp: [],
    heard: config.clocks.map(() => 0),
    polled: config.clocks.map(() => 0),
    liedAt: config.clocks.map(() => -Infinity),
    deaf: config.clocks.map(() => [{ from: 0, until: Infinity }]),
    changes: [],
    listed: new Map(),
    readAt: new Map(),
    unawareUntil: new Map(),
    touched: new Map(),
    replaced: new Map(),
    displaced: new Map(),
    faults: config.clocks.map(() => 0),
    counts: Rules.noCounts(),
    healthy: false,
    seq: 0
  }
  world.say(() => JSON.stringify(config))
  try {
    withShortTurns(
      extras.features.has("turns"),
      () =>
        withStubs(
          extras.features.has("stubs"),
          () => withShortWaves(waveSizeOf(extras), () => run(world, { schedule, dice, extras, seed }))
        )
    )
  } catch (crash) {
    decide(world, "a program ends", false, () => `crash: ${crash instanceof Error ? crash.stack : String(crash)}`)
  }
  return { violations: world.violations, counts: world.counts, tallies: world.tallies }
}
