/**
 * Circles between processes: each has the lease that the other's load waits for, and none of them sees the whole. So a
 * load that has a lease, and waits for one that another process renews, says in the store what it waits for; and follows
 * what others say, from what it waits for to itself.
 *
 * What others say may be over when it is read. So a wait counts only where it was said in the look before and has been
 * said again since: all waits of a circle then hold at the time of the look before, and loads that wait for each other
 * at one time do so for ever.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import { CacheCycle } from "../../../CacheError.ts"
import { circles } from "../../defaults/processes.ts"
import { pageId } from "../../store/pageIds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { answerNow } from "../flight/callers.ts"
import { endIfUnneeded } from "../flight/ending.ts"
import { reached } from "../flight/waitGraph.ts"
import type { Flight, Flights, LeaseWait, Statement } from "../state.ts"
import { ask } from "../storeTier/ask.ts"
import { spawn } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"

/** Loads of this process that have leases, and the waits for leases of others of each. */
type Holders = ReadonlyMap<Flight, ReadonlyArray<LeaseWait>>

type Statements = ReadonlyMap<string, Statement>

const none: Statements = new Map()

/** Looks for circles, and does so again and again while a load waits for so long that has a lease itself. */
export const look = (self: Flights, tier: StoreTier, now: number): void => {
  const { leaseWaits } = self
  const search = leaseWaits.circles ??= { nextAt: now, statements: none }
  const pauseMillis = tier.leaseMillis / circles.looksOfLease
  const before = now - pauseMillis
  if (now < search.nextAt || !isAnyOlder(leaseWaits.waiting, before)) return
  search.nextAt = now + pauseMillis
  const holders = holdersOf(self, { now, before })
  if (holders.size === 0) {
    search.statements = none
    return
  }
  search.nextAt = Infinity
  const looking = Effect.map(sayAndFollow(tier, holders, pauseMillis), (statements) => {
    endCircles(self, holders, edgesOf(search.statements, statements))
    search.statements = statements
  })
  const clock = Context.get(self.context, Clock.Clock)
  spawn(
    tier.background,
    self.context,
    Effect.ensuring(
      looking,
      Effect.sync(() => {
        search.nextAt = monotonicMillis(clock) + pauseMillis
      })
    )
  )
}

const isAnyOlder = (waiting: ReadonlyMap<string, ReadonlySet<LeaseWait>>, before: number): boolean => {
  for (const ofId of waiting.values()) for (const { since } of ofId) if (since <= before) return true
  return false
}

/** The oldest ones first, within bounds: those in a circle outlive all others. */
const holdersOf = (
  { flights, leaseWaits: { waiting } }: Flights,
  { before, now }: { readonly before: number; readonly now: number }
): Holders => {
  const holders = new Map<Flight, ReadonlyArray<LeaseWait>>()
  let steps = 0
  for (const flight of flights.all()) {
    if (flight.lease === undefined || flight.lease.heldUntil <= now || flight.attempt.waitsOn === undefined) continue
    const waits: Array<LeaseWait> = []
    for (const inner of reached(flight)) {
      if (++steps > circles.steps) return holders
      for (const wait of waiting.get(inner.id) ?? []) {
        if (wait.flight === inner && wait.since <= before && waits.length < circles.waits) waits.push(wait)
      }
    }
    if (waits.length > 0) holders.set(flight, waits)
    if (holders.size === circles.loads) break
  }
  return holders
}

