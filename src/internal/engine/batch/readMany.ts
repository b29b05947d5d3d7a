/** Reads many keys. Cached keys are answered at once, and one call loads the rest. */
import { isCompared } from "#platform/engine/derived/dependencies"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { IdMap } from "../../idMap.ts"
import { idOf, type Key, ownKey } from "../../key/ofKey.ts"
import { sameIds } from "../../key/sameIds.ts"
import * as Turns from "../../time/turns.ts"
import { invalidateIds } from "../invalidation/invalidate.ts"
import { inTheWay, isStuck, sendAgain, unacknowledged } from "../invalidation/strictReads.ts"
import * as Memory from "../memory/memory.ts"
import { adopt } from "../request/adopt.ts"
import * as Policy from "../request/callPolicy.ts"
import { readContextOf, wallNow } from "../request/context.ts"
import { copyOf } from "../request/copy.ts"
import { isFreshAt, planOrDefect, rejectedOf, trustsMemory } from "../request/decide.ts"
import { declaredTags } from "../request/requestTags.ts"
import { answerOrDefect, defectOf, isLimited, optionOf } from "../request/rules.ts"
import { slide } from "../request/sliding.ts"
import { StrictFault } from "../request/strict.ts"
import type { Attempt, Flights } from "../state.ts"
import { budgetOf } from "../storeTier/ask.ts"
import type { Item } from "../storeTier/pendingInvalidations.ts"
import { meet } from "../telemetry/keyClasses.ts"
import { loadMissing } from "./missing.ts"
import { Missing } from "./missingKey.ts"
import {
  afterServed,
  afterwards,
  concluded,
  type Decided,
  type Exits,
  isServed,
  type ManyRequest,
  noBatch,
  type Reading
} from "./reading.ts"
import { loadWithoutCache } from "./withoutCache.ts"

export const readMany = (
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  many: ManyRequest
): Effect.Effect<Exits, unknown, any> => {
  const context = readContextOf(self, fiber)
  const { policy, within } = context
  const captured = within === undefined || policy.bypass ? undefined : captureFirst(self, { policy, within }, many)
  if (captured !== undefined) return captured
  const copy = optionOf(self, many.template, "copy")
  if (policy.bypass) return loadWithoutCache(many)
  if (policy.invalidate !== undefined) {
    many.keys.forEach(ownKey)
    const rest = Effect.withFiber((fiber) => readMany(self, fiber, many))
    return Effect.flatMap(
      invalidateIds(self, Array.from(new Set(many.keys.map(idOf)))),
      () => Effect.provideService(rest, Policy.Current, { ...policy, invalidate: undefined })
    )
  }
  const exits = policy.strict
    ? readStrictly(self, fiber, many, { policy, sent: [] })
    : readTogether(self, fiber, many, { policy, inTheWay: [] })
  return copy === undefined
    ? exits
    : Effect.map(
      exits,
      (exits) => exits.map((exit, i) => answerOrDefect(() => Exit.map(exit, copyOf(copy, many.keys[i]!))))
    )
}

/** Captures the markers that a read in a load needs, then runs the read. The capture counts towards the timeouts. */
const captureFirst = (
  self: Flights,
  reading: { readonly policy: Policy.Policy; readonly within: Attempt },
  many: ManyRequest
): Effect.Effect<Exits, unknown, any> | undefined => {
  const requests = isLimited(self, many.template)
    ? () => many.keys.map((key) => many.requestOf(key, noBatch))
    : undefined
  const captured = self.storeReads?.captureMany(self, reading, requests, many.keys.map(idOf))
  if (captured !== undefined) many.keys.forEach(ownKey)
  return captured && Effect.flatMap(captured, ({ policy, shortened }) => {
    const requestOf: ManyRequest["requestOf"] = (key, batch) => shortened(many.requestOf(key, batch))
    const rest = Effect.withFiber((fiber) => readMany(self, fiber, { ...many, requestOf }))
    return Effect.provideService(rest, Policy.Current, policy)
  })
}

type InTheWay = ReadonlyArray<ReadonlyArray<Item> | Exit.Exit<never>>

const readStrictly = (
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  many: ManyRequest,
  { policy, sent }: { readonly policy: Policy.Policy; readonly sent: ReadonlyArray<Item> }
): Effect.Effect<Exits, unknown, any> => {
  const inTheWay = many.keys.map((key) => inTheWayOf(self, many, policy, key))
  const unsent = Array.from(new Set(inTheWay.flatMap((items) => Exit.isExit(items) ? [] : items)))
  if (unsent.length > 0) many.keys.forEach(ownKey)
  return unsent.length === 0 || isStuck(sent, unsent)
    ? readTogether(self, fiber, many, { policy, inTheWay })
    : Effect.flatMap(
      sendAgain(self.storeTier!, policy, unsent),
      (policy) => Effect.withFiber((fiber) => readStrictly(self, fiber, many, { policy, sent: unsent }))
    )
}

