/** Look-ups, writes and removals by hand of several keys in one call, and what they answer. */
import { Cause, Effect, Exit, Option } from "effect"
import { Cached } from "effect-cached"
import type { Caching } from "effect-cached/Caching"
import { waves } from "../../src/internal/defaults/bounds.ts"
import { decide } from "./decide.ts"
import { type Read, Thrown, type Value } from "./model.ts"
import { agree, keyOf, orLeave, type Simulation } from "./program.ts"
import { describe, type World } from "./state.ts"
import { timed } from "./timeRules.ts"
import { beginRead, beginSetOrigin, beginWrite, endLookup, endUnanswered, endWrite } from "./world.ts"

export const several = (self: Simulation): Effect.Effect<unknown, unknown, Caching> | undefined => {
  if (!self.extras.happens("several", 0.35)) return undefined
  const dice = self.extras.diceOf("several")
  const ids = self.config.ids.filter(() => dice.chance(0.8))
  // A key may be given twice.
  const asked = dice.chance(0.3) ? [...ids, ...ids.slice(0, 1)] : ids
  const die = dice.below(10)
  if (die < 4) return getMany(self, asked)
  if (die < 6) return orLeave(self, setMany(self, asked))
  if (die < 7) return orLeave(self, removeMany(self, asked))
  if (die < 8) return has(self, dice.pick(self.config.ids))
  if (die < 9) return orLeave(self, remove(self, dice.pick(self.config.ids)))
  return Effect.all([getMany(self, asked), orLeave(self, setMany(self, ids))], { concurrency: "unbounded" })
}

/** Looks for entries: one that is interrupted, or whose tags throw, has no answer. */
const looking = <A, E, R>(
  { world }: Simulation,
  ids: ReadonlyArray<string>,
  use: (looks: ReadonlyArray<Read>) => Effect.Effect<A, E, R>
) => {
  let looks: ReadonlyArray<Read> = []
  const looked = Effect.suspend(() => {
    looks = ids.map((id) => beginRead(world, id, undefined, { many: true }))
    return use(looks)
  })
  return Effect.onError(looked, (cause) =>
    Effect.sync(() => {
      for (const look of looks) endUnanswered(world, look)
      const isThrown = cause.reasons.every((reason) => Cause.isDieReason(reason) && reason.defect instanceof Thrown)
      if (isThrown || Cause.hasInterrupts(cause)) return
      decide(world, "a store fails only strict readers", false, () => `${ids}: ${describe(Exit.failCause(cause))}`)
    }))
}

const getMany = (self: Simulation, ids: ReadonlyArray<string>) =>
  looking(self, ids, (looks) => {
    const { config, world } = self
    const keys = ids.map((id) => keyOf(self, id))
    const begun = world.seq
    const found = timed(self.world, `looking up ${ids}`, wavesOf(ids), Cached.getMany(keys))
    return Effect.map(found, (found) => {
      const values = found.map((one) => Option.getOrUndefined(one) as Value | undefined)
      // A store that answers late, or in waves, is asked about each place.
      const isOneStep = config.store === "none" ||
        (config.store === "sync" && config.faults === 0 && wavesOf(ids) === 1 && !mayBeSet(world, begun))
      for (const [i, look] of looks.entries()) endLookup(world, look, values[i])
      const isWhole = values.length === ids.length &&
        (!isOneStep || values.every((value, i) => value?.n === values[ids.indexOf(ids[i]!)]?.n))
      decide(world, "many keys get one answer each", isWhole, () => `${ids}: ${values.map((one) => one?.n)}`)
    })
  })

/**
 * The answer of a synchronous store is read entry by entry, and each may take a turn (`turns`, or a decoder that takes
 * one). If a value is set beside the call, only one of two places of its key may see it while it is unacknowledged.
 */
const mayBeSet = ({ committed, writes }: World, begun: number): boolean =>
  [...writes.filter(({ set }) => set !== undefined), ...committed].some(({ done }) => done > begun)

/** Each wave has a budget of its own, and a timeout ends the call, so a call takes as many budgets as waves at most. */
const wavesOf = (ids: ReadonlyArray<string>): number => Math.max(1, Math.ceil(ids.length / waves.size))

/** A key that is given twice has its last value. */
const setMany = (self: Simulation, ids: ReadonlyArray<string>) =>
  Effect.suspend(() => {
    const { world } = self
    const dice = self.extras.diceOf("several")
    const ttl = dice.pick([10, 50, Infinity])
    const tags = dice.pick([[], ["T"], ["U"]])
    const origins = ids.map((id) => beginSetOrigin(world, id, ttl, tags))
    for (const [i, origin] of origins.entries()) {
      if (ids.lastIndexOf(origin.id) === i) continue
      origin.refused = true
      world.writes.splice(world.writes.indexOf(origin.write), 1)
    }
    const entries = origins.map(({ id, n }) => [keyOf(self, id) as string, { id, n }] as const)
    const setting = Cached.setMany(entries, { ttl, tags })
    return Effect.tap(timed(self.world, `setting ${ids}`, 2 * wavesOf(Array.from(new Set(ids))), setting), () =>
      Effect.sync(() => {
        for (const { refused, write } of origins) {
          if (!refused) {
            endWrite(world, write)
          }
        }
      }))
  })

const removeMany = (self: Simulation, ids: ReadonlyArray<string>) => {
  const { world } = self
  const different = Array.from(new Set(ids))
  return looking(self, different, (looks) =>
    Effect.gen(function*() {
      const { turn } = world
      const before = yield* Effect.forEach(different, (id) => Cached.has(keyOf(self, id)))
      const writes = different.map((id) => beginWrite(world, "id", id))
      const keys = ids.map((id) => keyOf(self, id))
      const count = yield* timed(world, `removing ${ids}`, wavesOf(different), Cached.remove(keys))
      for (const look of looks) endUnanswered(world, look)
      for (const write of writes) endWrite(world, write)
      agree(self, turn, () => [count, before.filter((isThere) => isThere).length])
    }))
}

const remove = (self: Simulation, id: string) =>
  looking(self, [id], ([look]) =>
    Effect.gen(function*() {
      const { world } = self
      const { turn } = world
      const before = yield* Cached.has(keyOf(self, id))
      const write = beginWrite(world, "id", id)
      const isThere = yield* timed(world, `removing ${id}`, 1, Cached.remove(keyOf(self, id)))
      endUnanswered(world, look!)
      endWrite(world, write)
      agree(self, turn, () => [isThere, before])
    }))

const has = (self: Simulation, id: string) =>
  looking(self, [id], ([look]) =>
    Effect.gen(function*() {
      const { world } = self
      const { turn } = world
      const isThere = yield* timed(world, `looking for ${id}`, 1, Cached.has(keyOf(self, id)))
      const entry = yield* Cached.getEntry(keyOf(self, id))
      endUnanswered(world, look!)
      // A failure is there too.
      agree(self, turn, () => [isThere, isThere || Option.isSome(entry)])
    }))
