/** Handles the keys of a bulk read that are not in memory: asks the store for them, and loads the rest in one call. */
import { telling } from "#platform/engine/telemetry/tellSpan"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { waves } from "../../defaults/bounds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import * as Turns from "../../time/turns.ts"
import { wait } from "../flight/callers.ts"
import { putInMemory } from "../flight/complete.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import { joinOrStart } from "../read/read.ts"
import { serve } from "../read/serve.ts"
import * as Policy from "../request/callPolicy.ts"
import { readContextOf, wallNow } from "../request/context.ts"
import { planFound } from "../request/decide.ts"
import { defectOf } from "../request/rules.ts"
import { StrictFault } from "../request/strict.ts"
import type { Flights, Joining } from "../state.ts"
import { type Asking, askInWaves } from "../storeTier/ask.ts"
import { isFault, strictFault } from "../storeTier/faults.ts"
import { fetchMany } from "../storeTier/fetchMany.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { type Budget, rejectedBy, type StoreTier } from "../storeTier/storeTier.ts"
import * as Batch from "./batch.ts"
import type { Missing } from "./missingKey.ts"
import { afterServed, concluded, type Exits, isServed, loadOf, readerOf, type Reading, refuse } from "./reading.ts"
import * as Stubs from "./stubs.ts"

export const loadMissing = (
  self: Flights,
  reading: Reading,
  missing: ReadonlyArray<Missing>
): Effect.Effect<Exits, unknown, any> => {
  if (self.storeTier === undefined || !Policy.readsNormally(reading.policy)) return joinAll(self, reading, missing)
  return Effect.andThen(
    askStore(self, self.storeTier, reading, missing),
    Effect.suspend(() =>
      afterServed(self, reading, () => {
        const rest = missing.filter(({ place }) => reading.exits[place] === undefined)
        return rest.length === 0 ? concluded(reading, []) : joinAll(self, reading, rest)
      })
    )
  )
}

const askStore = (
  self: Flights,
  tier: StoreTier,
  reading: Reading,
  missing: ReadonlyArray<Missing>
): Effect.Effect<void, never, any> => {
  const toAsk = missing.filter(({ asked }) => !asked)
  if (toAsk.length === 0) return Effect.void
  const take = (wave: ReadonlyArray<Missing>, budget: Budget) => takeWave(self, { tier, budget }, reading, wave)
  return askInWaves(toAsk, reading.budget!, take, waves.most)
}

const takeWave = (
  self: Flights,
  { budget, tier }: Asking,
  reading: Reading,
  toAsk: ReadonlyArray<Missing>
): Effect.Effect<void, never, any> => {
  const { fiber, policy } = reading
  const { mutations } = self
  const asking = fetchMany(tier, budget, { keys: toAsk.map(({ key }) => key), ids: toAsk.map(({ id }) => id) })
  return Effect.flatMap(asking, (found) => {
    const now = wallNow(self, fiber)
    const take = (i: number): void => {
      const one = toAsk[i]!
      const answer = found[i]
      // A key also counts as asked if the request failed, so that the store is not asked again for each key.
      one.asked = true
      const fault = strictFault(answer)
      if (fault !== undefined && policy.strict) return refuse(reading, one, Exit.die(new StrictFault(fault)))
      if (isFault(answer)) return
      if (!(answer instanceof Entry) || answer.writeId === one.rejectedWriteId) {
        const rejectedWriteId = rejectedBy(answer)
        if (rejectedWriteId !== undefined) one.know({ rejectedWriteId })
        return
      }
      const plan = planFound(self, fiber, reading.many.template, answer)
      if (plan === "Load") one.know({ rejectedWriteId: answer.writeId })
      // Memory gets the answer only if nothing has changed since the store was asked. The reader gets it in any case.
      else if (
        !Memory.hasNewer(self.memory, self.tagEpochs, answer, now) &&
        self.mutations === mutations && policy.writes && !self.flights.has(one.id) &&
        self.memory.entries.get(one.id) === one.former && !Pending.isPending(tier.pending, one.id)
      ) {
        putInMemory(self, reading.many.template, answer, now)
      }
      if (plan === "Serve") {
        const exit = serve(readerOf(self, reading, one.key), answer, "store")
        one.setIn(reading.exits, exit)
      } else if (
        isServed(self, reading, { place: one.place, key: one.key, entry: answer, plan, source: "store" })
      ) {
        one.setIn(reading.exits, reading.exits[one.place]!)
      } else if (plan !== "Load") {
        one.know({ stale: answer, rejectedWriteId: answer.writeId })
      }
    }
    let at = 0
    return Turns.forEach(toAsk, (one) => {
      const defect = defectOf(take, at++)
      if (defect !== undefined) refuse(reading, one, defect)
    })
  })
}

