/** Publishes which loads hold a lease and wait for another one, in internal entries (statements), and reads these. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import { circles } from "../../defaults/processes.ts"
import { pageId } from "../../store/pageIds.ts"
import { ask } from "../storeTier/ask.ts"
import { isFault } from "../storeTier/faults.ts"
import type { Fault, StoreTier } from "../storeTier/storeTier.ts"

export interface Statement {
  readonly nonce: string
  readonly waits: ReadonlyMap<string, string>
}

export type Statements = ReadonlyMap<string, Statement>

const recordOf = (id: string): string => pageId("waits", 0, id)

export const say = (tier: StoreTier, statements: Statements): Effect.Effect<void | Fault> => {
  const now = Context.get(tier.front.context, Clock.Clock).currentTimeMillisUnsafe()
  const entries = Array.from(statements, ([id, one]) => ({ id: recordOf(id), entry: toStored(tier, one, now) }))
  return ask(tier, { leftMillis: tier.storeTimeoutMillis }, "set", Effect.asVoid(tier.store.set(entries)))
}

export const hear = (tier: StoreTier, ids: ReadonlyArray<string>): Effect.Effect<Statements | Fault> =>
  Effect.map(
    ask(tier, { leftMillis: tier.storeTimeoutMillis }, "get", tier.store.getMany(ids.map(recordOf))),
    (answers) => {
      if (isFault(answers)) return answers
      const statements = new Map<string, Statement>()
      for (const [i, id] of ids.entries()) {
        const one = answers[i] && fromStored(answers[i])
        if (one !== undefined) statements.set(id, one)
      }
      return statements
    }
  )

const toStored = ({ front, leaseMillis }: StoreTier, { nonce, waits }: Statement, now: number): Stored => ({
  payload: new TextEncoder().encode(JSON.stringify([nonce, ...waits].flat())),
  meta: {
    createdAt: now,
    softExpiresAt: now + leaseMillis,
    expiresAt: now + leaseMillis,
    loadMillis: 0,
    outcome: "success",
    tags: [],
    writeId: front.tokens.next(16),
    serializer: 0
  }
})

const fromStored = ({ payload }: Stored): Statement | undefined => {
  try {
    const texts: unknown = JSON.parse(new TextDecoder().decode(payload))
    if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string")) return undefined
    const [nonce = "", ...rest] = texts
    const waits = new Map<string, string>()
    for (let i = 0; i < rest.length && waits.size < circles.waits; i += 2) waits.set(rest[i]!, rest[i + 1] ?? "")
    return { nonce, waits }
  } catch {
    return undefined
  }
}
