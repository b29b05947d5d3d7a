/**
 * Answers that nobody asked for: a call for some keys may answer more of their class. They enter memory, where nothing
 * newer is known: not over another entry, not beside a load of the same key, not after an invalidation since the call
 * began. The store has no lease, no generation and no tag versions of such a key from before the call, and could not tell
 * whether something newer was written, so they stay out of it.
 */
import { release } from "#platform/engine/derived/dependencies"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as SchemaParser from "effect/SchemaParser"
import { unaskedAnswers } from "../../defaults/bounds.ts"
import type { KeyInfo } from "../../key/info.ts"
import { idOf, infoOf, type Key } from "../../key/ofKey.ts"
import * as Turns from "../../time/turns.ts"
import { recordShared } from "../derived/recorder.ts"
import { putInMemory } from "../flight/complete.ts"
import { beginLoading, makeFlight } from "../flight/flight.ts"
import { toEntry } from "../flight/result.ts"
import { hasChanged } from "../flight/watches.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { notStored } from "../request/rules.ts"
import type { Flight, Flights, Request, Watch } from "../state.ts"

type Answer = readonly [key: Key, exit: Exit.Exit<unknown, unknown>]

export interface Sorted {
  /** of the keys that were asked for, in their order */
  readonly exits: ReadonlyArray<Exit.Exit<unknown, unknown>>
  readonly unasked: ReadonlyArray<Answer>
}

/**
 * The answers in a map, which may have other instances of the keys, and very many of them. One that is missing is a defect
 * of its key.
 */
export const sortAnswers = (
  keys: ReadonlyArray<Key>,
  answers: ReadonlyMap<Key, Exit.Exit<unknown, unknown>>,
  of: string
): Effect.Effect<Sorted> =>
  Effect.suspend(() => {
    const asked = new Map<string, Exit.Exit<unknown, unknown> | undefined>(keys.map((key) => [idOf(key), undefined]))
    const unasked = new Map<string, Answer>()
    const info = infoOf(keys[0]!)
    const sort = (answer: Answer): void => {
      const [key, exit] = answer
      // another class, or a key that is none of its class's type: it has no id here
      const id = infoOfAny(key) === info ? idOrNone(key) : undefined
      if (id === undefined) return
      if (asked.has(id)) asked.set(id, exit)
      else if (unasked.size < unaskedAnswers && Exit.isExit(exit) && Exit.isSuccess(exit)) unasked.set(id, answer)
    }
    return Effect.map(Turns.forEach(answers, sort), () => ({
      exits: keys.map((key) => {
        const id = idOf(key)
        return asked.get(id) ??
          Exit.die(
            new Error(`The lookup of ${of} returned no Exit for "${id}": its map needs one for each key, by the key`)
          )
      }),
      unasked: Array.from(unasked.values())
    }))
  })

const infoOfAny = (key: unknown): KeyInfo | undefined =>
  typeof key === "object" && key !== null ? infoOf(key as Key) : undefined

const idOrNone = (key: Key): string | undefined => {
  try {
    return idOf(key)
  } catch {
    return undefined
  }
}

interface Call {
  /** the flight as a part of which the call ran */
  readonly flight: Flight
  /** of that flight, which may have let it go */
  readonly starter: Flight["starter"]
  readonly watch: Watch
  readonly requestOf: (key: Key) => Request
}

/** Puts answers in memory, as far as they may. */
export const keepUnasked = (self: Flights, answers: ReadonlyArray<Answer>, call: Call): void => {
  const { flight, starter } = call
  if (!flight.policy.writes) return
  const now = starter.clock.currentTimeMillisUnsafe()
  // what other processes have done up to now
  self.tagEpochs.ensureTracking?.()
  // of all keys at most `unaskedAnswers` are looked at
  let left = Math.ceil(self.memory.capacity / 10)
  for (const answer of answers) {
    if (left <= 0 || self.closed) return
    try {
      if (keep(self, answer, call, now)) left--
    } catch (thrown) {
      const [key] = answer
      notStored(self, { id: idOf(key), key, counters: flight.counters }, thrown)
    }
  }
}

const keep = (self: Flights, [key, exit]: Answer, call: Call, now: number): boolean => {
  const id = idOf(key)
  if (!isUntouched(self, id, call.watch, now)) return false
  if (Exit.isFailure(exit) || !fits(key, exit.value)) return false
  const own = flightOf(self, call, key, now)
  try {
    const entry = toEntry(self, own, exit, now)
    // asked again: functions of the strategy have run
    if (entry === undefined || !isUntouched(self, id, call.watch, now)) return false
    if (TagEpochs.changedSince(self.tagEpochs, entry.tags, entry.checkedAt)) return false
    putInMemory(self, own.request, entry, now)
    return true
  } finally {
    release(own.attempt)
  }
}

/** Whether nothing newer of an id is known: no entry, no load, and no change since the call began. */
const isUntouched = (self: Flights, id: string, watch: Watch, now: number): boolean =>
  !hasChanged(self, watch, id) && !self.flights.has(id) && !self.ending.has(id) && !hasEntry(self, id, now)

const hasEntry = (self: Flights, id: string, now: number): boolean => {
  const entry = Memory.peek(self.memory, self.tagEpochs, id)
  return entry !== undefined && now < entry.expiresAt
}

const checks = new WeakMap<KeyInfo, (value: unknown) => boolean>()

/** Whether a value is one of the key's type: what was asked for is the caller's to check, this is nobody's. */
const fits = (key: Key, value: unknown): boolean => {
  const info = infoOf(key)!
  const known = checks.get(info) ?? SchemaParser.is(info.success)
  checks.set(info, known)
  return known(value)
}

/** A flight that never starts, as what makes the entry of a result sees it. */
const flightOf = (self: Flights, { flight, requestOf, starter, watch }: Call, key: Key, now: number): Flight => {
  const { attempt, policy } = flight
  const own = makeFlight(self, {
    id: idOf(key),
    request: requestOf(key),
    policy,
    refresh: true,
    rejectedWriteId: undefined,
    readsStore: false,
    parent: undefined,
    stale: undefined,
    starter: { ...starter, span: undefined },
    bornAt: watch.bornAt
  })
  beginLoading(own, attempt.startedAt ?? now)
  // as old as the call, whichever turn keeps it
  own.attempt.endedAt = attempt.endedAt ?? now
  // what the call read is in all of its results
  recordShared(own.attempt, attempt)
  own.attempt.derivedFromStale = attempt.derivedFromStale
  return own
}
