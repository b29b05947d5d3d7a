/**
 * Circles between processes: each has the lease that the other's load waits for, and none of them sees the whole. So a
 * load that has a lease, and waits for one that another process renews, says in the store what it waits for; and follows
 * what others say, from what it waits for to itself.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import { CacheCycle } from "../../../CacheError.ts"
import { circles } from "../../defaults/processes.ts"
import { pageId } from "../../store/pageIds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { reached } from "../flight/waitGraph.ts"
import type { Flights, LeaseWait, LeaseWaits } from "../state.ts"
import { ask } from "../storeTier/ask.ts"
import { spawn } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"

/** What the load of an id waits for, as its process has said. */
interface Said {
  /** differs each time that it is said */
  readonly nonce: string
  readonly ids: ReadonlyArray<string>
  /** when it was seen first, in monotonic milliseconds */
  readonly seenAt: number
  /** all waits that began before this time have been seen by who says it again */
  readonly holdsSince: number
}

interface Looking {
  nextAt: number
  readonly said: Map<string, Said>
}

/** A load of this process that has a lease, and the leases that it waits for. */
interface Holder {
  readonly id: string
  readonly waits: ReadonlyArray<LeaseWait>
}

const looking = new WeakMap<LeaseWaits, Looking>()

/** Looks for circles a third of a lease later again, while a load waits for so long that has a lease itself. */
export const look = (self: Flights, tier: StoreTier, now: number): void => {
  const pauseMillis = tier.leaseMillis / 3
  const known = looking.get(self.leaseWaits) ?? { nextAt: 0, said: new Map<string, Said>() }
  if (now < known.nextAt) return
  looking.set(self.leaseWaits, known)
  known.nextAt = now + pauseMillis
  const holders = holdersOf(self, now - pauseMillis)
  if (holders.length === 0) known.said.clear()
  else spawn(tier.background, tier.front.context, tellAndFollow(tier, known, holders))
}

const holdersOf = ({ flights, leaseWaits: { waiting } }: Flights, before: number): ReadonlyArray<Holder> => {
  if (!Array.from(waiting.values()).some((ofId) => Array.from(ofId).some(({ since }) => since <= before))) return []
  const holders: Array<Holder> = []
  for (const flight of flights.all()) {
    if (flight.lease === undefined || flight.attempt.waitsOn === undefined) continue
    const waits = Array.from(reached(flight)).flatMap((one) =>
      Array.from(waiting.get(one.id) ?? []).filter((wait) => wait.flight === one && wait.since <= before)
    )
    if (waits.length > 0) holders.push({ id: flight.id, waits: waits.slice(0, circles.waits) })
    if (holders.length === circles.holders) break
  }
  return holders
}

const recordOf = (id: string): string => pageId("waits", 0, id)

const tellAndFollow = Effect.fnUntraced(function*(
  tier: StoreTier,
  { said }: Looking,
  holders: ReadonlyArray<Holder>
): Effect.fn.Return<void> {
  const budget = { leftMillis: tier.storeTimeoutMillis }
  const clock = Context.get(tier.front.context, Clock.Clock)
  const entries = holders.map(({ id, waits }) => ({
    id: recordOf(id),
    entry: toStored(tier, clock.currentTimeMillisUnsafe(), waits.map(({ flight }) => flight.id))
  }))
  if (isFault(yield* ask(tier, budget, "set", tier.store.setMany(entries)))) return
  // from what is waited for to what that waits for
  let ids = new Set(holders.flatMap(({ waits }) => waits.map(({ flight }) => flight.id)))
  const asked = new Set<string>()
  for (let hop = 0; hop < circles.hops && ids.size > 0; hop++) {
    const next = Array.from(ids).slice(0, circles.waits)
    const answers = yield* ask(tier, budget, "get", tier.store.getMany(next.map(recordOf)))
    if (isFault(answers)) return
    const now = monotonicMillis(clock)
    ids = new Set()
    next.forEach((id, i) => {
      asked.add(id)
      for (const other of note(said, id, answers[i], now)) if (!asked.has(other)) ids.add(other)
    })
  }
  for (const id of said.keys()) if (!asked.has(id)) said.delete(id)
  for (const { id, waits } of holders) {
    for (const wait of waits) {
      const path = pathFrom(said, wait, id)
      if (path !== undefined && !wait.isGone) wait.die(new CacheCycle({ path: [id, ...path] }))
    }
  }
})

const toStored = ({ front, leaseMillis }: StoreTier, now: number, ids: ReadonlyArray<string>): Stored => {
  const expiresAt = now + leaseMillis
  const nonce = front.tokens.next(8)
  return {
    payload: new TextEncoder().encode(JSON.stringify([nonce, ...ids])),
    meta: {
      createdAt: now,
      softExpiresAt: expiresAt,
      expiresAt,
      loadMillis: 0,
      outcome: "success",
      tags: [],
      writeId: front.tokens.next(16),
      serializer: 0
    }
  }
}

/** Notes what the process that loads an id says, and answers what it waits for. */
const note = (said: Map<string, Said>, id: string, stored: Stored | undefined, now: number): ReadonlyArray<string> => {
  const before = said.get(id)
  const [nonce, ...ids] = stored === undefined ? [] : textsOf(stored)
  if (nonce === undefined) said.delete(id)
  else if (nonce !== before?.nonce) {
    said.set(id, { nonce, ids, seenAt: now, holdsSince: before === undefined ? -Infinity : before.seenAt })
  }
  return ids
}

/** Nothing, where a store has given something else. */
const textsOf = ({ payload }: Stored): ReadonlyArray<string> => {
  try {
    const texts: unknown = JSON.parse(new TextDecoder().decode(payload))
    return Array.isArray(texts) && texts.every((text) => typeof text === "string") ? texts : []
  } catch {
    return []
  }
}

/**
 * The ids from a wait to the load that waits, where others have said so again since it began: what was said before may be
 * over.
 */
const pathFrom = (
  said: Map<string, Said>,
  { flight, since }: LeaseWait,
  to: string
): ReadonlyArray<string> | undefined => {
  const from = new Map<string, string | undefined>([[flight.id, undefined]])
  for (const id of from.keys()) {
    const one = said.get(id)
    if (one === undefined || one.holdsSince < since) continue
    for (const next of one.ids) {
      if (next === to) {
        const path = [to]
        for (let at: string | undefined = id; at !== undefined; at = from.get(at)) path.push(at)
        return path.reverse()
      }
      if (!from.has(next)) from.set(next, id)
    }
  }
  return undefined
}
