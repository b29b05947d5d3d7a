/** The state of a store on Redis, and helpers that the store's operations share. */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import type * as Tokens from "../../../internal/token.ts"
import type { Told } from "../../shared/recentChanges.ts"
import type { Done } from "../connection/connection.ts"
import { Fault, isFault, noAnswer, storeError } from "../fault.ts"
import type { Named } from "../protocol/keys.ts"
import type { Name } from "../protocol/scripts/all.ts"
import { outOfRange as outOfRangeStatus } from "../protocol/scripts/counters.ts"
import { foreign } from "../protocol/scripts/script.ts"
import { all, asEffect } from "../session/answers.ts"
import type * as Debts from "../session/debts.ts"
import { run, type ScriptCall } from "../session/era.ts"
import type { Session } from "../session/session.ts"
import * as Published from "../tracking/published.ts"

export interface StateOptions {
  readonly session: Session
  readonly tokens: Tokens.Tokens
  readonly clock: Clock.Clock
  readonly scope: Scope.Scope
  readonly maxValue: number
  readonly published: Published.Published
  readonly debts: Debts.Debts
  /** Called with changes that the server has confirmed, so that they can be repeated if the server loses them. */
  readonly changed: (changes: ReadonlyArray<Told>) => void
}

export interface StoreState extends StateOptions {
  /** The most recently read tags with their markers, reused because consecutive reads often have the same tags. */
  last: Tagged
  /** The most recent answer for a marker. It is decoded to `lastVersion` once, because reads in one turn share it. */
  lastAnswer: unknown
  lastVersion: string | undefined
  /** The expected mean size of the next values, estimated from the values that were read last. */
  valueBytes: number
  /** The keys of all eras before this one are being removed. `undefined` if no removal is running. */
  sweptBefore: number | undefined
  /** The items that operations have asked for in this turn of the event loop. */
  turn: Array<Asked<unknown>>
}

/** An item that a script handles with others of its kind. */
export interface Asked<A> {
  readonly kind: Kind<A>
  readonly item: A
  readonly done: Done
}

export interface Kind<A> {
  readonly idOf: (item: A) => string
  readonly areAlike?: (some: A, other: A) => boolean
  readonly send: (self: StoreState, part: ReadonlyArray<A>, done: Done) => void
}

export interface Tagged {
  readonly tags: ReadonlyArray<string>
  readonly markers: ReadonlyArray<Named>
}

// Lists each property instead of spreading the options, because properties after a spread are slower to read.
export const make = (options: StateOptions): StoreState => ({
  session: options.session,
  tokens: options.tokens,
  clock: options.clock,
  scope: options.scope,
  maxValue: options.maxValue,
  published: options.published,
  debts: options.debts,
  changed: options.changed,
  last: { tags: [], markers: [] },
  lastAnswer: undefined,
  lastVersion: undefined,
  valueBytes: Limits.valuesAtOnce.first,
  sweptBefore: undefined,
  turn: []
})

export const now = ({ clock }: StoreState): number => clock.currentTimeMillisUnsafe()

/** A time or duration of this many milliseconds or more counts as infinite. */
export const longest = Number.MAX_SAFE_INTEGER / 4

/** Returns the time to live in milliseconds, for a script: 0 if it is over, and the empty string if it never ends. */
export const ttlOf = (self: StoreState, expiresAt: number): string => {
  const millis = Math.max(0, Math.ceil(expiresAt - now(self)))
  return millis < longest ? String(millis) : ""
}

/** Converts a time to the server's clock, for a script. Returns the empty string if the time is infinite. */
export const momentOf = ({ session }: StoreState, millis: number): string =>
  millis < longest ? String(Math.max(1, Math.ceil(millis + session.wire.offset(true)))) : ""

export type Operation<A> = Effect.Effect<A, StoreError>

export const asking = <A>(
  operation: string,
  ask: (done: Done) => void,
  decode: (answer: unknown) => A | Fault
): Operation<A> => asEffect(ask, decode, (fault) => storeError(operation, fault))

export const askingAll = <A, B>(
  operation: string,
  items: ReadonlyArray<A>,
  ask: (item: A, done: Done) => void,
  decode: (answers: ReadonlyArray<unknown>) => B | Fault
): Operation<B> => asking(operation, (done) => all(items, ask, done), (answers) => decode(list(answers)))

interface Write extends Omit<ScriptCall, "tells"> {
  readonly changes: ReadonlyArray<Told>
}

export const write = (self: StoreState, script: Name, { changes, ...call }: Write, done: Done): void => {
  const tells = Published.messageOf(self.published, changes)
  run(self.session, script, { isWrite: true, ...call, tells }, confirmed(self, changes, done))
}

export const confirmed = (self: StoreState, changes: ReadonlyArray<Told>, done: Done): Done => (answer) => {
  if (!isFault(answer)) self.changed(changes)
  done(answer)
}

/** A malformed answer is an empty list, whose items the decoders refuse. */
export const list = (answer: unknown): ReadonlyArray<unknown> => Array.isArray(answer) ? answer : []

const notOurs = new Fault(
  "Unsupported",
  "the key holds a value of a newer release or another program, which was left unchanged",
  foreign
)

export const refusalOf = (answer: unknown): Fault | undefined =>
  answer === outOfRangeStatus ? outOfRange : answer === foreign ? notOurs : undefined

export const isDone = (answer: unknown): boolean | Fault => {
  if (answer === 1) return true
  if (answer === 0) return false
  return refusalOf(answer) ?? noAnswer("a script")
}

export const withoutFault = <A>(answers: ReadonlyArray<A | Fault>): ReadonlyArray<A> | Fault =>
  answers.find((answer) => isFault(answer)) ?? answers as ReadonlyArray<A>

export const allDone = (answers: ReadonlyArray<unknown>): ReadonlyArray<boolean> | Fault =>
  withoutFault(answers.map(isDone))

export const outOfRange = new Fault("OutOfRange", "the sum is not a safe integer")

export const contended = new Fault("Unavailable", "other processes keep changing the entry")
