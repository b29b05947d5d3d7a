/** The flights and stubs of a call for many keys, and how they join and leave it. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Key } from "../../key/ofKey.ts"
import * as Turns from "../../time/turns.ts"
import { complete } from "../flight/complete.ts"
import { isInterruptible } from "../flight/ending.ts"
import { begin, beginLoading, loadEnded } from "../flight/flight.ts"
import type { Batch, Flight, Groups, Resume, Stub, WaveContext, WaveSteps } from "../state.ts"
import type { Sorted } from "./unasked.ts"

/** A flight in a call. The answer resumes the flight's fiber. If there is none, the call runs the flight. */
export class CallMember {
  readonly flight: Flight
  readonly key: Key
  readonly context: Context.Context<never> | undefined
  readonly resume: Resume | undefined
  call: Call | undefined
  /** `storing`: the call had ended when the flight was made of a stub. */
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
  readonly members: ReadonlyArray<CallMember | Stub>
  readonly edges: Map<Flight, number>
  waiting: number
  readonly turning: Turns.Turning
  /** The context of the first flight's starter, kept here because a flight that leaves early clears its `starter`. */
  readonly starter: Flight["starter"]
  unasked: Sorted["unasked"]
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** When the call began, and what the flights of its stubs note of the store at that time. */
  readonly begun: { readonly at: number; readonly asOf: number; readonly askedAt: number }
  /** Whether the call has ended, and results of stubs wait for their waves. */
  isStoring: boolean
  onStored: (() => void) | undefined
}

export interface State {
  readonly batch: Batch
  readonly groups: Groups
  readonly pending: Set<Flight>
  ready: Array<CallMember>
  readonly loading: Map<Flight, CallMember>
  readonly leading: Set<Flight>
  asking: Array<CallMember | Stub>
  /** How many stubs wait for the answer of the store. */
  unanswered: number
  stubs: Array<Stub>
  call: Call | undefined
  readonly replaced: Map<Stub, CallMember>
  /** The flight for whose reader the call asks the store. */
  waveContext: WaveContext | undefined
  waveSteps: WaveSteps | undefined
  isOpen: boolean
  isPaused: boolean
}

/** Removes a flight from a call. Returns whether the flight must not end before the call does. */
export const leaveCall = (call: Call, member: CallMember): boolean => {
  if (member.state !== "waiting") return false
  const { engine, id } = member.flight
  member.state = "leaving"
  if (--call.waiting === 0) {
    call.fiber?.interruptUnsafe()
    return true
  }
  // The call continues for other flights. If it ignores interruptions, this flight keeps its id until the call ends.
  if (engine.ending.get(id) === member.flight) return true
  member.state = "left"
  return false
}

const leave = (member: CallMember): void => {
  const { call, flight } = member
  if (call !== undefined && leaveCall(call, member)) return
  member.state = "left"
  complete(flight.engine, flight, Exit.interrupt())
}

export const arrived = (self: State, flight: Flight): void => {
  // The flight waits for others, and its load begins with the call.
  flight.attempt.aliveAt = Infinity
  self.pending.delete(flight)
  self.groups.left(flight)
}

export const firstOf = ({ members }: Call): CallMember => members[0] as CallMember

/** Begins a flight that was a stub. If the call has begun, the flight joins it, and otherwise waits for it. */
export const replaceStub = (self: State, stub: Stub): void => {
  const { call, waveContext, waveSteps } = self
  const flight = stub.flight!
  begin(flight)
  flight.engine.running.add(flight)
  const member = new CallMember(flight, waveContext !== undefined)
  flight.fiber = member
  self.replaced.set(stub, member)
  waveSteps?.handOver(stub, flight)
  // The wave that asks for the stub's lease continues with the flight.
  if (self.groups.has(stub)) return
  if (call === undefined) {
    self.ready.push(member)
    return arrived(self, flight)
  }
  member.call = call
  const { attempt } = firstOf(call).flight
  const { asOf, askedAt, at } = call.begun
  beginLoading(flight, at)
  flight.asOf = asOf
  flight.askedAt = askedAt
  if (attempt.endedAt !== undefined) flight.attempt.endedAt = attempt.endedAt
  flight.attempt.waitsOn = call.edges
  if (!call.isStoring) return
  loadEnded(flight)
  member.state = "storing"
}

/** Adds a stub to the call. Over a store, `askLater` first asks for its lease. */
export const addStub = (self: State, stub: Stub, askLater: ((stub: Stub) => void) | undefined): void => {
  if (askLater === undefined) return void self.stubs.push(stub)
  self.unanswered++
  self.groups.entered(stub)
  askLater(stub)
}

export const doing = ({ call }: State): ReturnType<Batch["doing"]> => {
  if (call === undefined || call.isStoring) return call && "storing"
  const { waitsOn } = firstOf(call).flight.attempt
  return waitsOn === undefined || waitsOn.size === 0 ? "loading" : "waiting"
}

/** Runs something once the results of stubs are stored, which may be at once. */
export const whenStored = ({ call }: State, run: () => void): void => {
  if (call?.isStoring === true) call.onStored = run
  else run()
}

export const stored = (call: Call): void => {
  if (!call.isStoring) return
  call.isStoring = false
  call.onStored?.()
}

/** Drops the stubs of an interrupted read. If that interrupts the call, waits for the call's finalizers. */
export const leaveStubs = (self: State, stubs: Iterable<Stub>): Effect.Effect<unknown> => {
  const dropped: Array<Stub> = []
  const left = Turns.forEach(stubs, (one) => {
    const { call } = self
    // The results of a call that has ended are stored, although no caller waits for them.
    if (!one.isOpen || call?.isStoring === true) return
    // If the call cannot be interrupted, a flight must keep the id until the call has ended.
    if (call?.fiber !== undefined && !isInterruptible(call.fiber)) return void one.toFlight()
    one.drop()
    dropped.push(one)
    if (call !== undefined) call.waiting--
  })
  return Effect.flatMap(left, () => {
    self.waveSteps?.releaseLeases(dropped)
    const { fiber, waiting } = self.call ?? {}
    if (dropped.length === 0 || fiber === undefined || waiting! > 0) return Effect.void
    fiber.interruptUnsafe()
    return Fiber.await(fiber)
  })
}

export const memberOf = (self: State, one: CallMember | Stub): CallMember | undefined =>
  one instanceof CallMember ? one : self.replaced.get(one)

export const isWaiting = (self: State, one: CallMember | Stub): boolean =>
  one instanceof CallMember || !one.isOpen ? memberOf(self, one)?.state === "waiting" : true
