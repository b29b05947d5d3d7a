/** Implements the guard store on Redis. Keys of guards do not contain the era, so `clear` does not affect them. */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import type { StoreError } from "../../CacheError.ts"
import { guards as Defaults } from "../../internal/defaults/guards.ts"
import { remember } from "../../internal/remember.ts"
import { machineClock, monotonicMillis } from "../../internal/time/monotonic.ts"
import type { GuardStore } from "../../ports/guardStore.ts"
import * as GuardSwaps from "../shared/guardSwaps.ts"
import type { Args } from "./connection/connection.ts"
import { Fault, noAnswer, storeError, storeName } from "./fault.ts"
import type { Opened } from "./open.ts"
import { hashOf } from "./protocol/keys.ts"
import { toText } from "./protocol/replies.ts"
import type { guards } from "./protocol/scripts/guards.ts"
import { asEffect } from "./session/answers.ts"
import { runOutsideEras } from "./session/evaluate.ts"
import type { Session } from "./session/session.ts"

/** Creates the guard store over open connections. In tests, `at` replaces the server's clock. */
export const guardsOver = ({ session }: Opened, at?: () => number): GuardStore => ({
  name: storeName,
  run: GuardSwaps.make(swapsOver(session, at)),
  readBits: (filter, numbers) =>
    ask(
      session,
      { script: "readBits", name: filter, keys: [bitsOf(session, filter)], args: numbers.map(String) },
      (answer) =>
        Array.isArray(answer) && answer.length === numbers.length
          ? answer.map((one) => Buffer.isBuffer(one) ? Uint8Array.from(one) : undefined)
          : noAnswer("readBits")
    ),
  mergeBits: (filter, blocks) => {
    const key = bitsOf(session, filter)
    const args = blocks.flatMap(({ bytes, number }) => [String(number), Buffer.from(bytes)])
    return ask(
      session,
      { script: "mergeBits", name: filter, keys: [key, `${key}:a`, `${key}:b`], args },
      (answer) =>
        Array.isArray(answer) && answer.length === blocks.length && answer.every((one) => Buffer.isBuffer(one))
          ? answer.map((one) => Uint8Array.from(one as Buffer))
          : noAnswer("mergeBits")
    )
  },
  removeBits: (filter) =>
    ask(
      session,
      { script: "removeBits", name: filter, keys: [bitsOf(session, filter)], args: [] },
      () => undefined
    )
})

const bitsOf = ({ keys }: Session, filter: string): string => keys.guard("filter", filter)

interface Seen extends GuardSwaps.Held {
  readonly expiresAt: number
}

/**
 * A swap begins with the state that this process has seen last, or with none, and with the server's time, as far as its
 * last answer tells. If that was wrong, the script answers what is there.
 */
const swapsOver = (session: Session, at: (() => number) | undefined): GuardSwaps.Swaps => {
  const seen = new Map<string, Seen>()
  const version = randomBytes(6).toString("base64url")
  let swapped = 0
  /** How far the server's clock is ahead of this process's, and how long its last answer took. */
  let [ahead, took] = [-Infinity, 0]
  return {
    held: ({ kind, name }) =>
      Effect.sync(() => {
        const last = seen.get(session.keys.guard(kind, name))
        const now = at?.() ?? Math.max(0, Math.floor(monotonicMillis(machineClock) + ahead))
        return last === undefined || last.expiresAt <= now ? { state: undefined, mark: "", now } : { ...last, now }
      }),
    swap: ({ kind, name }, { mark, now }, { expiresAt, state }) =>
      Effect.suspend(() => {
        const key = session.keys.guard(kind, name)
        const next = `${version}${(++swapped).toString(36)}`
        const expires = Math.ceil(Math.min(expiresAt, Defaults.longestMillis * 1000))
        const text = state === undefined ? "" : `${next} ${JSON.stringify([expires, state])}`
        const tolerance = Math.max(Defaults.tolerance, 2 * took)
        const args = [at === undefined ? "" : String(at()), mark, String(now), String(tolerance), text, String(expires)]
        const began = monotonicMillis(machineClock)
        seen.delete(key)
        return Effect.map(
          ask(session, { script: "swapGuard", operation: kind, name, keys: [key], args }, textsOf),
          ([time, stored]) => {
            const ended = monotonicMillis(machineClock)
            took = ended - began
            ahead = Number(time) - (began + ended) / 2
            if (stored !== undefined) return heldOf(stored, Number(time))
            if (text !== "" && text.length <= Defaults.rememberedSize) {
              remember(seen, key, { state, mark: next, now, expiresAt }, Defaults.remembered)
            }
            return undefined
          }
        )
      }),
    unavailable: (kind, message) => Effect.fail(storeError(kind, new Fault("Unavailable", message)))
  }
}

/** Parses a version, a blank, and the end of the state with the state. Anything else is replaced. */
const heldOf = (stored: string, now: number): GuardSwaps.Held => {
  const mark = stored.split(" ", 1)[0]!
  const none = { state: undefined, mark, now }
  try {
    const [expiresAt, state] = JSON.parse(stored.slice(mark.length))
    return expiresAt > now ? { ...none, state } : none
  } catch {
    return none
  }
}

const textsOf = (answer: unknown): ReadonlyArray<string> | Fault => {
  const texts = Array.isArray(answer) ? answer.map(toText) : []
  return texts.length > 0 && texts.every((text) => text !== undefined) ? texts : noAnswer("swapGuard")
}

interface Question {
  readonly script: keyof typeof guards
  readonly operation?: string
  readonly name: string
  readonly keys: ReadonlyArray<string>
  readonly args: Args
}

const ask = <A>(
  session: Session,
  { args, keys, name, script, operation = script }: Question,
  decode: (answer: unknown) => A | Fault
): Effect.Effect<A, StoreError> =>
  asEffect(
    (done) => runOutsideEras(session, script, { args, keys, tag: hashOf(name) }, done),
    decode,
    (fault) => storeError(operation, fault)
  )
