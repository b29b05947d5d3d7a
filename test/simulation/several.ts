/** Look-ups, writes and removals by hand of several keys in one call, and what they answer. */
import { Cause, Effect, Exit, Option } from "effect"
import { Cached } from "effect-cached"
import type { Caching } from "effect-cached/Caching"
import { waves } from "../../src/internal/defaults/bounds.ts"
import { isHeld } from "./held.ts"
import { type Origin, type Read, Thrown, type Value } from "./model.ts"
import { checkOrigin } from "./originRules.ts"
import { keyOf, orLeave, type Simulation, timed } from "./program.ts"
import { describe, violate, wallOf, type World } from "./state.ts"
import { checkWhole } from "./transacts.ts"
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
    looks = ids.map((id) => beginRead(world, id, undefined, undefined, true))
    return use(looks)
  })
  return Effect.onError(looked, (cause) =>
    Effect.sync(() => {
      for (const look of looks) endUnanswered(world, look)
      const isThrown = cause.reasons.every((reason) => Cause.isDieReason(reason) && reason.defect instanceof Thrown)
      if (isThrown || Cause.hasInterrupts(cause)) return
      violate(world, `P4: a call for ${ids} by hand failed with ${describe(Exit.failCause(cause))}`)
    }))
}

const getMany = (self: Simulation, ids: ReadonlyArray<string>) =>
  looking(self, ids, (looks) => {
    const { config, world } = self
    const keys = ids.map((id) => keyOf(self, id))
    const begun = world.seq
    const found = timed(self, `looking up ${ids}`, wavesOf(ids), Cached.getMany(keys))
    return Effect.map(found, (found) => {
      const values = found.map((one) => Option.getOrUndefined(one) as Value | undefined)
      if (values.length !== ids.length) violate(world, `getMany: ${values.length} answers for ${ids.length} keys`)
      // A store that answers late, or in waves, is asked about each place.
      const isOneStep = config.store === "none" ||
        (config.store === "sync" && config.faults === 0 && wavesOf(ids) === 1 && !mayBeSet(world, begun))
      for (const [i, look] of looks.entries()) {
        endLookup(world, look, values[i])
        if (isOneStep && values[ids.indexOf(look.id)]?.n !== values[i]?.n) {
          violate(world, `getMany: two answers for ${look.id}`)
        }
      }
      checkWhole(self, values)
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
    return Effect.tap(timed(self, `setting ${ids}`, 2 * wavesOf(Array.from(new Set(ids))), setting), () =>
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
  return looking(self, different, (looks) => {
    const writes = different.map((id) => beginWrite(world, "id", id))
    const asked = world.seq
    const keys = ids.map((id) => keyOf(self, id))
    const removed = timed(self, `removing ${ids}`, wavesOf(different), Cached.removeMany(keys))
    return Effect.map(removed, (count) => {
      const held = looks.filter((look) => wasHeld(self, look, asked)).length
      const most = isKnown(self) ? looks.filter((look) => mayBeThere(world, look)).length : different.length
      for (const look of looks) endUnanswered(world, look)
      for (const write of writes) endWrite(world, write)
      if (count < held) violate(world, `removeMany: ${count} of ${different} were there, though ${held} were stored`)
      if (count > most) violate(world, `removeMany: ${count} of ${different} were there, and ${most} may have been`)
    })
  })
}

const remove = (self: Simulation, id: string) =>
  answered(self, id, `Cached.remove of ${id}`, (look) => {
    const write = beginWrite(self.world, "id", id)
    const asked = self.world.seq
    const removed = timed(self, `removing ${id}`, 1, Cached.remove(keyOf(self, id)))
    return Effect.map(removed, (isThere) => {
      const held = wasHeld(self, look, asked)
      endWrite(self.world, write)
      return [isThere, held] as const
    })
  })

const has = (self: Simulation, id: string) =>
  answered(self, id, `Cached.has of ${id}`, (look) => {
    const found = timed(self, `looking for ${id}`, 1, Cached.has(keyOf(self, id)))
    return Effect.map(found, (isThere) => [isThere, isHeld(self.world, look)] as const)
  })

/** Whether something is there, as an operation answers it, and whether it must have been there. */
const answered = (
  self: Simulation,
  id: string,
  what: string,
  ask: (look: Read) => Effect.Effect<readonly [isThere: boolean, isHeld: boolean], never, Caching>
) =>
  looking(self, [id], ([look]) =>
    Effect.map(ask(look!), ([isThere, isHeld]) => {
      const may = !isKnown(self) || mayBeThere(self.world, look!) || isBeside(self.world, look!)
      endUnanswered(self.world, look!)
      if (isThere && !may) violate(self.world, `${what} @${look!.begun} answers that it was there`)
      if (!isThere && isHeld) {
        violate(self.world, `${what} @${look!.begun} answers that #${look!.held!.n} was not there`)
      }
    }))

/**
 * A store that goes wrong may have forgotten something, or have kept it; and one of `Store.make` answers what the
 * `remove` of its storage says, of what has ended too.
 */
const isKnown = ({ config }: Simulation): boolean => config.faults === 0 && config.store !== "derived"

/** Another write of the id, or of all, had not ended: the store may have what was there before it. */
const isBeside = ({ writes }: World, { begun, id }: Read): boolean =>
  writes.some(({ asked, done, kind, target }) =>
    (kind === "all" || kind === "id" && target === id) && asked < begun && !(done < begun)
  )

/** It was there until the removal itself, because nothing else has happened since it was looked for. */
const wasHeld = ({ config, world }: Simulation, { held }: Read, asked: number): boolean =>
  config.store === "none" && world.seq === asked && held !== undefined && held.flight!.entry!.expiresAt > wallOf(world)

/** Whether an entry of the id may have been there when it was looked for. */
const mayBeThere = (self: World, look: Read): boolean =>
  Array.from(self.origins.values()).some((origin) => {
    if (origin.id !== look.id || !mayBeStored(origin)) return false
    const trial: World = { ...self, say: () => {}, violations: [] }
    checkOrigin(trial, look, origin, "")
    return trial.violations.length === 0
  })

const mayBeStored = (origin: Origin): boolean => {
  if (origin._tag === "Set") return true
  const { exit, renews, spec } = origin
  if (exit === undefined) return false
  if (renews !== undefined) return true
  return Exit.isSuccess(exit) || (spec.failuresToo && Cause.hasFails(exit.cause))
}
