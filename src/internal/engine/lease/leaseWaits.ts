/** Makes loads wait for other processes' leases. They ask again in waves, and immediately after their id changes. */
import * as Effect from "effect/Effect"
import type { Acquired, AcquireRequest, Join } from "../../../ports/store.ts"
import { together } from "../../defaults/bounds.ts"
import { believedLeaders, leasePoll } from "../../defaults/processes.ts"
import { monotonicNow } from "../../time/monotonic.ts"
import * as Turns from "../../time/turns.ts"
import { beginAsking } from "../flight/flight.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { declaredTags } from "../request/requestTags.ts"
import type { Flight, Flights, LeaseAnswer, LeaseGrant, LeaseWait, LeaseWaits } from "../state.ts"
import { ask, askForAll, type Asking, askInWaves } from "../storeTier/ask.ts"
import { spawn, supervise } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import { areAmong } from "../storeTier/fetch.ts"
import { allTags, noEntryId } from "../storeTier/fetchMany.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { step } from "../telemetry/steps.ts"
import { tellWaited } from "../telemetry/tell.ts"
import * as Circles from "./circles.ts"
import { isLate, renewMillisOf } from "./held.ts"
import { release } from "./releases.ts"
import { renewTogether } from "./wave.ts"

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
  Effect.withFiber((fiber) =>
    Effect.callback<LeaseAnswer>((resume) => {
      const now = monotonicNow(self)
      const end = step(flight.trace, "waitForLease", fiber)
      const waiting: LeaseWait = {
        flight,
        owner,
        since: now,
        dueAt: 0,
        heldSince: now,
        heldUntil: now + leftMillis,
        isGone: false,
        resume(answer) {
          tellWaited(self, flight, monotonicNow(self) - now)
          end?.(isFault(answer) ? answer.reason : answer._tag)
          resume(Effect.succeed(answer))
        }
      }
      add(self.leaseWaits, waiting)
      waiting.dueAt = nextOf(self, tier, waiting, { now, leftMillis })
      flight.request.batch?.dropOut(flight)
      setTimer(self, tier, waiting.dueAt)
      return Effect.sync(() => {
        waiting.isGone = true
        remove(self.leaseWaits, waiting)
        if (self.leaseWaits.waiting.size === 0 && !self.leaseWaits.isAsking) stopTimer(self)
      })
    })
  )

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

/** When to ask again: after a quarter of the time waited (later if many wait), earlier if the lease or `wait` ends. */
const nextOf = (
  { leaseWaits }: Flights,
  { waitMillis = Infinity }: StoreTier,
  { since }: LeaseWait,
  { leftMillis, now }: { readonly leftMillis: number; readonly now: number }
): number => {
  const waited = now - since
  const pauseMillis = Math.min(
    Math.max(
      leasePoll.firstMillis,
      Math.min(waited / 4, leasePoll.longestMillis),
      Math.min(leaseWaits.waiting.size / leasePoll.ofMilli, leftMillis - leasePoll.afterEndMillis)
    ),
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
    const millis = at - monotonicNow(self)
    // A clock may end a sleep of 0 ms synchronously, before the timer is assigned.
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
    leaseWaits.isAsking = true
    const { storeTimeoutMillis: leftMillis } = tier
    const asking = askInWaves(
      dueOf(leaseWaits, monotonicNow(self)),
      { leftMillis },
      (wave, budget, _, inTurn) =>
        Effect.flatMap(
          Effect.tap(askWave(self, { tier, budget }, wave), inTurn),
          (some) => deliver(self, tier, some)
        )
    )
    return Effect.map(asking, () => {
      leaseWaits.isAsking = false
      leaseWaits.timer = undefined
      setTimer(self, tier, nextDue(leaseWaits))
    })
  })

const dueOf = ({ waiting }: LeaseWaits, now: number): ReadonlyArray<LeaseWait> => {
  const due: Array<LeaseWait> = []
  for (const ofId of waiting.values()) {
    for (const one of ofId) if (one.dueAt <= now + leasePoll.togetherMillis) due.push(one)
  }
  if (due.length <= leasePoll.most) return due
  // The waits that have been due for longest come first, so that none is left out again and again.
  const byTime = (one: LeaseWait, other: LeaseWait) => one.dueAt === other.dueAt ? 0 : one.dueAt < other.dueAt ? -1 : 1
  return due.toSorted(byTime).slice(0, leasePoll.most)
}

