/** Fixtures for the test laws of stores. */
import * as Effect from "effect/Effect"
import type { Meta, Stored } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import type { Acquired, AcquireRequest } from "../../ports/store.ts"
import { same } from "../law.ts"
import type { Singly } from "./singly.ts"

export type Check = (store: Singly) => Effect.Effect<unknown, unknown>

export const writeId = (n: number) => n.toString(16).padStart(32, "0")

export const version = (n: number) => n.toString(16).padStart(24, "0")

/** The half of a tag version that a soft invalidation keeps. */
export const hardHalf = (version: string) => version.slice(0, 12)

export const meta: Meta = {
  createdAt: 0.5,
  softExpiresAt: 4_000_000_000_000,
  expiresAt: Infinity,
  loadMillis: 12,
  outcome: "success",
  tags: [],
  writeId: writeId(0),
  serializer: 1
}

export const entry = (n: number, more?: Partial<Meta>): Stored => ({
  meta: { ...meta, writeId: writeId(n), ...more },
  payload: new TextEncoder().encode(`value ${n}`)
})

export const read = (store: Singly, id: string) => Effect.map(store.get(id, []), ({ entry }) => entry)

export const stores = (store: Singly, id: string, expected: Stored | undefined, message: string) =>
  Effect.flatMap(read(store, id), (stored) => same(plain(stored), expected, message))

/** Copies the payload into a plain `Uint8Array`, because a store may return a subclass, such as `Buffer`. */
export const plain = (stored: Stored | undefined): Stored | undefined =>
  stored === undefined ? undefined : { meta: stored.meta, payload: Uint8Array.from(stored.payload) }

export const asking = (owner: string, more?: Partial<AcquireRequest>): Omit<AcquireRequest, "id"> => ({
  owner,
  leaseMillis: 2000,
  rejectedWriteId: undefined,
  join: false,
  ...more
})

export const acquireLease = (store: Singly, id: string, options: Omit<AcquireRequest, "id">) =>
  Effect.flatMap(store.acquire(id, options), (acquired) =>
    acquired._tag === "Granted"
      ? Effect.succeed(acquired.generation)
      : Effect.as(same(acquired._tag, "Granted", `${options.owner} may load`), ""))

/** The failures that a granted lease reports: their number, and the last note's bytes. Else, the answer's `_tag`. */
export const failuresOf = (acquired: Acquired): unknown =>
  acquired._tag === "Granted"
    ? acquired.failures && [acquired.failures.count, Array.from(acquired.failures.note)]
    : acquired._tag

export const excused = <A>(effect: Effect.Effect<A, unknown>): Effect.Effect<A | void, unknown> =>
  Effect.catch(effect, (error) => (error as StoreError).reason === "Unsupported" ? Effect.void : Effect.fail(error))

/** Texts that tend to break encodings, separators, glob patterns or SQL. */
export const oddTexts: ReadonlyArray<string> = [
  ...[
    "",
    " ",
    "a",
    "A",
    "a\u0000",
    "a\u0000b",
    "\u0000",
    "\r\n",
    "a\r\nb",
    "}",
    "{}",
    "{a}",
    "%7B",
    ":",
    "~",
    "*",
    "?",
    "'",
    "\"",
    "\\"
  ],
  ...[
    "é",
    "e\u0301",
    "\u{1f600}",
    "\ud83d",
    "\ude00",
    "\ud800a",
    "\udc00a",
    "\ufffd",
    "\ufffda",
    "\ufeff",
    "\ufeffa",
    "../a",
    "a/b"
  ],
  ...["1", "1.0", "null", "__proto__", "x".repeat(100_000), `${"x".repeat(100_000)}y`]
]
