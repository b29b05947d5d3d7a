/** The state of a store on Redis, and what its operations share. */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../../CacheError.ts"
import type * as Tokens from "../../../internal/token.ts"
import type { Told } from "../../shared/recentChanges.ts"
import type { Done } from "../connection/connection.ts"
import { Fault, isFault, noAnswer, storeError } from "../fault.ts"
import type { Named } from "../protocol/keys.ts"
import type { Name } from "../protocol/scripts/all.ts"
import { outOfRange as outOfRangeStatus } from "../protocol/scripts/counters.ts"
import { foreign } from "../protocol/scripts/script.ts"
import { all, asEffect } from "../session/answers.ts"
import { run, type ScriptCall } from "../session/era.ts"
import type { Session } from "../session/session.ts"
import * as MarkerVersions from "../tracking/markerVersions.ts"
import * as OwnWrites from "../tracking/ownWrites.ts"
import * as Published from "../tracking/published.ts"

export interface StateOptions {
  readonly session: Session
  readonly tokens: Tokens.Tokens
  readonly clock: Clock.Clock
  readonly scope: Scope.Scope
  /** The largest payload, in bytes. */
  readonly maxValue: number
  readonly published: Published.Published
  /** The server has confirmed changes: another server may have to repeat them. */
  readonly changed: (changes: ReadonlyArray<Told>) => void
}

export interface StoreState extends StateOptions {
  readonly ownWrites: OwnWrites.OwnWrites
  readonly markerVersions: MarkerVersions.MarkerVersions
  /** When the values that the server has not taken expire, by id: their removal leaves a mark. */
  readonly unstored: Map<string, number>
  /** The tags that were read last, and their markers: many entries have the same ones. */
  last: Tagged
  /** The marker that was read last, and its version: reads of one turn share the answer for a marker. */
  lastAnswer: unknown
  lastVersion: string | undefined
  /** Eras before this one are being removed; `undefined`: none. */
  sweptBefore: number | undefined
}

export interface Tagged {
  readonly tags: ReadonlyArray<string>
  readonly markers: ReadonlyArray<Named>
}

// Without a spread: the properties that follow one are slower to read.
export const make = (options: StateOptions): StoreState => ({
  session: options.session,
  tokens: options.tokens,
  clock: options.clock,
  scope: options.scope,
  maxValue: options.maxValue,
  published: options.published,
  changed: options.changed,
  ownWrites: OwnWrites.make(),
  markerVersions: MarkerVersions.make(),
  unstored: new Map(),
  last: { tags: [], markers: [] },
  lastAnswer: undefined,
  lastVersion: undefined,
  sweptBefore: undefined
})

export const now = ({ clock }: StoreState): number => clock.currentTimeMillisUnsafe()

// ---------------------------------------------------------------------------------------------------------------------
// times as arguments
// ---------------------------------------------------------------------------------------------------------------------

/** A longer time means forever. */
export const longest = Number.MAX_SAFE_INTEGER / 4

/** How long Redis keeps something; empty: forever. Fractions of milliseconds are rounded up. */
export const ttlOf = (self: StoreState, expiresAt: number): string => {
  const millis = Math.max(1, Math.ceil(expiresAt - now(self)))
  return millis < longest ? String(millis) : ""
}

/** A moment in the server's time; empty: never. */
export const momentOf = ({ session }: StoreState, millis: number): string =>
  millis < longest ? String(Math.max(1, Math.ceil(millis + session.wire.offset()))) : ""

// ---------------------------------------------------------------------------------------------------------------------
// questions and answers
// ---------------------------------------------------------------------------------------------------------------------

/** An operation of the store. */
export type Operation<A> = Effect.Effect<A, StoreError>

/** Asks the server, and decodes its answer. */
export const asking = <A>(
  operation: string,
  ask: (done: Done) => void,
  decode: (answer: unknown) => A | Fault
): Operation<A> => asEffect(ask, decode, (fault) => storeError(operation, fault))

/** Asks for all items at once, and decodes the list of answers. */
export const askingAll = <A, B>(
  operation: string,
  items: ReadonlyArray<A>,
  ask: (item: A, done: Done) => void,
  decode: (answers: ReadonlyArray<unknown>) => B | Fault
): Operation<B> => asking(operation, (done) => all(items, ask, done), (answers) => decode(list(answers)))

interface Write extends Omit<ScriptCall, "isWrite"> {
  readonly changes: ReadonlyArray<Told>
}

/** Runs a script that changes something. */
export const write = (self: StoreState, script: Name, { changes, ...call }: Write, done: Done): void =>
  run(self.session, script, { ...call, isWrite: true }, confirmed(self, changes, done))

/** Passes changes on when the server has confirmed them: to the recovery, and to other processes. */
export const confirmed = (self: StoreState, changes: ReadonlyArray<Told>, done: Done): Done => (answer) => {
  if (!isFault(answer)) {
    self.changed(changes)
    Published.publish(self.published, changes)
  }
  done(answer)
}

export const list = (answer: unknown): ReadonlyArray<unknown> => answer as ReadonlyArray<unknown>

const notOurs = new Fault(
  "Unsupported",
  "under the key is what a newer release or another program has stored: it is left alone",
  foreign
)

/** The fault that a status of a script stands for. */
export const refusalOf = (answer: unknown): Fault | undefined =>
  answer === outOfRangeStatus ? outOfRange : answer === foreign ? notOurs : undefined

/** The answer of a script that has done something (1) or not (0). */
export const isDone = (answer: unknown): boolean | Fault => {
  if (answer === 1) return true
  if (answer === 0) return false
  return refusalOf(answer) ?? noAnswer("a script")
}

export const outOfRange = new Fault("OutOfRange", "the sum is no safe integer")

export const contended = new Fault("Unavailable", "the entry is changed by others again and again")
