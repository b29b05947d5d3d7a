/**
 * Finds values above the server's output limit: on a read of one, the server closes the connection that all reads use.
 * If a read is lost with its connection, the value is measured before the next read: the loss may have another cause.
 */
import * as Effect from "effect/Effect"
import { StoreError } from "../../../CacheError.ts"
import { toHex } from "../../../internal/codec/bytes.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { remember } from "../../../internal/remember.ts"
import { logWarning } from "../../../internal/text/lineOf.ts"
import { machineClock, monotonicMillis } from "../../../internal/time/monotonic.ts"
import { isFault, Lost, storeName } from "../fault.ts"
import { hashOf, type Named } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { all, both } from "./answers.ts"
import { run } from "./era.ts"
import type { Session } from "./session.ts"

interface Suspect {
  readonly losses: number
  readonly size: number
  /** Until this time, the value counts as too large because of its losses. Afterwards, one more loss suffices. */
  readonly untilMillis: number
  /** Whether its size was asked since the last loss. Reads that were lost together count as one loss. */
  readonly isMeasured: boolean
}

const unsuspected: Suspect = { losses: 0, size: 0, untilMillis: 0, isMeasured: true }

export interface Unreadable {
  readonly session: Session
  readonly suspects: Map<string, Suspect>
  limit: number
  isLogged: boolean
}

export const make = (session: Session): Unreadable => ({
  session,
  suspects: new Map(),
  limit: Infinity,
  isLogged: false
})

interface TooLarge {
  readonly head: Buffer
  readonly cause: Error
}

/** Notes the ids of reads that were lost with their connection, and forgets those whose values have arrived. */
export const note = ({ suspects }: Unreadable, named: ReadonlyArray<Named>, answer: unknown): void => {
  if (answer instanceof Lost ? answer.reason !== "Unavailable" : isFault(answer) || suspects.size === 0) return
  for (const [kind, id] of named) {
    if (kind !== "v") continue
    if (!isFault(answer)) suspects.delete(id)
    else {
      const former = suspects.get(id) ?? unsuspected
      if (!former.isMeasured) continue
      const suspect = { ...former, losses: former.losses + 1, isMeasured: false }
      remember(suspects, id, suspect, Limits.unreadable.suspects)
    }
  }
}

type Found = ReadonlyMap<string, TooLarge>

const none: Found = new Map()

/** Measures the suspects among some ids, and finds those whose values the server cannot send. */
export const find = (self: Unreadable, ids: ReadonlyArray<string>, done: (found: Found) => void): void => {
  const { session, suspects } = self
  const asked = suspects.size === 0 ? [] : ids.filter((id) => suspects.has(id))
  if (asked.length === 0) return done(none)
  const [onLimit, onMeasured] = both((limit, answers) => {
    const found = new Map<string, TooLarge>()
    const guiltyFrom = limit === undefined ? largestLost(suspects) : undefined
    asked.forEach((id, i) => {
      const [size, head] = (answers as ReadonlyArray<unknown>)[i] as [size: unknown, head: unknown]
      if (typeof size !== "number" || !Buffer.isBuffer(head)) return
      const cause = judge(self, id, size, guiltyFrom)
      if (cause !== undefined) found.set(id, { head, cause })
    })
    done(found)
  })
  askLimit(self, asked[0]!, onLimit)
  const measure = (id: string, answered: (answer: unknown) => void) =>
    run(session, "measure", { keys: [["v", id]] }, answered)
  all(asked, measure, onMeasured, (answer) => Array.isArray(answer) ? answer : [])
}

export const finding = (self: Unreadable, ids: ReadonlyArray<string>): Effect.Effect<Found> =>
  Effect.suspend(() =>
    self.suspects.size === 0
      ? Effect.succeed(none)
      : Effect.callback((resume) => find(self, ids, (found) => resume(Effect.succeed(found))))
  )

/** Logs the reason once, because the answer to a bulk read or a lease request cannot contain it. */
export const findingLogged = (
  self: Unreadable,
  operation: "getMany" | "acquire",
  ids: ReadonlyArray<string>
): Effect.Effect<Found> =>
  Effect.tap(finding(self, ids), (found) => {
    const [first] = found
    // If the limit is known, the result of the load is refused, which is logged.
    const isSaid = self.isLogged || operation === "acquire" && self.limit < Infinity
    if (first === undefined || isSaid) return Effect.void
    // A logger that throws does not fail the read.
    const fault = errorOf(self, operation, first[1])
    return Effect.exit(logWarning(`${fault.message} (logged once)`, { other: first[0], fault }))
  })

const setting = "client-output-buffer-limit"

export const option = `the server's ${setting}`

export const askLimit = (self: Unreadable, id: string, done: (limit: number | undefined) => void): void =>
  self.session.wire.send(hashOf(id), ["CONFIG", "GET", setting], (answer) => {
    const [, bytes] = /\bnormal (\d+)/.exec(Array.isArray(answer) ? String(answer[1]) : "") ?? []
    const limit = bytes === undefined ? undefined : Number(bytes) || Infinity
    self.limit = limit ?? Infinity
    done(limit)
  })

/** The server counts what it allocates for an answer, which is up to a quarter more than the answer. */
export const isSendable = ({ limit }: Unreadable, size: number): boolean =>
  1.25 * size + Limits.unreadable.overhead <= limit

/** Decides by the limit or, if that is unknown, by the losses and the minimum size `guiltyFrom`. Returns the reason. */
const judge = (self: Unreadable, id: string, size: number, guiltyFrom: number | undefined): Error | undefined => {
  const { suspects } = self
  const name = id.slice(0, 200)
  if (guiltyFrom === undefined) {
    if (isSendable(self, size)) return void suspects.delete(id)
    return new Error(`the value of "${name}" has ${size} bytes, and ${option} is ${self.limit}`)
  }
  const suspect = suspects.get(id)
  // Another read has got the value meanwhile.
  if (suspect === undefined) return undefined
  const { losses, size: former, untilMillis } = suspect
  const now = monotonicMillis(machineClock)
  const most = Limits.unreadable.losses
  if (untilMillis <= now || size < former) {
    if (losses < most || size < guiltyFrom) {
      return void suspects.set(id, { losses, size, untilMillis: 0, isMeasured: true })
    }
    acquitOthers(suspects, now)
    suspects.set(id, { losses: most - 1, size, untilMillis: now + Limits.unreadable.millis, isMeasured: true })
  }
  return new Error(
    `the value of "${name}" has ${size} bytes, and ${most} reads of it in a row lost their connection, perhaps because of ${option}`
  )
}

const acquitOthers = (suspects: Unreadable["suspects"], now: number): void => {
  for (const [id, suspect] of suspects) {
    if (suspect.untilMillis <= now) suspects.set(id, { ...suspect, losses: 0 })
  }
}

/** The size of the largest value with enough losses: of values that are read and lost together, only it is guilty. */
const largestLost = (suspects: Unreadable["suspects"]): number => {
  let { least: largest } = Limits.unreadable
  for (const { losses, size } of suspects.values()) {
    if (losses >= Limits.unreadable.losses && size > largest) largest = size
  }
  return largest
}

export const errorOf = (self: Unreadable, operation: string, { cause }: TooLarge): StoreError => {
  self.isLogged = true
  return new StoreError({ store: storeName, operation, reason: "TooLarge", cause })
}

export const writeIdOf = ({ head }: TooLarge): string => toHex(Replies.rawWriteId(head), 0, 16)