const joinAll = (
  self: Flights,
  reading: Reading,
  missing: ReadonlyArray<Missing>
): Effect.Effect<Exits, unknown, any> =>
  Effect.callback<Exits, unknown>((resume) => {
    const { budget, exits, fiber, many, mutations, policy } = reading
    const { clock, span } = readContextOf(self, fiber)
    const since = monotonicMillis(clock)
    const batch = Batch.make({ ...loadOf(many), leftMillis: budget?.leftMillis })
    // This read's own batch, and those of the flights that it joins. If a call of any batch fails, the read may fail.
    const batches = new Set([batch])
    const cleanups: Array<Effect.Effect<void>> = []
    let left = missing.length
    let isLeft = false
    const answer = (one: Missing, exit: Exit.Exit<unknown, unknown>): void => {
      one.setIn(exits, exit)
      if (--left > 0) return
      const { id, key } = one
      const waitedMillis = Math.round(monotonicMillis(clock) - since)
      telling(self, span, key, { id, source: "load", now: clock.currentTimeMillisUnsafe(), waitedMillis })
      if (stubs !== undefined) Stubs.close(stubs)
      resume(concluded(reading, batches))
    }
    const stubs = Stubs.make(self, reading, {
      batch,
      answer,
      join: (one, request, flight) => {
        const isStoring = batch.doing() === "storing"
        if (isStoring && isLeft) return
        const waiting = { flight, request, hasTimeouts: false, stale: undefined, joined: false }
        const caller = wait(self, fiber, { ...waiting, resume: (effect) => resumeOne(one, effect) })
        caller.joinedAt = flight.bornAt
        // The flight ends soon, with or without its caller, and must not be kept until the read has ended.
        if (!isStoring) cleanups.push(caller)
      }
    })
    const resumeOne = (one: Missing, effect: Effect.Effect<unknown, unknown, any>): void => {
      // No caller would wait for a read that is repeated now, nor interrupt it.
      if (isLeft) return
      if (Exit.isExit(effect)) return answer(one, effect)
      const asking = Effect.runForkWith(fiber.context as Context.Context<any>)(effect)
      cleanups.push(Effect.sync(() => asking.interruptUnsafe()))
      asking.addObserver((exit) => answer(one, exit))
    }
    const joinOne = (one: Missing): void => {
      if (stubs !== undefined && Stubs.add(stubs, one)) return
      const { asked, id, key, rejectedWriteId, stale } = one
      const running = self.flights.get(id)?.request.batch
      if (running !== undefined) batches.add(running)
      const joining: Joining = {
        readsStore: Policy.readsNormally(policy) && self.storeTier !== undefined && !asked,
        stale,
        rejectedWriteId: rejectedWriteId ?? stale?.writeId ?? toReplace(self, policy, id),
        mutations
      }
      const cleanup = joinOrStart(
        { engine: self, fiber, policy, id, request: many.requestOf(key, batch) },
        joining,
        (effect) => resumeOne(one, effect)
      )
      if (cleanup !== undefined) cleanups.push(cleanup)
    }
    const turning = { clock, dispatcher: fiber.currentDispatcher }
    const join = (one: Missing): void => {
      if (isLeft) return
      const defect = defectOf(joinOne, one)
      if (defect !== undefined) answer(one, defect)
    }
    // The batch is closed even if a step throws or no caller is left, because other reads may wait for its call.
    batch.inGroups(missing, turning, join, batch.close)
    return Effect.suspend(() => {
      isLeft = true
      const waiting: Array<Fiber.Fiber<void>> = []
      const leaving = Effect.andThen(
        stubs === undefined ? Effect.void : batch.leaveStubs(missing),
        Effect.suspend(() => {
          if (stubs !== undefined) batch.whenStored(() => Stubs.close(stubs))
          return leaveAll(cleanups, Effect.runForkWith(fiber.context as Context.Context<any>), waiting)
        })
      )
      return Effect.andThen(batch.whileLeaving(leaving), Effect.suspend(() => Fiber.awaitAll(waiting)))
    })
  })

/** Removes all callers over several turns. Collects those that then still wait for the finalizers of a load. */
const leaveAll = (
  cleanups: ReadonlyArray<Effect.Effect<void>>,
  run: (cleanup: Effect.Effect<void>) => Fiber.Fiber<void>,
  waiting: Array<Fiber.Fiber<void>>
): Effect.Effect<void> =>
  Turns.forEach(cleanups, (cleanup) => {
    const leaving = run(cleanup)
    if (leaving.pollUnsafe() === undefined) waiting.push(leaving)
  })

/** The `writeId` of the entry in memory that the load replaces. `undefined` if the policy reads normally. */
const toReplace = (self: Flights, policy: Policy.Policy, id: string): string | undefined =>
  Policy.readsNormally(policy) ? undefined : Memory.peek(self.memory, self.tagEpochs, id)?.writeId
