/** Transactions in one engine: their look-ups, reads, writes and invalidations, and the view of others. */
import { Cause, Effect, Exit, Option, Schedule } from "effect"
import { Cached, Transaction } from "effect-cached"
import { Lock } from "effect-cached/adapters"
import type { Caching } from "effect-cached/Caching"
import * as ProcessLocks from "../../src/internal/lock/process.ts"
import { decide } from "./decide.ts"
import type { Load, Read, SetOrigin, Value, Write } from "./model.ts"
import { checkOrigins } from "./originRules.ts"
import { plainSpec } from "./plan.ts"
import { keyOf, type Simulation } from "./program.ts"
import { type Committed, covers, describe, endReading, type World } from "./state.ts"
import { beginLoad, beginRead, beginSetOrigin, beginWrite, closeSet, endLoad, endWrite } from "./world.ts"

/** The writes of one level: a savepoint has its own until it ends well. */
interface Level {
  /** By id, the last write; `undefined`: it was removed, or a tag has ended it. */
  readonly written: Map<string, SetOrigin | undefined>
  readonly tags: Set<string>
  readonly loaded: Set<Load>
  readonly around: Level | undefined
}

const levelIn = (around: Level | undefined): Level => ({
  written: new Map(),
  tags: new Set(),
  loaded: new Set(),
  around
})

/** One try. */
interface Try {
  /** By id, a read that began with it: its value may be as old as that. */
  readonly reads: ReadonlyMap<string, Read>
  /** All that it has set, whatever became of it. */
  readonly set: Array<SetOrigin>
  /** The writes to be committed, when its effect has ended well. */
  committing: Committed | undefined
}

const locks = new WeakMap<World, Lock.Lock>()

/** Locks of this run alone. */
const lockOf = ({ world }: Simulation): Lock.Lock => {
  const lock = locks.get(world) ?? Lock.make(ProcessLocks.make())
  locks.set(world, lock)
  return lock
}

export const transacts = (self: Simulation): Effect.Effect<unknown, unknown, Caching> | undefined =>
  self.extras.happens("transacts", 0.3) ? transaction(self) : undefined

const transaction = (self: Simulation) =>
  Effect.suspend((): Effect.Effect<unknown, never, Caching> => {
    const { world } = self
    const dice = self.extras.diceOf("transacts")
    const isolation = dice.pick(["fast", "locked", "serializable"] as const)
    const tries: Array<Try> = []
    const body = Effect.suspend(() => {
      const one = beginTry(self)
      tries.push(one)
      const level = levelIn(undefined)
      world.say(() => `transaction, ${isolation}`)
      return Effect.gen(function*() {
        yield* steps(self, { one, level }, 2 + dice.below(5))
        if (dice.chance(0.2)) return yield* Effect.fail("on purpose" as const)
        one.committing = commit(world, one, level)
      })
    })
    const run = Transaction.run(body, { isolation, timeout: 300, retry: Schedule.recurs(2) })
    const noted = Effect.onExit(run, (exit) => Effect.sync(() => end(world, tries, exit)))
    const whole = Effect.exit(Effect.provideService(noted, Lock.Lock, lockOf(self)))
    return dice.chance(0.85) ? whole : Effect.timeoutOption(whole, 1 + dice.below(30))
  })

const beginTry = ({ config, world }: Simulation): Try => {
  const reads = new Map(config.ids.map((id) => [id, beginRead(world, id, undefined, { many: true })]))
  // They have no end of their own.
  for (const read of reads.values()) endReading(world, read)
  return { reads, set: [], committing: undefined }
}

interface Within {
  readonly one: Try
  readonly level: Level
}

const steps = (self: Simulation, within: Within, count: number): Effect.Effect<void, unknown, Caching> =>
  Effect.gen(function*() {
    for (let i = 0; i < count; i++) yield* step(self, within)
  })

const step = (self: Simulation, within: Within): Effect.Effect<unknown, unknown, Caching> => {
  const { config, extras } = self
  const dice = extras.diceOf("transacts")
  const id = dice.pick(config.ids)
  const die = dice.below(20)
  if (die < 4) return lookUp(self, within, [id])
  if (die < 7) return lookUp(self, within, config.ids)
  if (die < 10) return readCached(self, within, id)
  if (die < 14) return set(self, within, id)
  if (die < 16) return remove(self, within, id)
  if (die < 17) return invalidateTag(self, within, dice.pick(["T", "U"]))
  if (die < 18 && within.level.around === undefined) return savepoint(self, within)
  return Effect.sleep(dice.below(15))
}

