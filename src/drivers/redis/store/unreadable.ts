/**
 * Finds values that the server cannot send, because they exceed its output limit for a connection: each read of such a
 * value would cost the connection of all reads. If a read was lost with its connection, its ids are measured before
 * they are read again. Other reasons for the loss, such as a proxy, thus condemn no value that the server can send.
 */
import * as Effect from "effect/Effect"
import { StoreError } from "../../../CacheError.ts"
import { toHex } from "../../../internal/codec/bytes.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { machineClock, monotonicMillis } from "../../../internal/time/monotonic.ts"
import { isFault, Lost, storeName } from "../fault.ts"
import { hashOf, type Named } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { all, both } from "../session/answers.ts"
import { run } from "../session/era.ts"
import { remember } from "../tracking/remember.ts"
import type { StoreState } from "./state.ts"

interface Suspect {
  /** How many reads in a row were lost with their connection. */
  readonly losses: number
  readonly size: number
  /** Until when the value counts as too large, if only its losses say so. */
  readonly untilMillis: number
}

export interface Unreadable {
  readonly suspects: Map<string, Suspect>
  /** The server's output limit for a connection. Asked for when a connection was lost. */
  limit: number
  isLogged: boolean
}

export const make = (): Unreadable => ({ suspects: new Map(), limit: Infinity, isLogged: false })

/** The first bytes of a value that the server cannot send, and the reason. */
export interface TooLarge {
  readonly head: Buffer
  readonly cause: Error
}

/** Notes the ids of reads that were lost with their connection, and forgets those whose values have arrived. */
export const note = ({ unreadable: { suspects } }: StoreState, named: ReadonlyArray<Named>, answer: unknown): void => {
  if (answer instanceof Lost ? answer.reason !== "Unavailable" : isFault(answer) || suspects.size === 0) return
  for (const [kind, id] of named) {
    if (kind !== "v") continue
    if (!isFault(answer)) suspects.delete(id)
    else {
      const { losses, size, untilMillis } = suspects.get(id) ?? { losses: 0, size: 0, untilMillis: 0 }
      remember(suspects, id, { losses: losses + 1, size, untilMillis }, Limits.unreadable.suspects)
    }
  }
}

type Found = ReadonlyMap<string, TooLarge>

const none: Found = new Map()

/** Measures the suspects among some ids. Finds those whose values the server cannot send. */
export const find = (self: StoreState, ids: ReadonlyArray<string>, done: (found: Found) => void): void => {
  const { session, unreadable: { suspects } } = self
  const asked = suspects.size === 0 ? [] : ids.filter((id) => suspects.has(id))
  if (asked.length === 0) return done(none)
  const [onLimit, onMeasured] = both((limit, answers) => {
    const found = new Map<string, TooLarge>()
    const guiltyFrom = limit === undefined ? largestLost(suspects) : Infinity
    asked.forEach((id, i) => {
      const [size, head] = (answers as ReadonlyArray<unknown>)[i] as [size: unknown, head: unknown]
      if (typeof size !== "number" || !Buffer.isBuffer(head)) return
      const cause = judge(self, { id, size, isKnown: limit !== undefined, guiltyFrom })
      if (cause !== undefined) found.set(id, { head, cause })
    })
    done(found)
  })
  askLimit(self, asked[0]!, onLimit)
  const measure = (id: string, answered: (answer: unknown) => void) =>
    run(session, "measure", { keys: [["v", id]] }, answered)
  // The read that follows meets the same fault, and reports it.
  all(asked, measure, onMeasured, (answer) => Array.isArray(answer) ? answer : [])
}

/** Like `find`. Logs once what it finds, because the answer to a bulk read holds no reason why an entry is missing. */
export const finding = (self: StoreState, ids: ReadonlyArray<string>): Effect.Effect<Found> =>
  Effect.tap(Effect.callback<Found>((resume) => find(self, ids, (found) => resume(Effect.succeed(found)))), (found) => {
    const [first] = found.values()
    if (first === undefined || self.unreadable.isLogged) return Effect.void
    return Effect.logWarning(`${errorOf(self, "getMany", first).message} (logged once)`)
  })

const setting = "client-output-buffer-limit"

export const option = `the server's ${setting}`

/** Asks for the server's output limit. Answers with `undefined` if the user may not read it. */
export const askLimit = (
  { session: { wire }, unreadable }: StoreState,
  id: string,
  done: (limit: number | undefined) => void
): void =>
  wire.send(hashOf(id), ["CONFIG", "GET", setting], (answer) => {
    const [, bytes] = /\bnormal (\d+)/.exec(Array.isArray(answer) ? String(answer[1]) : "") ?? []
    const limit = bytes === undefined ? undefined : Number(bytes) || Infinity
    unreadable.limit = limit ?? Infinity
    done(limit)
  })

/** Whether the server can send a value: its size and some bytes more are within the output limit. */
export const isSendable = ({ unreadable: { limit } }: StoreState, size: number): boolean =>
  size + Limits.unreadable.overhead <= limit

interface Measured {
  readonly id: string
  readonly size: number
  readonly isKnown: boolean
  /** The size from which a value is too large if its losses say so. */
  readonly guiltyFrom: number
}

/** Decides by the size or, if the limit is not known, by the losses. Returns why the value is too large. */
const judge = (self: StoreState, { guiltyFrom, id, isKnown, size }: Measured): Error | undefined => {
  const { suspects } = self.unreadable
  const what = `the value of "${id.slice(0, 200)}" has ${size} bytes, and`
  if (isKnown) {
    if (isSendable(self, size)) return void suspects.delete(id)
    return new Error(`${what} ${option} is ${self.unreadable.limit}`)
  }
  const { losses = 0, untilMillis = 0 } = suspects.get(id) ?? {}
  const now = monotonicMillis(machineClock)
  const most = Limits.unreadable.losses
  if (untilMillis <= now) {
    if (losses < most || size < guiltyFrom) return void suspects.set(id, { losses, size, untilMillis })
    // When the time is over, one more loss is enough.
    suspects.set(id, { losses: most - 1, size, untilMillis: now + Limits.unreadable.millis })
  }
  return new Error(`${what} ${most} reads of it in a row lost their connection, perhaps because of ${option}`)
}

/** The size of the only guilty one among values that are read at the same time and lost together: the largest. */
const largestLost = (suspects: Unreadable["suspects"]): number => {
  let { least: largest } = Limits.unreadable
  for (const { losses, size } of suspects.values()) {
    if (losses >= Limits.unreadable.losses && size > largest) largest = size
  }
  return largest
}

export const errorOf = ({ unreadable }: StoreState, operation: string, { cause }: TooLarge): StoreError => {
  unreadable.isLogged = true
  return new StoreError({ store: storeName, operation, reason: "TooLarge", cause })
}

export const writeIdOf = ({ head }: TooLarge): string => toHex(Replies.rawWriteId(head), 0, 16)
