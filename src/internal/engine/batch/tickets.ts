/**
 * Tickets for keys that only one bulk call wants. A flight takes several hundred bytes and a microsecond, so such a key
 * has a ticket, which becomes a flight as soon as anything else looks up the id's flight. Over a store, the ticket also
 * becomes a flight if its lease is another process's, or when its result is about to be stored.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { tickets as limits } from "../../defaults/bounds.ts"
import type { IdMap } from "../../idMap.ts"
import * as Turns from "../../time/turns.ts"
import { publish } from "../flight/complete.ts"
import { makeFlight } from "../flight/flight.ts"
import { toEntry } from "../flight/result.ts"
import * as Watches from "../flight/watches.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { refusal } from "../read/validate.ts"
import { allowFallback } from "../request/answers.ts"
import * as Policy from "../request/callPolicy.ts"
import { readContextOf } from "../request/context.ts"
import { declaredTags } from "../request/requestTags.ts"
import { isLimited, optionOf, rulesOf } from "../request/rules.ts"
import type { Batch, Flight, Flights, Request, Tickets as Index } from "../state.ts"
import { tellLoad, tellMiss } from "../telemetry/tell.ts"
import type { Missing, Office } from "./missingKey.ts"
import type { Reading } from "./reading.ts"

type Pilot = { -readonly [name in keyof Flight]: Flight[name] }

interface Tickets extends Office {
  readonly tickets: IdMap<Missing>
  /** Whether no result may be stored and no ticket joined, because everything was invalidated. */
  isDetached: boolean
  /** Whether changes of the store may have been missed before the call began. */
  changedWhileAsked: boolean
  /** Whether they may have been missed since then, or the store may not report the next ones. */
  isOutdated: boolean
  /** The number of tickets that `boardWaiting` has made flights. */
  shown: number
  readonly engine: Flights
  readonly reading: Reading
  readonly batch: Batch
  /** Adds the read as a caller of the flight that a ticket has become. */
  readonly join: (ticket: Missing, request: Request, flight: Flight) => void
  readonly answer: (ticket: Missing, exit: Exit.Exit<unknown, unknown>) => void
  /** A single flight object, reused for each ticket in turn to put the ticket's result in memory. */
  pilot: Pilot | undefined
}

/** Returns `undefined` if all keys need flights, for example because of timeouts, `copy`, listeners or a cluster. */
export const make = (
  engine: Flights,
  reading: Reading,
  options: Pick<Tickets, "batch" | "join" | "answer">
): Tickets | undefined => {
  const { fiber, many: { isPerKey, template }, policy } = reading
  const { span, within } = readContextOf(engine, fiber)
  const isPlain = policy === Policy.standard && !isPerKey && within === undefined &&
    (engine.throughStore === undefined || span === undefined && isOneServer(engine)) &&
    !engine.isPrivate && engine.listeners.events === undefined &&
    optionOf(engine, template, "copy") === undefined && !isLimited(engine, template)
  const { missing } = reading
  const { tickets } = engine.flights
  if (!isPlain || missing.size < limits.least || (tickets?.calls.size ?? 0) >= limits.calls) return undefined
  const { calls } = engine.flights.tickets ??= makeIndex()
  const self: Tickets = {
    engine,
    reading,
    ...options,
    tickets: missing,
    isDetached: false,
    changedWhileAsked: false,
    isOutdated: false,
    shown: 0,
    pilot: undefined,
    requestOf: ({ key, tags }) => {
      const request = reading.many.requestOf(key, options.batch)
      if (tags !== undefined) rulesOf(engine, request).tags = tags
      return request
    },
    board: (ticket) => board(self, ticket),
    end: (ticket, exit, leader) => end(self, ticket, exit, leader)
  }
  calls.add(self)
  return self
}

/** In a transaction, loads run other steps, and on a cluster each flight asks alone. */
const isOneServer = ({ storeTier }: Flights): boolean =>
  storeTier !== undefined && storeTier.store.capabilities.sharded !== true

const makeIndex = (): Index => {
  const calls = new Set<Tickets>()
  return {
    calls,
    board: (id, asking) => {
      for (const call of calls) {
        const ticket = call.isDetached || call === asking ? undefined : call.tickets.get(id)
        if (ticket?.isOpen === true) return ticket.board()
      }
      return undefined
    },
    boardAll: Effect.suspend(() => {
      const all = Array.from(calls, ({ tickets }) => tickets.values())
      return Effect.forEach(all, (tickets) => Turns.forEach(tickets, (one) => void (one.isOpen && one.board())))
    }),
    detachAll: () => {
      for (const call of calls) call.isDetached = true
      for (const { batch, tickets } of calls) batch.giveBack(tickets.values())
    },
    releaseOutdated: (isGone) => {
      for (const { batch, engine, tickets } of calls) batch.giveBack(outdated(engine, tickets, isGone))
    },
    outdateAll: () => {
      for (const call of calls) {
        const hasBegun = call.batch.doing() !== undefined
        if (!hasBegun) call.changedWhileAsked = true
        else call.isOutdated = true
      }
    },
    boardWaiting: (limit) => {
      for (const call of calls) {
        if (call.batch.doing() !== "waiting") continue
        for (const ticket of call.tickets.values()) {
          if (call.shown >= limit) break
          if (!ticket.isOpen) continue
          ticket.board()
          call.shown++
        }
      }
    }
  }
}

