/**
 * Finds cycles of waits between processes. No process sees a whole cycle: each holds a lease for which a load of the
 * next process waits. A load that holds a lease and waits for another one publishes its waits, and checks whether the
 * published waits of other loads lead back to it. A published wait may be over, so it counts only if it was published
 * at the previous look and again since then. All waits of a cycle then existed at the same time, so they never end.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { CacheCycle } from "../../../CacheError.ts"
import { circles } from "../../defaults/processes.ts"
import { clockOf, monotonicMillis } from "../../time/monotonic.ts"
import { answerNow } from "../flight/callers.ts"
import { endIfUnneeded } from "../flight/ending.ts"
import { reached } from "../flight/waitGraph.ts"
import type { Flight, Flights, LeaseWait, LeaseWaits } from "../state.ts"
import { spawn } from "../storeTier/background.ts"
import { isFault } from "../storeTier/faults.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { hear, say, type Statement, type Statements } from "./statements.ts"

interface Search {
  nextAt: number
  statements: Statements
}

type Holders = ReadonlyMap<Flight, ReadonlyArray<LeaseWait>>

const none: Statements = new Map()

const searches = new WeakMap<LeaseWaits, Search>()

/** Looks for cycles from time to time, as long as a load that holds a lease waits for another lease. */
export const look = (self: Flights, tier: StoreTier, now: number): void => {
  const { leaseWaits } = self
  const search = searches.get(leaseWaits) ?? { nextAt: now, statements: none }
  const pauseMillis = tier.leaseMillis / circles.looksOfLease
  const before = now - pauseMillis
  if (now < search.nextAt || !isAnyOlder(leaseWaits.waiting, before)) return
  searches.set(leaseWaits, search)
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
  const clock = clockOf(self)
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

/** The oldest loads that hold a lease and wait for another one, up to a limit: waits in a cycle outlive all others. */
const holdersOf = (
  { flights, leaseWaits: { waiting }, running }: Flights,
  { before, now }: { readonly before: number; readonly now: number }
): Holders => {
  flights.stubs?.waitingToFlights(circles.loads)
  const holders = new Map<Flight, ReadonlyArray<LeaseWait>>()
  let steps = 0
  for (const flight of running.all()) {
    if (flight.lease === undefined || flight.lease.heldUntil <= now || flight.attempt.waitsOn === undefined) continue
    const waits: Array<LeaseWait> = []
    for (const inner of reached(flight)) {
      for (const wait of waiting.get(inner.id) ?? []) {
        if (wait.flight === inner && wait.since <= before) waits.push(wait)
      }
      if (++steps === circles.steps || waits.length === circles.waits) break
    }
    if (waits.length > 0) holders.set(flight, waits)
    if (steps === circles.steps || holders.size === circles.loads) break
  }
  return holders
}

const sayAndFollow = Effect.fnUntraced(function*(
  tier: StoreTier,
  holders: Holders,
  pauseMillis: number
): Effect.fn.Return<Statements> {
  const { front: { context, tokens } } = tier
  const clock = Context.get(context, Clock.Clock)
  const statements = new Map<string, Statement>()
  for (const [{ id }, waits] of holders) {
    const named = waits.map(({ flight, owner, since }) => [`${owner}${since}`, flight.id] as const)
    statements.set(id, { nonce: tokens.next(8), waits: new Map(named) })
  }
  if (isFault(yield* say(tier, statements))) return none
  const askedAt = monotonicMillis(clock)
  const asked = new Set(statements.keys())
  let last: Statements = new Map(statements)
  for (let hop = 0; hop < circles.hops; hop++) {
    const awaited = Array.from(last.values()).flatMap(({ waits }) => Array.from(waits.values()))
    const ids = Array.from(new Set(awaited)).filter((id) => !asked.has(id)).slice(0, circles.loads)
    if (ids.length === 0) break
    const heard = yield* hear(tier, ids)
    if (isFault(heard)) return none
    for (const id of ids) asked.add(id)
    for (const [id, one] of heard) statements.set(id, one)
    last = heard
  }
  // A wait is published only once it has lasted `pauseMillis`, so waits read within that time existed at the same time.
  return monotonicMillis(clock) - askedAt < pauseMillis ? statements : none
})

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

/** Ends only the waits inside one load, because other callers of the awaited flight may not be in a cycle. */
const endWait = (self: Flights, holder: Flight, awaited: Flight, path: ReadonlyArray<string>): void => {
  const inside = new Set(reached(holder))
  const ends = new Set([awaited])
  for (const end of ends) {
    const callers = Array.from(end.callers).filter(({ within }) => within?.flight && inside.has(within.flight))
    for (const caller of callers) answerNow(caller, Effect.die(new CacheCycle({ path })))
    endIfUnneeded(self, end)
    // If there are none, flights inside the load are queued behind this flight. The waits of their callers end next.
    if (callers.length === 0) { for (const flight of inside) if (flight.attempt.waitsOn?.has(end)) ends.add(flight) }
  }
}
