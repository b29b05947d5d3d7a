/** Loads that wait for other processes' leases. One request asks for all leases. A change to an id wakes its loads. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Acquired, AcquireRequest, Join } from "../../../ports/store.ts"
import { believedLeaders, leasePoll } from "../../defaults/processes.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { beginAsking } from "../flight/flight.ts"
import type { Flight, Flights, LeaseAnswer, LeaseWait, LeaseWaits } from "../state.ts"
import { ask } from "../storeTier/ask.ts"
import { spawn, supervise } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import type { Fault, StoreTier } from "../storeTier/storeTier.ts"
import * as Circles from "./circles.ts"

/** Whether the store may still grant an `acquire` that timed out. A synchronous store drops such a request. */
export const isLate = ({ store }: StoreTier, answer: Acquired | Fault): boolean =>
  isFault(answer) && answer.reason === "Timeout" && store.workedMillis === undefined

export const make = (): LeaseWaits => ({ waiting: new Map(), timer: undefined, isAsking: false })

interface WaitOptions {
  readonly flight: Flight
  readonly owner: string
  readonly leftMillis: number
}

export const waitForLease = (
  self: Flights,
  tier: StoreTier,
  { flight, leftMillis, owner }: WaitOptions
): Effect.Effect<LeaseAnswer> =>
  Effect.callback<LeaseAnswer>((resume) => {
    const now = nowOf(self)
    const waiting: LeaseWait = {
      flight,
      owner,
      since: now,
      dueAt: 0,
      isGone: false,
      resume: (answer) => resume(Effect.succeed(answer))
    }
    waiting.dueAt = nextOf(tier, waiting, { now, leftMillis })
    add(self.leaseWaits, waiting)
    flight.request.batch?.dropOut(flight)
    setTimer(self, tier, waiting.dueAt)
    return Effect.sync(() => {
      waiting.isGone = true
      remove(self.leaseWaits, waiting)
      if (self.leaseWaits.waiting.size === 0 && !self.leaseWaits.isAsking) stopTimer(self)
    })
  })

const add = ({ waiting }: LeaseWaits, one: LeaseWait): void => {
  const { id } = one.flight
  const ofId = waiting.get(id)
  if (ofId === undefined) waiting.set(id, new Set([one]))
  else ofId.add(one)
}

const remove = ({ waiting }: LeaseWaits, one: LeaseWait): void => {
  const { id } = one.flight
  const ofId = waiting.get(id)
  if (ofId?.delete(one) && ofId.size === 0) waiting.delete(id)
}

/** Makes the loads that wait for an id's lease ask for it at once. Without an id, makes all waiting loads ask. */
export const wake = (self: Flights, tier: StoreTier, id?: string): void => {
  const { waiting } = self.leaseWaits
  const woken = id === undefined ? Array.from(waiting.values()) : [waiting.get(id)]
  for (const ofId of woken) for (const one of ofId ?? []) one.dueAt = -Infinity
  if (woken[0] !== undefined) setTimer(self, tier, -Infinity)
}

/** When to ask again: after a quarter of the time waited so far, but no later than when the lease or `wait` ends. */
const nextOf = (
  { waitMillis = Infinity }: StoreTier,
  { since }: LeaseWait,
  { leftMillis, now }: { readonly leftMillis: number; readonly now: number }
): number => {
  const waited = now - since
  const pauseMillis = Math.min(
    Math.max(leasePoll.firstMillis, waited / 4),
    leasePoll.longestMillis,
    leftMillis + leasePoll.afterEndMillis,
    waited < waitMillis ? waitMillis - waited : Infinity
  )
  return now + Math.max(1, pauseMillis)
}

const setTimer = (self: Flights, tier: StoreTier, at: number): void => {
  const { leaseWaits } = self
  if (leaseWaits.isAsking || leaseWaits.waiting.size === 0) return
  if (leaseWaits.timer !== undefined && leaseWaits.timer.at <= at) return
  stopTimer(self)
  const sleep = Effect.suspend(() => {
    const millis = at - nowOf(self)
    // A clock may end an empty sleep synchronously, before the timer is assigned.
    return millis > 0 ? Effect.sleep(millis) : Effect.yieldNow
  })
  const worker = supervise(tier.background, {
    name: "asks for leases",
    context: self.context,
    run: Effect.andThen(sleep, askAll(self, tier)),
    onDeath: () => {
      leaseWaits.isAsking = false
    }
  })
  leaseWaits.timer = { at, worker }
}