/** The tickets with leases whose tags were invalidated after their loads began. */
function* outdated(
  { tagEpochs }: Flights,
  tickets: IdMap<Missing>,
  isGone: Parameters<Index["releaseOutdated"]>[0]
): Iterable<Missing> {
  for (const ticket of tickets.values()) {
    const { bornAt, lease, tags = [] } = ticket
    if (ticket.generation === undefined || !TagEpochs.changedSince(tagEpochs, tags, bornAt)) continue
    if (isGone(tags, () => lease?.markersOf(ticket.requestOf()))) yield ticket
  }
}

/** Removes the tickets of a call. If no call has tickets, removes the index too: misses then need not look for any. */
export const close = (self: Tickets): void => {
  const { flights } = self.engine
  flights.tickets?.calls.delete(self)
  if (flights.tickets?.calls.size === 0) flights.tickets = undefined
}

export const take = (self: Tickets, ticket: Missing): boolean => {
  const { batch, engine, reading: { many } } = self
  const { asked, id, key, stale } = ticket
  const usesStore = engine.throughStore !== undefined
  const request = many.requestOf(key, batch)
  if (
    self.isDetached || !batch.hasSeat(usesStore) || stale !== undefined || usesStore && !asked ||
    engine.flights.has(id, self) || engine.ending.has(id) || engine.closed ||
    Memory.peek(engine.memory, engine.tagEpochs, id) !== undefined ||
    refusal(engine, request) !== undefined
  ) return false
  if (usesStore) ticket.tags = declaredTags(engine, request)
  Watches.noteChange(engine, id)
  ticket.office = self
  // A ticket must not keep an entry alive that memory has removed.
  if (ticket.former !== undefined) ticket.know({ former: undefined })
  ticket.bornAt = engine.tagEpochs.epoch
  ticket.isOpen = true
  batch.sell(ticket, usesStore)
  tellMiss(engine, key, id)
  return true
}

const board = (self: Tickets, ticket: Missing): Flight => {
  const { batch, engine } = self
  const request = self.requestOf(ticket)
  // This may poll the store. If a change of this id is reported then, the ticket has become a flight already.
  readContextOf(engine, self.reading.fiber)
  if (ticket.flight !== undefined) return ticket.flight
  const flight = flightOf(self, ticket, request)
  ticket.flight = flight
  ticket.isOpen = false
  flight.changedWhileAsked = self.changedWhileAsked
  flight.isOutdated = self.isOutdated
  if (self.isDetached) flight.storable = false
  else engine.flights.set(flight)
  self.join(ticket, request, flight)
  batch.board(ticket)
  return flight
}

const flightOf = ({ engine, reading: { fiber, policy } }: Tickets, ticket: Missing, request: Request): Flight =>
  makeFlight(engine, {
    id: ticket.id,
    request,
    policy,
    refresh: false,
    rejectedWriteId: ticket.rejectedWriteId,
    readsStore: false,
    parent: undefined,
    stale: undefined,
    starter: readContextOf(engine, fiber),
    bornAt: ticket.bornAt
  })

/** Ends a ticket with the result of its key. Returns `false` if the ticket must become a flight first. */
const end = (self: Tickets, ticket: Missing, exit: Exit.Exit<unknown, unknown>, leader: Flight): boolean => {
  const { engine } = self
  if (Exit.isFailure(exit) || engine.listeners.events !== undefined) return false
  const { endedAt = 0, startedAt = 0 } = leader.attempt
  const request = self.requestOf(ticket)
  const pilot = self.pilot ??= flightOf(self, ticket, request) as Pilot
  pilot.id = ticket.id
  pilot.request = request
  pilot.bornAt = ticket.bornAt
  pilot.storable = !self.isDetached
  pilot.attempt.startedAt = startedAt
  pilot.attempt.endedAt = endedAt
  pilot.endedAt = endedAt
  pilot.entry = toEntry(engine, pilot, exit, endedAt)
  // A function of the user, called by `toEntry`, has looked up the id's flight, so the ticket has become a flight.
  if (!ticket.isOpen) return false
  ticket.isOpen = false
  publish(engine, pilot)
  if (engine.failing.size > 0) engine.failing.delete(pilot.counters)
  allowFallback(engine, pilot)
  const millis = Math.max(0, endedAt - startedAt)
  tellLoad(engine, pilot, exit, millis)
  engine.meter?.served(pilot.counters, "load")
  self.answer(ticket, pilot.entry?.exit ?? exit)
  return true
}
