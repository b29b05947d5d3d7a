/** The steps by which a read asks the store. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import { idOf, ownKey } from "../../key/ofKey.ts"
import { monotonicNow } from "../../time/monotonic.ts"
import * as TurnLimit from "../../time/turnLimit.ts"
import { captureFirst, captureMany } from "../derived/capture.ts"
import { isBehind } from "../flight/callers.ts"
import { inTheWay, isStuck, sendAgain, unacknowledged, type Wanted } from "../invalidation/strictReads.ts"
import { asksAlone } from "../lease/together.ts"
import { makeWaveSteps } from "../lease/waveSteps.ts"
import { Entry } from "../memory/entry.ts"
import * as Policy from "../request/callPolicy.ts"
import { provided, wallNow } from "../request/context.ts"
import { planFound } from "../request/decide.ts"
import { declaredTags } from "../request/requestTags.ts"
import { askTimeouts, rulesOf, shortened } from "../request/rules.ts"
import { strictly } from "../request/strict.ts"
import type { Flights, Joining, Reader, Request, StoreReads } from "../state.ts"
import { budgetOf } from "../storeTier/ask.ts"
import { strictFault } from "../storeTier/faults.ts"
import { fetch, readNow } from "../storeTier/fetch.ts"
import type { Item } from "../storeTier/pendingInvalidations.ts"
import { asksTogether, type Fault, type Fetched, NeedsEffect, Rejected, rejectedBy } from "../storeTier/storeTier.ts"
import { countersOf } from "../telemetry/stats.ts"
import { tellMiss } from "../telemetry/tell.ts"
import { askStore, mayAsk } from "./askStore.ts"
import { foundOrRetry } from "./found.ts"
import { join, read, use } from "./read.ts"
import { useFound } from "./useFound.ts"
import { invalidity } from "./validate.ts"

/** Runs a read with what is left of its timeouts since a time. */
const rest = <A, E>(self: Flights, request: Request<A, E>, since: number): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => read(self, fiber, shortened(self, request, monotonicNow(fiber) - since) as Request<A, E>))

const wantedBy = (self: Flights, request: Request): Wanted => ({
  id: idOf(request.key),
  tags: () => declaredTags(self, request)
})

const readAfter = <A, E>(
  self: Flights,
  policy: Policy.Policy,
  given: Request<A, E>,
  unsent: ReadonlyArray<Item>
): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    ownKey(given.key)
    const request = askTimeouts(self, given)
    if (Exit.isExit(request)) return request
    const tier = self.storeTier!
    const since = monotonicNow(fiber)
    return Effect.flatMap(limited(self, request, sendAgain(tier, policy, unsent)), (left = policy) => {
      if (!isStuck(unsent, inTheWay(tier, policy, wantedBy(self, request)))) {
        return Effect.provideService(rest(self, request as Request<A, E>, since), Policy.Current, left)
      }
      tellMiss(self, request.key, idOf(request.key))
      return strictly(unacknowledged(tier))
    })
  })

const afterUnsent: StoreReads["afterUnsent"] = (self, policy, request) => {
  const unsent = inTheWay(self.storeTier, policy, wantedBy(self, request))
  return unsent.length === 0 ? undefined : readAfter(self, policy, request, unsent)
}

const afterCapture: StoreReads["afterCapture"] = (self, policy, within, given) => {
  let request = given
  const captured = captureFirst(self, { policy, within }, [idOf(given.key)], (question) =>
    Effect.suspend(() => {
      const asked = askTimeouts(self, given)
      // An invalid option or a timeout function that throws ends the read, which therefore need not wait for the store.
      if (Exit.isExit(asked)) return asked
      request = asked
      return limited(self, request, question)
    }))
  return captured && Effect.withFiber((fiber) => {
    ownKey(given.key)
    const since = monotonicNow(fiber)
    return Effect.flatMap(
      captured,
      (left) => Effect.provideService(rest(self, request, since), Policy.Current, left)
    )
  })
}