const stopTimer = ({ leaseWaits }: Flights): void => {
  leaseWaits.timer?.worker.interruptUnsafe()
  leaseWaits.timer = undefined
}

const askAll = (self: Flights, tier: StoreTier): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { leaseWaits } = self
    const now = nowOf(self)
    const due: Array<LeaseWait> = []
    for (const ofId of leaseWaits.waiting.values()) {
      for (const one of ofId) if (one.dueAt <= now + leasePoll.togetherMillis) due.push(one)
    }
    leaseWaits.isAsking = true
    // `Infinity` means that the store is being asked. A wake-up meanwhile sets another time, which `deliver` keeps.
    for (const waiting of due) {
      waiting.dueAt = Infinity
      beginAsking(waiting.flight)
    }
    const asking = ask(
      tier,
      { leftMillis: tier.storeTimeoutMillis },
      "acquire",
      tier.store.acquireMany(due.map((waiting) => requestOf(tier, waiting, now)))
    )
    return Effect.map(asking, (answers) => {
      leaseWaits.isAsking = false
      leaseWaits.timer = undefined
      deliver(self, tier, due.map((waiting, i) => ({ waiting, answer: isFault(answers) ? answers : answers[i]! })))
      setTimer(self, tier, nextDue(leaseWaits))
    })
  })

const nextDue = ({ waiting }: LeaseWaits): number => {
  let next = Infinity
  for (const ofId of waiting.values()) for (const { dueAt } of ofId) next = Math.min(next, dueAt)
  return next
}

const requestOf = (
  tier: StoreTier,
  { flight: { id, rejectedWriteId }, owner, since }: LeaseWait,
  now: number
): AcquireRequest => ({
  id,
  owner,
  leaseMillis: tier.leaseMillis,
  rejectedWriteId,
  join: joinOf(tier, now - since)
})

/**
 * Whether a load starts although another process holds the lease. After each `wait`, the store lets one waiting load do
 * so. A leader renews its lease for at most `maxLoad`, but each later leader may take as long again. Only after the
 * time of several leaders may all waiting loads start, so that one hanging load does not start them all at once.
 */
const joinOf = ({ leaseMillis, maxLoadMillis, waitMillis }: StoreTier, waitedMillis: number): Join =>
  waitedMillis >= believedLeaders * (maxLoadMillis + leaseMillis + (waitMillis ?? 0))
    ? true
    : waitMillis !== undefined && waitedMillis >= waitMillis
    ? { afterMillis: waitMillis }
    : false

interface Delivery {
  readonly waiting: LeaseWait
  readonly answer: Acquired | Fault
}

const deliver = (self: Flights, tier: StoreTier, deliveries: ReadonlyArray<Delivery>): void => {
  const now = nowOf(self)
  const ready: Array<{ readonly waiting: LeaseWait; readonly answer: LeaseAnswer }> = []
  for (const { answer, waiting } of deliveries) {
    if (!isFault(answer) && answer._tag === "Wait") {
      if (waiting.dueAt === Infinity) waiting.dueAt = nextOf(tier, waiting, { now, leftMillis: answer.leftMillis })
      continue
    }
    remove(self.leaseWaits, waiting)
    ready.push({ waiting, answer })
  }
  Circles.look(self, tier, now)
  // All flights rejoin before the first one continues, so that they share one call if they are of the same batch.
  for (const { waiting: { flight, isGone } } of ready) if (!isGone) flight.request.batch?.rejoin(flight)
  for (const { answer, waiting } of ready) {
    if (!waiting.isGone) waiting.resume(answer)
    // The lease was granted, or may still be granted, to a flight that no longer uses it.
    if (isLate(tier, answer) || waiting.isGone && !isFault(answer) && answer._tag === "Granted") giveBack(tier, waiting)
  }
}

const giveBack = (tier: StoreTier, { flight: { id }, owner }: LeaseWait): void =>
  spawn(
    tier.background,
    tier.front.context,
    ask(tier, { leftMillis: tier.storeTimeoutMillis }, "release", tier.store.release(id, owner))
  )

const nowOf = (self: Flights): number => monotonicMillis(Context.get(self.context, Clock.Clock))
