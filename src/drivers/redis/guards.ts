/** Implements the guard store on Redis. Keys of guards do not contain the era, so `clear` does not affect them. */
import * as Effect from "effect/Effect"
import { StoreError } from "../../CacheError.ts"
import type { Admission } from "../../internal/guard/admission.ts"
import type * as Bucket from "../../internal/guard/bucket.ts"
import type * as Circuit from "../../internal/guard/circuit.ts"
import type { GuardStore, Kind } from "../../ports/guardStore.ts"
import type { Args } from "./connection/connection.ts"
import { type Fault, noAnswer, storeError, storeName } from "./fault.ts"
import type { Opened } from "./open.ts"
import { hashOf } from "./protocol/keys.ts"
import { toText } from "./protocol/replies.ts"
import type { guards } from "./protocol/scripts/guards.ts"
import { asEffect } from "./session/answers.ts"
import { runOutsideEras } from "./session/evaluate.ts"
import type { Session } from "./session/session.ts"

type Decode = (answer: ReadonlyArray<string>) => unknown

const toAdmission = ([isAdmitted, remaining, retryAfter]: ReadonlyArray<string>): Admission => ({
  isAdmitted: isAdmitted === "1",
  remaining: Number(remaining),
  retryAfterMillis: Number(retryAfter)
})

const answers = {
  fixedWindow: toAdmission,
  slidingLog: toAdmission,
  slidingCounter: toAdmission,
  bucket: ([remaining, elapsed]): Bucket.Taken => ({ remaining: Number(remaining), elapsedMillis: Number(elapsed) }),
  circuit: ([phase, from, isAdmitted, generation, openings, left]): Circuit.Answer => ({
    phase: phase as Circuit.Answer["phase"],
    from: from as Circuit.Answer["phase"],
    isAdmitted: isAdmitted === "1",
    isProbe: isAdmitted === "1" && phase === "HalfOpen",
    generation: Number(generation),
    openings: Number(openings),
    leftMillis: Number(left)
  })
} satisfies Partial<Record<keyof typeof guards, Decode>>

/** Creates the guard store over open connections. In tests, `at` replaces the server's clock. */
export const guardsOver = ({ session }: Opened, at?: () => number): GuardStore => ({
  name: storeName,
  run: (kind, name, input) => run(session, { kind, name, args: [at === undefined ? "" : String(at()), input] }),
  readBits: (filter, numbers) =>
    ask(
      session,
      { operation: "readBits", name: filter, keys: [bitsOf(session, filter)], args: numbers.map(String) },
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
      { operation: "mergeBits", name: filter, keys: [key, `${key}:a`, `${key}:b`], args },
      (answer) =>
        Array.isArray(answer) && answer.length === blocks.length && answer.every((one) => Buffer.isBuffer(one))
          ? answer.map((one) => Uint8Array.from(one as Buffer))
          : noAnswer("mergeBits")
    )
  },
  removeBits: (filter) =>
    ask(
      session,
      { operation: "removeBits", name: filter, keys: [bitsOf(session, filter)], args: [] },
      () => undefined
    )
})

const bitsOf = ({ keys }: Session, filter: string): string => keys.guard("filter", filter)

interface Step<State, Input, Answer> {
  readonly kind: Kind<State, Input, Answer>
  readonly name: string
  readonly args: readonly [at: string, input: Input]
}

const run = <State, Input, Answer>(
  session: Session,
  { args: [at, input], kind, name }: Step<State, Input, Answer>
): Effect.Effect<Answer, StoreError> => {
  if (!Object.hasOwn(answers, kind.name)) {
    return Effect.fail(new StoreError({ store: storeName, operation: kind.name, reason: "Unsupported" }))
  }
  const operation = kind.name as keyof typeof answers
  const keys = [session.keys.guard(operation, name)]
  return ask(session, { operation, name, keys, args: [at, JSON.stringify(input)] }, (answer) => {
    const texts = Array.isArray(answer) ? answer.map(toText) : []
    return texts.length > 0 && texts.every((text) => text !== undefined)
      ? answers[operation](texts as ReadonlyArray<string>) as Answer
      : noAnswer(operation)
  })
}

interface Question {
  readonly operation: keyof typeof guards
  readonly name: string
  readonly keys: ReadonlyArray<string>
  readonly args: Args
}

const ask = <A>(
  session: Session,
  { args, keys, name, operation }: Question,
  decode: (answer: unknown) => A | Fault
): Effect.Effect<A, StoreError> =>
  asEffect(
    (done) => runOutsideEras(session, operation, { args, keys, tag: hashOf(name) }, done),
    decode,
    (fault) => storeError(operation, fault)
  )