const absent: StoreReads["absent"] = (reader, rejected) => {
  const { engine, fiber, id, policy, request } = reader
  const tier = engine.storeTier!
  const isAsked = tier.store.getUnsafe === undefined || engine.closed
  const mayShare = isAsked && mayAsk(reader)
  // In a turn of many reads, those whose store combines them are asked for first.
  const isFlight = isAsked && policy.writes && !engine.closed &&
    asksTogether(tier, countersOf(engine, request.key)) && (!mayShare || asksAlone(engine, tier))
  const needsFlight = isAsked ? !isFlight && !mayShare : invalidity(engine, request) !== undefined
  if (needsFlight) return useFound(reader, rejected, NeedsEffect)
  // `Effect.runSync` cannot wait for a later turn, and a private reader must not wait for readers in other requests.
  const canWait = !engine.isPrivate && fiber.getRef(Scheduler.Scheduler).executionMode === "async"
  if (!TurnLimit.tryEnter(tier.reads) && canWait) return inLaterTurn(reader)
  if (isFlight) return useFound(reader, rejected, NeedsEffect)
  if (isAsked) return askStore(reader, rejected)
  const found = readNow(tier, request.key, id, wallNow(engine, fiber))
  const fault = policy.strict && found !== NeedsEffect ? strictFault(found) : undefined
  return fault === undefined ? useFound(reader, rejected, found) : strictly(fault)
}

/** Repeats the read in a later turn of the event loop, because this turn has reached its limit of store reads. */
const inLaterTurn = <A, E>({ engine, fiber, request }: Reader<A, E>): Effect.Effect<A, E> => {
  const since = monotonicNow(fiber)
  return Effect.andThen(TurnLimit.nextTurn(engine.storeTier!.reads), rest(engine, request, since))
}

const limited = <A>(self: Flights, request: Request, effect: Effect.Effect<A>): Effect.Effect<A | undefined> => {
  const { timeoutMillis } = rulesOf(self, request)
  return timeoutMillis === undefined
    ? effect
    : Effect.map(Effect.timeoutOption(effect, timeoutMillis), Option.getOrUndefined)
}

const askThenJoin = <A, E>(reader: Reader<A, E>, joining: Joining): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    const { engine, id, policy, request } = reader
    // Once the cache is closed, no load can start. The running load must be joined now, because it could end meanwhile.
    if (engine.closed) return join(reader, { ...joining, readsStore: false })
    const tier = engine.storeTier!
    const { mutations } = engine
    const { rejectedWriteId: rejected, storeMillis } = joining
    const budget = storeMillis === undefined ? budgetOf(tier, policy) : { leftMillis: storeMillis }
    const fetched = provided(
      request,
      fetch(tier, budget, {
        key: request.key,
        id,
        tags: declaredTags(engine, request)
      })
    )
    const since = monotonicNow(fiber)
    // The read's `timeout` includes the time for asking the store. If that takes all of it, joining fails at once.
    return Effect.flatMap(limited(engine, request, fetched as Effect.Effect<Fetched | Fault>), (found) => {
      const fault = policy.strict ? strictFault(found) : undefined
      if (fault !== undefined) return strictly(fault)
      // If anything has changed since the store was asked, the entry is neither served nor used as a fallback.
      const entry = found instanceof Entry && engine.mutations === mutations ? found : undefined
      const rest: Reader<A, E> = {
        ...reader,
        fiber,
        request: shortened(engine, request, monotonicNow(fiber) - since) as Request<A, E>
      }
      const isRefused = entry === undefined || entry.writeId === rejected
      const plan = isRefused ? "Load" : planFound(engine, fiber, request, entry)
      if (plan === "Load") {
        const rejectedWriteId = found instanceof Rejected
          ? rejectedBy(found) ?? rejected
          : entry?.writeId
        return join(rest, {
          ...joining,
          readsStore: false,
          rejectedWriteId,
          storeMillis: Math.max(0, budget.leftMillis)
        })
      }
      // The entry is not put in memory, because the running load will put its own result there.
      return use(rest, { entry: entry!, plan, source: "store", mutations })
    })
  })

export const storeReads: StoreReads = {
  afterUnsent,
  afterCapture,
  absent,
  foundOrRetry,
  askThenJoin,
  captureFirst,
  captureMany,
  makeWaveSteps,
  isBehind
}
