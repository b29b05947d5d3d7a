/** The state of guards on Redis: of no era, so `clear` leaves it alone. */
import * as Effect from "effect/Effect"
import { StoreError } from "../../../CacheError.ts"
import type { Admission } from "../../../internal/guard/admission.ts"
import type * as Bucket from "../../../internal/guard/bucket.ts"
import type * as Circuit from "../../../internal/guard/circuit.ts"
import type { GuardStore, Kind } from "../../../ports/guardStore.ts"
import type { Args } from "../connection/connection.ts"
import { type Fault, isFault, noAnswer, storeError, storeName } from "../fault.ts"
import type { Opened } from "../open.ts"
import { hashOf } from "../protocol/keys.ts"
import { toText } from "../protocol/replies.ts"
import type { guards } from "../protocol/scripts/guards.ts"

/** How a kind is sent, and what its answer means; the answer is a list of texts. */
interface Coded {
  readonly encode: (input: any) => ReadonlyArray<string>
  readonly decode: (answer: ReadonlyArray<string>) => unknown
}

const flag = (is: boolean): string => is ? "1" : "0"

const toAdmission = ([isAdmitted, remaining, retryAfter]: ReadonlyArray<string>): Admission => ({
  isAdmitted: isAdmitted === "1",
  remaining: Number(remaining),
  retryAfterMillis: Number(retryAfter)
})

const ofWindow: Coded = {
  encode: ({ limit, windowMillis }) => [String(limit), String(windowMillis)],
  decode: toAdmission
}

const kinds: { readonly [kind: string]: Coded & { readonly script: keyof typeof guards } } = {
  fixedWindow: {
    script: "fixedWindow",
    encode: ({ banMillis, renewsBan, ...input }) => [
      ...ofWindow.encode(input),
      String(banMillis),
      flag(renewsBan)
    ],
    decode: toAdmission
  },
  slidingLog: { script: "slidingLog", ...ofWindow },
  slidingCounter: { script: "slidingCounter", ...ofWindow },
  bucket: {
    script: "bucket",
    encode: ({ allowsDebt, limit, refillMillis, tokens }: Bucket.Input) => [
      String(tokens),
      String(limit),
      String(refillMillis),
      flag(allowsDebt)
    ],
    decode: ([remaining, elapsed]): Bucket.Taken => ({ remaining: Number(remaining), elapsedMillis: Number(elapsed) })
  },
  circuit: {
    script: "circuit",
    encode: (input: Circuit.Input) => {
      const openTime = input._tag === "Read" ? undefined : input.openTime
      const record = input._tag === "Record" ? input : undefined
      return [
        input._tag,
        ...[
          input._tag === "Admit" ? input.probeMillis : 0,
          openTime?.millis ?? 0,
          openTime?.longestMillis ?? 0,
          input.idleMillis,
          record?.generation ?? 0,
          record?.outcome ?? "",
          record?.trip.failures ?? 0,
          record?.trip.rate ?? 0,
          record?.trip.minimumCalls ?? 0,
          record?.trip.windowMillis ?? 0,
          record?.trip.windowCalls ?? 0
        ].map(String)
      ]
    },
    decode: ([phase, from, isAdmitted, generation, openings, left]): Circuit.Answer => ({
      phase: phase as Circuit.Answer["phase"],
      from: from as Circuit.Answer["phase"],
      isAdmitted: isAdmitted === "1",
      isProbe: isAdmitted === "1" && phase === "HalfOpen",
      generation: Number(generation),
      openings: Number(openings),
      leftMillis: Number(left)
    })
  }
}

interface Call {
  readonly operation: string
  readonly script: keyof typeof guards
  /** what the hash of the keys is of */
  readonly tag: string
  readonly keys: ReadonlyArray<string>
  readonly args: Args
}

/** The place of guards over what is open. `at`: the time that counts in place of the server's, for a test. */
export const guardsOver = ({ keys, session }: Opened, at?: () => number): GuardStore => {
  const call = <A>({ operation, script, ...rest }: Call, decode: (answer: unknown) => A | Fault) =>
    Effect.callback<A, StoreError>((resume) => {
      session.runOutside(script, { ...rest, tag: hashOf(rest.tag) }, (answer) => {
        const value = isFault(answer) ? answer : decode(answer)
        resume(isFault(value) ? Effect.fail(storeError(operation, value)) : Effect.succeed(value))
      })
    })
  const bits = (filter: string) => keys.guard("filter", filter)
  return {
    name: storeName,
    run: <State, Input, Answer>(kind: Kind<State, Input, Answer>, name: string, input: Input) => {
      const coded = Object.hasOwn(kinds, kind.name) ? kinds[kind.name] : undefined
      if (coded === undefined) {
        return Effect.fail(new StoreError({ store: storeName, operation: kind.name, reason: "Unsupported" }))
      }
      const args = [at === undefined ? "" : String(at()), ...coded.encode(input)]
      const { script } = coded
      return call({ operation: kind.name, script, tag: name, keys: [keys.guard(kind.name, name)], args }, (answer) => {
        const texts = Array.isArray(answer) ? answer.map(toText) : []
        return texts.length > 0 && texts.every((text) => text !== undefined)
          ? coded.decode(texts as ReadonlyArray<string>) as Answer
          : noAnswer(kind.name)
      })
    },
    readBits: (filter, numbers) =>
      call(
        { operation: "readBits", script: "readBits", tag: filter, keys: [bits(filter)], args: numbers.map(String) },
        (answer) =>
          Array.isArray(answer) && answer.length === numbers.length
            ? answer.map((one) => Buffer.isBuffer(one) ? Uint8Array.from(one) : undefined)
            : noAnswer("readBits")
      ),
    mergeBits: (filter, blocks) => {
      const key = bits(filter)
      return call(
        {
          operation: "mergeBits",
          script: "mergeBits",
          tag: filter,
          keys: [key, `${key}:a`, `${key}:b`],
          args: blocks.flatMap(({ bytes, number }) => [String(number), Buffer.from(bytes)])
        },
        (answer) =>
          Array.isArray(answer) && answer.length === blocks.length && answer.every((one) => Buffer.isBuffer(one))
            ? answer.map((one) => Uint8Array.from(one as Buffer))
            : noAnswer("mergeBits")
      )
    },
    removeBits: (filter) =>
      call(
        { operation: "removeBits", script: "removeBits", tag: filter, keys: [bits(filter)], args: [] },
        () => undefined
      )
  }
}