// ---------------------------------------------------------------------------------------------------------------------
// inside
// ---------------------------------------------------------------------------------------------------------------------

const lookUp = (self: Simulation, within: Within, ids: ReadonlyArray<string>) =>
  Effect.suspend(() =>
    Effect.map(Cached.getMany(ids.map((id) => keyOf(self, id))), (found) => {
      for (const [i, id] of ids.entries()) {
        const value = Option.getOrUndefined(found[i]!) as Value | undefined
        checkFound(self.world, within, { id, value })
      }
    })
  )

/** A value that was written here, is cached, or is loaded by this read. */
const readCached = (self: Simulation, within: Within, id: string) =>
  Effect.suspend(() => {
    const { world } = self
    const dice = self.extras.diceOf("transacts")
    const ttl = dice.pick([10, 80, 300])
    const spec = { ...plainSpec(id), ttl, tags: dice.pick([[], ["T"], ["U"]]) }
    const read = beginRead(world, id, spec, { many: true })
    endReading(world, read)
    const load = Effect.suspend(() => {
      const record = beginLoad(world, { spec, by: read, isInTransaction: true })
      within.level.loaded.add(record)
      const value = Effect.as(Effect.sleep(dice.below(10)), { id, n: record.n })
      return Effect.onExit(value, (exit) => Effect.sync(() => endLoad(world, record, exit)))
    })
    const cached = Cached.ttl(load, keyOf(self, id) as string, { ttl, tags: spec.tags })
    return Effect.map(cached, (value) => checkFound(world, within, { id, value, isLoaded: value.n > read.begun }))
  })

interface Found {
  readonly id: string
  readonly value: Value | undefined
  /** By a load of this read. */
  readonly isLoaded?: boolean
}

const checkFound = (world: World, { level, one }: Within, { id, isLoaded = false, value }: Found): void => {
  const what = `a transaction reads ${id} #${value?.n ?? "none"}`
  const known = knownAt(level, id)
  world.say(() => what)
  if (known !== undefined) {
    const written = known.level.written.get(id)
    // A removed value may have been loaded again since, here.
    const isOwn = written === undefined ? isLoaded || wasLoadedBy(world, one, value) : value?.n === written.n
    return decide(world, "a transaction reads what it has written", isOwn, () => what)
  }
  if (value === undefined) return
  const origin = world.origins.get(value.n)
  decide(world, "a value is of its key", value.id === id && origin?.id === id, () => what)
  if (origin?.id !== id) return
  const swept = Array.from(levelsFrom(level)).flatMap(({ tags }) => Array.from(tags))
    .filter((target) => covers({ kind: "tag", target } as Write, origin))
  if (swept.length > 0) {
    decide(
      world,
      "a transaction reads what it has written",
      wasLoadedBy(world, one, value),
      () => `${what} of ${swept}`
    )
  }
  checkOrigins(world, one.reads.get(id)!, origin, what)
}

function* levelsFrom(level: Level): Generator<Level> {
  for (let at: Level | undefined = level; at !== undefined; at = at.around) yield at
}

/** Loaded in this try: by it, as far as it is of no flight. */
const wasLoadedBy = (world: World, one: Try, value: Value | undefined): boolean => {
  if (value === undefined) return true
  const origin = world.origins.get(value.n)
  const [read] = one.reads.values()
  return origin?._tag === "Load" && origin.isInTransaction && origin.n > read!.begun
}

/** The innermost level that has written it. */
const knownAt = (level: Level, id: string): { readonly level: Level } | undefined => {
  for (let at: Level | undefined = level; at !== undefined; at = at.around) {
    if (at.written.has(id)) return { level: at }
  }
  return undefined
}

const set = (self: Simulation, { level, one }: Within, id: string) =>
  Effect.suspend(() => {
    const { world } = self
    const dice = self.extras.diceOf("transacts")
    const [ttl, tags] = [dice.pick([10, 50, Infinity]), dice.pick([[], ["T"], ["U"]])]
    const origin = beginSetOrigin(world, id, ttl, tags)
    // Others see it from the commit on, from which on its life counts.
    world.writes.splice(world.writes.indexOf(origin.write), 1)
    world.say(() => `set ${id} #${origin.n} ${tags} for ${ttl}, in a transaction`)
    origin.isOpen = true
    one.set.push(origin)
    level.written.set(id, origin)
    return Cached.set(keyOf(self, id) as string, { id, n: origin.n }, { ttl, tags })
  })