/** Says what the loads of this process wait for, and answers with that and what others say. */
const sayAndFollow = Effect.fnUntraced(function*(
  tier: StoreTier,
  holders: Holders,
  pauseMillis: number
): Effect.fn.Return<Statements> {
  const { front, store } = tier
  const clock = Context.get(front.context, Clock.Clock)
  const budget = () => ({ leftMillis: tier.storeTimeoutMillis })
  const statements = new Map<string, Statement>()
  for (const [{ id }, waits] of holders) {
    statements.set(id, {
      nonce: front.tokens.next(8),
      waits: new Map(waits.map(({ flight, owner, since }) => [`${owner}${since}`, flight.id]))
    })
  }
  const now = clock.currentTimeMillisUnsafe()
  const entries = Array.from(statements, ([id, one]) => ({ id: recordOf(id), entry: toStored(tier, one, now) }))
  if (isFault(yield* ask(tier, budget(), "set", store.setMany(entries)))) return none
  // from what is waited for to what that waits for
  const askedAt = monotonicMillis(clock)
  const asked = new Set(statements.keys())
  let said = Array.from(statements.values())
  for (let hop = 0; hop < circles.hops; hop++) {
    const ids = new Set(said.flatMap(({ waits }) => Array.from(waits.values())).filter((id) => !asked.has(id)))
    const next = Array.from(ids).slice(0, circles.loads)
    if (next.length === 0) break
    const answers = yield* ask(tier, budget(), "get", store.getMany(next.map(recordOf)))
    if (isFault(answers)) return none
    said = []
    for (const [i, id] of next.entries()) {
      asked.add(id)
      const one = answers[i] && fromStored(answers[i])
      if (one === undefined) continue
      statements.set(id, one)
      said.push(one)
    }
  }
  // a wait has lasted for that long before it is said: all of them hold together if all are read within that time
  return monotonicMillis(clock) - askedAt < pauseMillis ? statements : none
})

const recordOf = (id: string): string => pageId("waits", 0, id)

const toStored = ({ front, leaseMillis }: StoreTier, { nonce, waits }: Statement, now: number): Stored => ({
  payload: new TextEncoder().encode(JSON.stringify([nonce, ...waits].flat())),
  meta: {
    createdAt: now,
    softExpiresAt: now + leaseMillis,
    expiresAt: now + leaseMillis,
    loadMillis: 0,
    outcome: "success",
    tags: [],
    writeId: front.tokens.next(16),
    serializer: 0
  }
})

/** Nothing, where a store has given something else. */
const fromStored = ({ payload }: Stored): Statement | undefined => {
  try {
    const texts: unknown = JSON.parse(new TextDecoder().decode(payload))
    if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string")) return undefined
    const [nonce = "", ...rest] = texts
    const waits = new Map<string, string>()
    for (let i = 0; i < rest.length && waits.size < circles.waits; i += 2) waits.set(rest[i]!, rest[i + 1] ?? "")
    return { nonce, waits }
  } catch {
    return undefined
  }
}

/** The ids that each id waited for at the time of the look before. */
type Edges = ReadonlyMap<string, ReadonlyArray<string>>

const edgesOf = (before: Statements, now: Statements): Edges => {
  const edges = new Map<string, ReadonlyArray<string>>()
  for (const [id, { nonce, waits }] of now) {
    const said = before.get(id)
    if (said === undefined || said.nonce === nonce) continue
    edges.set(id, Array.from(waits).flatMap(([wait, awaited]) => said.waits.has(wait) ? [awaited] : []))
  }
  return edges
}

/** The shortest way from an id to itself. */
const circleOf = (edges: Edges, id: string): ReadonlyArray<string> | undefined => {
  const from = new Map([[id, id]])
  for (const at of from.keys()) {
    for (const next of edges.get(at) ?? []) {
      if (next === id) {
        const path = [id]
        for (let one = at; one !== id; one = from.get(one)!) path.push(one)
        return [...path, id].reverse()
      }
      if (!from.has(next)) from.set(next, at)
    }
  }
  return undefined
}

const endCircles = (self: Flights, holders: Holders, edges: Edges): void => {
  for (const [holder, waits] of holders) {
    const path = circleOf(edges, holder.id)
    if (path === undefined) continue
    for (const wait of waits) if (wait.flight.id === path[1]) endWait(self, holder, wait.flight, path)
  }
}

/** Ends a wait inside a load alone: others that wait for the same flight may be in no circle. */
const endWait = (self: Flights, holder: Flight, awaited: Flight, path: ReadonlyArray<string>): void => {
  const inside = new Set(reached(holder))
  const ends = new Set([awaited])
  for (const end of ends) {
    const callers = Array.from(end.callers).filter(({ within }) => within?.flight && inside.has(within.flight))
    for (const caller of callers) answerNow(caller, Effect.die(new CacheCycle({ path })))
    endIfUnneeded(self, end)
    // a refresh is queued behind it: its callers wait for both
    if (callers.length === 0) { for (const flight of inside) if (flight.attempt.waitsOn?.has(end)) ends.add(flight) }
  }
}
