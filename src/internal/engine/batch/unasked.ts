/**
 * Handles a bulk call's answers for unrequested keys. An answer enters memory unless something newer may exist: an
 * entry, a running load of the key, or a change since the call began. It does not enter the store: no generation shows
 * whether another process has changed the key meanwhile.
 */
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
import { end as endWatch, hasChanged } from "../flight/watches.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { notStored } from "../request/rules.ts"
import type { Flight, Flights, Request, Watch } from "../state.ts"

type Answer = readonly [key: Key, exit: Exit.Exit<unknown, unknown>]

export interface Sorted {
  readonly exits: ReadonlyArray<Exit.Exit<unknown, unknown>>
  readonly unasked: ReadonlyArray<Answer>
}

/** Finds each key's answer by id, because a map may contain copies of the keys. A missing answer is a defect. */
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
      // Skips keys of another class, and keys that have no id because their fields do not fit the class.
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
  readonly flight: Flight
  /** The starter's context, kept here because the flight may have cleared its `starter`. */
  readonly starter: Flight["starter"]
  readonly watch: Watch
  readonly requestOf: (key: Key) => Request
}

export const keepUnasked = (self: Flights, answers: ReadonlyArray<Answer>, call: Call): void => {
  if (answers.length > 0 && call.flight.policy.writes) keepAll(self, answers, call)
  endWatch(self)
}

const keepAll = (self: Flights, answers: ReadonlyArray<Answer>, call: Call): void => {
  const { flight, starter } = call
  const now = self.time.now(starter.clock)
  // Changes by other processes are applied first.
  self.tagEpochs.ensureTracking?.()
  // At most a tenth of memory's capacity is used for these answers. Their total number is limited by `unaskedAnswers`.
  let left = Math.ceil(self.memory.capacity / 10)
  for (const answer of answers) {
    if (left <= 0 || self.closed) break
    try {
      const own = keep(self, answer, call, now)
      if (own === undefined) continue
      left--
      putInMemory(self, own.request, own.entry!, now)
    } catch (thrown) {
      const [key] = answer
      notStored(self, { id: idOf(key), key, counters: flight.counters }, thrown)
    }
  }
}

const keep = (self: Flights, [key, exit]: Answer, call: Call, now: number): Flight | undefined => {
  const id = idOf(key)
  if (!isUntouched(self, id, call.watch, now)) return undefined
  if (Exit.isFailure(exit) || !fits(key, exit.value)) return undefined
  const own = flightOf(self, call, key, now)
  const entry = toEntry(self, own, exit, now)
  // Checked again, because the strategy's functions have run since the first check.
  if (entry === undefined || !isUntouched(self, id, call.watch, now)) return undefined
  if (TagEpochs.changedSince(self.tagEpochs, entry.tags, entry.checkedAt)) return undefined
  own.entry = entry
  return own
}

/** Whether nothing newer is known for an id: no entry, no load, and no change since the call began. */
const isUntouched = (self: Flights, id: string, watch: Watch, now: number): boolean =>
  !hasChanged(self, watch, id) && !self.flights.has(id) && !self.ending.has(id) && !hasEntry(self, id, now)

const hasEntry = (self: Flights, id: string, now: number): boolean => {
  const entry = Memory.peek(self.memory, self.tagEpochs, id)
  return entry !== undefined && now < entry.expiresAt
}

const checks = new WeakMap<KeyInfo, (value: unknown) => boolean>()

/** Whether a value fits the key's schema. Callers check requested values, but an unrequested value has no caller. */
const fits = (key: Key, value: unknown): boolean => {
  const info = infoOf(key)!
  const known = checks.get(info) ?? SchemaParser.is(info.success)
  checks.set(info, known)
  return known(value)
}

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
  // The entry's age counts from the end of the call, even if the entry enters memory later.
  own.attempt.endedAt = attempt.endedAt ?? now
  recordShared(own.attempt, attempt)
  own.attempt.fromStale = attempt.fromStale
  return own
}