const readTogether = (
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  many: ManyRequest,
  { inTheWay, policy }: { readonly policy: Policy.Policy; readonly inTheWay: InTheWay }
): Effect.Effect<Exits, unknown, any> => {
  const { keys } = many
  const reading: Reading = {
    exits: new Array<Exit.Exit<unknown, unknown>>(keys.length),
    missing: new IdMap(keys.length),
    due: new Map(),
    served: [],
    fiber,
    many,
    policy,
    mutations: self.mutations,
    budget: self.storeTier && budgetOf(self.storeTier, policy),
    isBroken: false
  }
  const removed = Memory.removed(self.memory)
  return afterwards(
    Turns.forEachNow(keys, lookerIn(self, reading, inTheWay)),
    () =>
      afterwards(
        repeatAnswers(reading, removed !== Memory.removed(self.memory)),
        () =>
          afterServed(self, reading, () => {
            const { isBroken, missing } = reading
            if (missing.size === 0) return isBroken ? concluded(reading, []) : Exit.succeed(reading.exits)
            return loadMissing(self, reading, missing.values())
          })
      )
  )
}

/** Returns a function that looks keys up in memory, one per call. It reads the clock once per chunk of keys. */
const lookerIn = (self: Flights, reading: Reading, inTheWay: InTheWay): (key: Key) => void => {
  const { exits, fiber, many, policy } = reading
  const context = readContextOf(self, fiber)
  const { within } = context
  const usesMemory = Policy.readsNormally(policy) && trustsMemory(self, policy)
  const isObserved = self.listeners.events !== undefined || policy !== Policy.standard
  const asked = { policy, request: many.template }
  const { servesFresh, slides } = many.template
  let place = -1
  let now = 0
  return (key) => {
    if (++place % Turns.turns.steps === 0) now = wallNow(self, fiber)
    const id = idOf(key)
    const refused = policy.strict ? refusedStrictly(self, inTheWay[place]!) : undefined
    if (refused !== undefined) {
      exits[place] = refused
      reading.isBroken = true
      return
    }
    const entry = usesMemory && !isCompared(self, within, id) ? Memory.peek(self.memory, self.tagEpochs, id) : undefined
    if (entry !== undefined) adopt(self, asked, entry, now)
    const plan = entry === undefined
      ? "Load"
      : servesFresh && isFreshAt(entry, now)
      ? "Serve"
      : planOrDefect(self, context, many.template, entry)
    if (plan === "Serve") {
      entry!.counters.hits++
      entry!.reads++
      if (sameIds.exist) meet(self, key)
      self.memory.policy.read(entry!)
      if (slides && policy.writes) slide(self, many.template, entry!, now)
      if (isObserved) reading.served.push({ key, entry: entry!, source: "memory" })
      exits[place] = entry!.exit
      return
    }
    const answer = Exit.isExit(plan) ? plan : defectOf(ownKey, key) ?? plan
    if (Exit.isExit(answer)) {
      exits[place] = answer
      reading.isBroken = true
    } else {
      const decided: Decided = { place, key, entry, plan: answer, source: "memory" }
      if (!isServed(self, reading, decided)) miss(self, reading, decided)
    }
  }
}

/** Gives a repeated key the same answer at all positions, because its entry may have changed between the lookups. */
const repeatAnswers = (
  { exits, many: { keys }, missing }: Reading,
  isChanged: boolean
): Effect.Effect<void> | undefined => {
  if (missing.size === keys.length || (missing.size === 0 && !isChanged)) return undefined
  const answers = new IdMap<Exit.Exit<unknown, unknown>>(keys.length)
  let place = -1
  return Turns.forEachNow(keys, (key) => {
    const id = idOf(key)
    const exit = exits[++place]
    const answer = answers.get(id)
    if (answer !== undefined) exits[place] = answer
    else if (exit !== undefined) {
      answers.set(id, exit)
      missing.get(id)?.setIn(exits, exit)
      missing.delete(id)
    }
  })
}

const inTheWayOf = (
  self: Flights,
  many: ManyRequest,
  policy: Policy.Policy,
  key: Key
): InTheWay[number] =>
  answerOrDefect(() =>
    inTheWay(self.storeTier, policy, { id: idOf(key), tags: () => declaredTags(self, many.requestOf(key, noBatch)) })
  )

const refusedStrictly = (self: Flights, unsent: InTheWay[number]): Exit.Exit<never> | undefined => {
  if (Exit.isExit(unsent)) return unsent
  return unsent.length === 0 ? undefined : Exit.die(new StrictFault(unacknowledged(self.storeTier!)))
}

const miss = (self: Flights, reading: Reading, { entry, key, place, plan }: Decided): void => {
  const id = idOf(key)
  const missing = new Missing(key, id, place, entry)
  const known = reading.missing.add(id, missing)
  if (known !== missing) return known.addPlace(place)
  if (entry === undefined) return
  missing.know({ rejectedWriteId: rejectedOf(self, readContextOf(self, reading.fiber), reading.many.template, entry) })
  if (plan !== "LoadOrStale") return
  missing.know({ stale: entry })
  missing.asked = true
}