const askWave = Effect.fnUntraced(function*(
  self: Flights,
  { budget, tier }: Asking,
  all: ReadonlyArray<LeaseWait>
): Effect.fn.Return<ReadonlyArray<Delivery>> {
  const { store } = tier
  const wave = all.filter(({ isGone }) => !isGone)
  if (wave.length === 0) return []
  const askedAt = monotonicNow(self)
  // `Infinity` means that the store is being asked. A wake-up meanwhile sets another time, which `deliver` keeps.
  for (const waiting of wave) {
    waiting.dueAt = Infinity
    beginAsking(waiting.flight)
  }
  const bornAt = TagEpochs.epochNow(tier.front.tagEpochs)
  const requests = wave.map((waiting) => requestOf(tier, waiting, askedAt))
  const answers = yield* askForAll(tier, budget, requests, {
    operation: "acquire",
    all: store.acquire
  })
  const hits = wave.map(({ flight: { request } }, i) => {
    const answer = answers[i]!
    if (isFault(answer) || answer._tag !== "Hit") return undefined
    return areAmong(answer.entry.meta.tags, declaredTags(self, request)) ? answer : undefined
  })
  const tags = allTags(hits.map((hit) => hit?.entry))
  const asked = tags.length === 0
    ? undefined
    : yield* ask(tier, budget, "get", store.get(noEntryId, tags))
  const tagsRead = asked === undefined || isFault(asked) ? undefined : { tags, versions: asked.versions, bornAt }
  return wave.map((waiting, i) => {
    const hit = hits[i]
    return { waiting, answer: hit === undefined ? answers[i]! : { ...hit, tagsRead }, askedAt }
  })
})

const nextDue = ({ waiting }: LeaseWaits): number => {
  let next = Infinity
  for (const ofId of waiting.values()) for (const { dueAt } of ofId) next = Math.min(next, dueAt)
  return next
}

const requestOf = (tier: StoreTier, waiting: LeaseWait, now: number): AcquireRequest => {
  const { flight: { id, rejectedWriteId }, owner } = waiting
  return { id, owner, leaseMillis: tier.leaseMillis, rejectedWriteId, join: joinOf(tier, waiting, now) }
}

/**
 * Whether a load starts although another process holds the lease. The store lets one waiting load start after each
 * `wait`, and once a leader has held the lease for longer than it may renew it. All waiting loads start only after the
 * longest time that several leaders in a row may take, so that one hanging load does not start them all at once.
 */
const joinOf = (tier: StoreTier, { flight, heldSince, since }: LeaseWait, now: number): Join => {
  const { leaseMillis, waitMillis } = tier
  const longestMillis = renewMillisOf(flight) + leaseMillis
  const waitedMillis = now - since
  if (waitedMillis >= believedLeaders * (longestMillis + (waitMillis ?? 0))) return true
  if (waitMillis !== undefined && waitedMillis >= waitMillis) return { afterMillis: waitMillis }
  return now - heldSince >= longestMillis ? { afterMillis: longestMillis } : false
}

interface Delivery {
  readonly waiting: LeaseWait
  readonly answer: Acquired | LeaseAnswer
  readonly askedAt: number
}

const deliver = (
  self: Flights,
  tier: StoreTier,
  deliveries: ReadonlyArray<Delivery>
): Effect.Effect<void> => {
  const now = monotonicNow(self)
  const ready: Array<{ readonly waiting: LeaseWait; answer: LeaseAnswer }> = []
  for (const { answer, askedAt, waiting } of deliveries) {
    if (!isFault(answer) && answer._tag === "Wait") {
      // The former lease has ended without a renewal, so another process holds this one.
      if (askedAt >= waiting.heldUntil) waiting.heldSince = askedAt
      waiting.heldUntil = askedAt + answer.leftMillis
      if (waiting.dueAt === Infinity) {
        waiting.dueAt = nextOf(self, tier, waiting, { now, leftMillis: answer.leftMillis })
      }
      continue
    }
    remove(self.leaseWaits, waiting)
    ready.push({ waiting, answer })
  }
  const granted = ready.filter(({ answer }) => isGranted(answer))
  if (granted.length > together.alone) {
    const holds = new Map<string, LeaseGrant["hold"]>()
    for (const one of granted) {
      const { answer, waiting: { flight, owner } } = one
      if (!isGranted(answer) || flight.policy.storeTimeoutMillis !== undefined) continue
      const hold = holds.get(owner) ?? renewTogether(flight, owner)
      holds.set(owner, hold)
      one.answer = { ...answer, hold }
    }
  }
  Circles.look(self, tier, now)
  // All flights rejoin before the first one continues, so that they share one call if they are of the same batch.
  for (const { waiting: { flight, isGone } } of ready) if (!isGone) flight.request.batch?.rejoin(flight)
  return Turns.forEachEffect(ready, ({ answer, waiting }) => {
    if (!waiting.isGone) waiting.resume(answer)
    // The lease was granted, or may still be granted, to a flight that no longer uses it.
    if (isLate(tier, answer) || waiting.isGone && isGranted(answer)) releaseUnused(tier, waiting)
    return undefined
  })
}

const isGranted = (answer: LeaseAnswer): answer is LeaseGrant => !isFault(answer) && answer._tag === "Granted"

const releaseUnused = (tier: StoreTier, { flight: { id }, owner }: LeaseWait): void =>
  spawn(tier.background, tier.front.context, release(tier, { id, owner }))
