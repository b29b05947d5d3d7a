/**
 * A circuit breaker. While it is open, no call runs. While it is half open, one probe runs, and its outcome closes or
 * opens the circuit; a probe without an outcome in time has failed. Outcomes of an earlier `generation` are ignored.
 */
import type { Kind } from "../../ports/guardStore.ts"

/** The conditions that open a closed circuit. 0 disables a condition. */
export interface Trip {
  readonly failures: number
  /** The share of failures in a window of time or of calls that has at least `minimumCalls`. */
  readonly rate: number
  readonly minimumCalls: number
  readonly windowMillis: number
  readonly windowCalls: number
}

/** How long a circuit stays open. Doubles at each opening, and starts over after it was closed for as long as open. */
export interface OpenTime {
  readonly millis: number
  readonly longestMillis: number
}

export type Outcome = "Success" | "Failure" | "Ignored"

export type Input =
  | { readonly _tag: "Read"; readonly idleMillis: number }
  | {
    readonly _tag: "Admit"
    readonly probeMillis: number
    /** How long the circuit stays open if a probe has no outcome. If `undefined`, another call probes instead. */
    readonly openTime: OpenTime | undefined
    readonly idleMillis: number
  }
  | {
    readonly _tag: "Record"
    readonly generation: number
    readonly outcome: Outcome
    readonly trip: Trip
    readonly openTime: OpenTime
    readonly idleMillis: number
  }

type Phase = "Closed" | "Open" | "HalfOpen"

export interface Answer {
  readonly phase: Phase
  readonly from: Phase
  /** Whether the call may run. Its outcome is then recorded with `generation`. */
  readonly isAdmitted: boolean
  readonly isProbe: boolean
  readonly generation: number
  readonly openings: number
  readonly leftMillis: number
}

type Slot = readonly [calls: number, failed: number]

interface Circuit {
  readonly phase: Phase
  readonly generation: number
  readonly streak: number
  /** The outcomes of the last calls, one digit for each: `1` for a failure, `0` for a success. */
  readonly last: string
  /** Calls and failures per slot of the time window, the newest first. Missing in states of an older release. */
  readonly slots?: ReadonlyArray<Slot>
  readonly slot: number
  /** While open: when the circuit becomes half open. While half open: when the probe expires, or 0 without a probe. */
  readonly until: number
  readonly openings: number
  readonly openMillis: number
  readonly probeMillis: number
  /** The time at which a closed circuit's `openings` are reset to 0. */
  readonly resetAt: number
}

export const circuit: Kind<Circuit, Input, Answer> = {
  name: "circuit",
  step(stored, now, input) {
    const before = stored ?? closed(now)
    switch (input._tag) {
      case "Read":
        return { ...step(before, before, { now, isAdmitted: false, idleMillis: input.idleMillis }), state: stored }
      case "Admit":
        return admit(capped(before, now), now, input)
      case "Record":
        return step(before, record(before, now, input), { now, isAdmitted: false, idleMillis: input.idleMillis })
    }
  }
}

interface Details {
  readonly now: number
  readonly isAdmitted: boolean
  readonly idleMillis: number
}

const step = (before: Circuit, state: Circuit, { idleMillis, isAdmitted, now }: Details) => {
  const { generation, openings, phase, until } = state
  return {
    state,
    expiresAt: Math.max(now, until, state.resetAt) + idleMillis,
    answer: {
      phase,
      from: before.phase,
      isAdmitted,
      isProbe: isAdmitted && phase === "HalfOpen",
      generation,
      openings,
      leftMillis: Math.max(0, until - now)
    }
  }
}

// Returns a generation that no running call has, even if the circuit's state was forgotten and starts again.
const next = (generation: number, now: number): number => Math.max(generation + 1, now * 1000)

const nothingCounted = { streak: 0, last: "", slots: [], slot: 0 }

/** The number of slots in a time window. An outcome counts for 90 % to 100 % of the window's length. */
export const slotsOfWindow = 10

const closed = (now: number): Circuit => ({
  phase: "Closed",
  generation: next(0, now),
  ...nothingCounted,
  until: 0,
  openings: 0,
  openMillis: 0,
  probeMillis: 0,
  resetAt: 0
})

