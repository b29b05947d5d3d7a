/** The flights and tickets of a call for many keys, and how they join and leave it. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Key } from "../../key/ofKey.ts"
import * as Turns from "../../time/turns.ts"
import { complete } from "../flight/complete.ts"
import { isInterruptible } from "../flight/ending.ts"
import { begin, beginLoading, loadEnded } from "../flight/flight.ts"
import type { Batch, Flight, Groups, Host, Resume, Seats, Ticket } from "../state.ts"
import type { Sorted } from "./unasked.ts"

/** A flight in a call. The answer resumes the flight's fiber. If there is none (a seat), the call runs the flight. */
export class Item {
  readonly flight: Flight
  readonly key: Key
  readonly context: Context.Context<never> | undefined
  readonly resume: Resume | undefined
  call: Call | undefined
  /** `storing`: the call had ended when the flight was made of a ticket. */
  state: "waiting" | "left" | "leaving" | "storing"
  readonly usesStore: boolean

  constructor(flight: Flight, usesStore: boolean, context?: Context.Context<never>, resume?: Resume) {
    this.usesStore = usesStore
    this.flight = flight
    this.key = flight.request.key
    this.context = context
    this.resume = resume
    this.call = undefined
    this.state = "waiting"
  }

  interruptUnsafe(): void {
    leave(this)
  }

  get interruptible(): boolean {
    return isInterruptible(this.call?.fiber)
  }
}

export interface Call {
  readonly items: ReadonlyArray<Item | Ticket>
  readonly edges: Map<Flight, number>
  waiting: number
  readonly turning: Turns.Turning
  /** The context of the first flight's starter, kept here because a flight that leaves early clears its `starter`. */
  readonly starter: Flight["starter"]
  unasked: Sorted["unasked"]
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** When the call began, and what the flights of its tickets note of the store at that time. */
  readonly begun: { readonly at: number; readonly asOf: number; readonly clears: number }
  /** Whether the call has ended, and results of tickets wait for their waves. */
  isStoring: boolean
  onStored: (() => void) | undefined
}

export interface State {
  readonly batch: Batch
  readonly groups: Groups
  readonly pending: Set<Flight>
  ready: Array<Item>
  readonly loading: Map<Flight, Item>
  readonly leading: Set<Flight>
  asking: Array<Item | Ticket>
  /** How many tickets wait for the answer of the store. */
  unanswered: number
  tickets: Array<Ticket>
  call: Call | undefined
  readonly boarded: Map<Ticket, Item>
  /** The flight for whose reader the call asks the store. */
  host: Host | undefined
  seats: Seats | undefined
  isOpen: boolean
  isPaused: boolean
}

/** Removes a flight from a call. Returns whether the flight must not end before the call does. */
export const leaveCall = (call: Call, item: Item): boolean => {
  if (item.state !== "waiting") return false
  const { engine, id } = item.flight
  item.state = "leaving"
  if (--call.waiting === 0) {
    call.fiber?.interruptUnsafe()
    return true
  }
  // The call continues for other flights. If it ignores interruptions, this flight keeps its id until the call ends.
  if (engine.ending.get(id) === item.flight) return true
  item.state = "left"
  return false
}

const leave = (item: Item): void => {
  const { call, flight } = item
  if (call !== undefined && leaveCall(call, item)) return
  item.state = "left"
  complete(flight.engine, flight, Exit.interrupt())
}

export const arrived = (self: State, flight: Flight): void => {
  // The flight waits for others, and its load begins with the call.
  flight.attempt.aliveAt = Infinity
  self.pending.delete(flight)
  self.groups.left(flight)
}

export const firstOf = ({ items }: Call): Item => items[0] as Item

/** Begins a flight that was a ticket. If the call has begun, the flight joins it, and otherwise waits for it. */
export const board = (self: State, ticket: Ticket): void => {
  const { call, host, seats } = self
  const flight = ticket.flight!
  begin(flight)
  flight.engine.running.add(flight)
  const item = new Item(flight, host !== undefined)
  flight.fiber = item
  self.boarded.set(ticket, item)
  seats?.board(ticket, flight)
  // The wave that asks for the ticket's lease continues with the flight.
  if (self.groups.has(ticket)) return
  if (call === undefined) {
    self.ready.push(item)
    return arrived(self, flight)
  }
  item.call = call
  const { attempt } = firstOf(call).flight
  const { asOf, at, clears } = call.begun
  beginLoading(flight, at)
  flight.asOf = asOf
  flight.attempt.clears = clears
  if (attempt.endedAt !== undefined) flight.attempt.endedAt = attempt.endedAt
  flight.attempt.waitsOn = call.edges
  if (!call.isStoring) return
  loadEnded(flight)
  item.state = "storing"
}

/** Adds a ticket to the call. Over a store, `askLater` first asks for its lease. */
export const sell = (self: State, ticket: Ticket, askLater: ((ticket: Ticket) => void) | undefined): void => {
  if (askLater === undefined) return void self.tickets.push(ticket)
  self.unanswered++
  self.groups.entered(ticket)
  askLater(ticket)
}

export const doing = ({ call }: State): ReturnType<Batch["doing"]> => {
  if (call === undefined || call.isStoring) return call && "storing"
  const { waitsOn } = firstOf(call).flight.attempt
  return waitsOn === undefined || waitsOn.size === 0 ? "loading" : "waiting"
}

/** Runs something once the results of tickets are stored, which may be at once. */
export const whenStored = ({ call }: State, run: () => void): void => {
  if (call?.isStoring === true) call.onStored = run
  else run()
}

export const stored = (call: Call): void => {
  if (!call.isStoring) return
  call.isStoring = false
  call.onStored?.()
}

/** Drops the tickets of an interrupted read. If that interrupts the call, waits for the call's finalizers. */
export const leaveTickets = (self: State, tickets: Iterable<Ticket>): Effect.Effect<unknown> => {
  const dropped: Array<Ticket> = []
  const left = Turns.forEach(tickets, (one) => {
    const { call } = self
    // The results of a call that has ended are stored, although no caller waits for them.
    if (!one.isOpen || call?.isStoring === true) return
    // If the call cannot be interrupted, a flight must keep the id until the call has ended.
    if (call?.fiber !== undefined && !isInterruptible(call.fiber)) return void one.board()
    one.drop()
    dropped.push(one)
    if (call !== undefined) call.waiting--
  })
  return Effect.flatMap(left, () => {
    self.seats?.giveBack(dropped)
    const { fiber, waiting } = self.call ?? {}
    if (dropped.length === 0 || fiber === undefined || waiting! > 0) return Effect.void
    fiber.interruptUnsafe()
    return Fiber.await(fiber)
  })
}

export const itemOf = (self: State, one: Item | Ticket): Item | undefined =>
  one instanceof Item ? one : self.boarded.get(one)

export const isWaiting = (self: State, one: Item | Ticket): boolean =>
  one instanceof Item || !one.isOpen ? itemOf(self, one)?.state === "waiting" : true