const remove = (self: Simulation, { level }: Within, id: string) =>
  Effect.suspend(() => {
    level.written.set(id, undefined)
    self.world.say(() => `remove ${id}, in a transaction`)
    return Cached.remove(keyOf(self, id))
  })

const invalidateTag = (self: Simulation, { level }: Within, tag: string) =>
  Effect.suspend(() => {
    self.world.say(() => `invalidate tag ${tag}, in a transaction`)
    level.tags.add(tag)
    for (let at: Level | undefined = level; at !== undefined; at = at.around) {
      for (const [id, origin] of at.written) {
        if (origin?.tags.includes(tag) === true && knownAt(level, id)?.level === at) level.written.set(id, undefined)
      }
    }
    return Cached.invalidate({ tag })
  })

/** If it fails, nothing of it has happened. */
const savepoint = (self: Simulation, { level, one }: Within) =>
  Effect.suspend(() => {
    const dice = self.extras.diceOf("transacts")
    const inner = levelIn(level)
    const body = Effect.andThen(
      steps(self, { one, level: inner }, 1 + dice.below(3)),
      dice.chance(0.4) ? Effect.fail("on purpose" as const) : Effect.void
    )
    self.world.say(() => "savepoint")
    return Effect.catch(
      Effect.map(Transaction.run(body), () => {
        for (const [id, origin] of inner.written) level.written.set(id, origin)
        for (const tag of inner.tags) level.tags.add(tag)
        for (const load of inner.loaded) level.loaded.add(load)
      }),
      (error) => error === "on purpose" ? Effect.void : Effect.fail(error)
    )
  })

// ---------------------------------------------------------------------------------------------------------------------
// outside
// ---------------------------------------------------------------------------------------------------------------------

/** Its effect has ended well: from here on others may see it. */
const commit = (world: World, one: Try, level: Level): Committed => {
  const asked = world.seq + 1
  const writes: Array<Write> = []
  const set = new Map<string, SetOrigin>()
  for (const tag of level.tags) writes.push(beginWrite(world, "tag", tag))
  for (const [id, origin] of level.written) {
    const write = beginWrite(world, "id", id)
    if (origin !== undefined) {
      set.set(id, Object.assign(origin, { write: Object.assign(write, { set: origin.n }) }))
    }
    writes.push(write)
  }
  for (const origin of one.set) if (set.get(origin.id) !== origin) origin.refused = true
  const committed: Committed = { asked, set, writes, loaded: level.loaded, done: Infinity }
  world.committed.push(committed)
  return committed
}

const end = (world: World, tries: ReadonlyArray<Try>, exit: Exit.Exit<unknown, unknown>): void => {
  const last = tries.at(-1)?.committing
  world.say(() => `transaction: ${Exit.isSuccess(exit) ? "done" : describe(exit)}`)
  for (const { committing, set } of tries) {
    if (committing === last && last !== undefined) continue
    undo(world, set, committing)
  }
  if (last === undefined) return
  last.done = ++world.seq
  if (Exit.isSuccess(exit)) {
    for (const origin of last.set.values()) closeSet(world, origin)
    for (const write of last.writes) endWrite(world, write)
    return
  }
  // Otherwise it may have happened, or not.
  if (isUndone(exit.cause)) undo(world, tries.at(-1)!.set, last)
}

/** Nothing of it has happened. */
const isUndone = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.every((reason) =>
    Cause.isFailReason(reason) && (reason.error as { readonly _tag?: string })._tag === "TransactionConflict"
  )

const undo = (world: World, set: ReadonlyArray<SetOrigin>, committing: Committed | undefined): void => {
  for (const origin of set) {
    origin.refused = true
    const text = () => `#${origin.n} was served, and was never committed`
    decide(world, "what was not set is not served", !world.given.has(origin.n), text)
  }
  for (const write of committing?.writes ?? []) world.writes.splice(world.writes.indexOf(write), 1)
  if (committing !== undefined) world.committed.splice(world.committed.indexOf(committing), 1)
}