/** Caps the remaining time at its maximum, because the clock may have been set back. */
const capped = (circuit: Circuit, now: number): Circuit => {
  const longest = circuit.phase === "Open" ? circuit.openMillis : circuit.probeMillis
  return circuit.until > now + longest ? { ...circuit, until: now + longest } : circuit
}

const admit = (before: Circuit, now: number, input: Extract<Input, { _tag: "Admit" }>) => {
  const { idleMillis, openTime, probeMillis } = input
  const runs = (state: Circuit) => step(before, state, { now, isAdmitted: true, idleMillis })
  if (before.phase === "Closed") {
    return runs(before.openings > 0 && now >= before.resetAt ? { ...before, openings: 0 } : before)
  }
  const isLapsed = before.phase === "HalfOpen" && before.until > 0 && now >= before.until
  const state = isLapsed && openTime !== undefined ? opened(before, before.until, openTime) : before
  if (now < state.until) return step(before, state, { now, isAdmitted: false, idleMillis })
  return runs({
    ...state,
    phase: "HalfOpen",
    generation: next(state.generation, now),
    until: now + probeMillis,
    probeMillis
  })
}

const opened = (circuit: Circuit, now: number, { longestMillis, millis }: OpenTime): Circuit => {
  const openMillis = Math.min(millis * 2 ** circuit.openings, longestMillis)
  return {
    phase: "Open",
    generation: next(circuit.generation, now),
    ...nothingCounted,
    until: now + openMillis,
    openings: circuit.openings + 1,
    openMillis,
    probeMillis: 0,
    resetAt: 0
  }
}

const record = (circuit: Circuit, now: number, input: Extract<Input, { _tag: "Record" }>): Circuit => {
  const { generation, openTime, outcome, trip } = input
  if (circuit.generation !== generation || circuit.phase === "Open") return circuit
  if (circuit.phase === "HalfOpen") {
    if (outcome === "Failure") return opened(circuit, now, openTime)
    // An ignored outcome lets another call probe.
    if (outcome === "Ignored") return { ...circuit, generation: next(generation, now), until: 0 }
    return {
      ...closed(now),
      generation: next(generation, now),
      openings: circuit.openings,
      openMillis: circuit.openMillis,
      resetAt: now + circuit.openMillis
    }
  }
  if (outcome === "Ignored") return circuit
  const counted = count(circuit, now, outcome === "Failure", trip)
  return trips(counted, trip) ? opened(circuit, now, openTime) : counted
}

const count = (circuit: Circuit, now: number, isFailure: boolean, { windowCalls, windowMillis }: Trip): Circuit => {
  const failures = isFailure ? 1 : 0
  const streak = isFailure ? circuit.streak + 1 : 0
  const last = windowCalls === 0 ? "" : (circuit.last + failures).slice(-windowCalls)
  if (windowMillis === 0) return { ...circuit, streak, last }
  const slot = Math.floor(now / (windowMillis / slotsOfWindow))
  const passed = Math.min(slotsOfWindow, Math.max(0, slot - circuit.slot))
  const empty = Array.from({ length: passed }, (): Slot => [0, 0])
  const [[calls, failed] = [0, 0], ...older] = [...empty, ...circuit.slots ?? []].slice(0, slotsOfWindow)
  return { ...circuit, streak, last, slot, slots: [[calls + 1, failed + failures], ...older] }
}

const trips = ({ last, slots = [], streak }: Circuit, trip: Trip): boolean => {
  if (trip.failures > 0 && streak >= trip.failures) return true
  if (trip.windowCalls > 0) return isAbove(trip, last.length, last.length - last.replaceAll("1", "").length)
  const sum = (part: 0 | 1) => slots.reduce((sum, slot) => sum + slot[part], 0)
  return trip.windowMillis > 0 && isAbove(trip, sum(0), sum(1))
}

const isAbove = ({ minimumCalls, rate }: Trip, calls: number, failed: number): boolean =>
  calls >= minimumCalls && failed > 0 && failed / calls >= rate

export const isAnswer = (answer: unknown): answer is Answer =>
  typeof answer === "object" && answer !== null && typeof (answer as Partial<Answer>).isAdmitted === "boolean" &&
  Number.isFinite((answer as Partial<Answer>).generation) && Number.isFinite((answer as Partial<Answer>).leftMillis)
