/** Answers of a store that are not of their type are `Corrupt`. */
import { describe, expect } from "@effect/vitest"
import { Effect } from "effect"
import type { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { validateAnswers } from "../../../../src/internal/engine/storeTier/validateAnswers.ts"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { entry } from "../../../support/stored.ts"
import { test } from "../../../support/tests.ts"

const asking = { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false }

const lying = (answers: { readonly [Name in keyof Store.Store]?: unknown }) =>
  validateAnswers({ ...MemoryStore.make(), ...answers as Partial<Store.Store> })

const lead = (failures: unknown) =>
  lying({ acquire: () => Effect.succeed([{ _tag: "Granted", generation: "g", failures }]) })

describe("an answer that is not of its type is Corrupt", () => {
  test("of take, in its failures", function*() {
    const note = Uint8Array.of(1)
    for (const failures of [null, 3, { count: "3", note }, { count: Number.NaN, note }, { count: 3, note: [1] }]) {
      expect(yield* Effect.flip(singly(lead(failures)).acquire("id", asking))).toMatchObject({ reason: "Corrupt" })
    }
    expect(yield* singly(lead({ count: 3, note })).acquire("id", asking)).toMatchObject({
      failures: { count: 3, note }
    })
    expect(yield* singly(lead(undefined)).acquire("id", asking)).toMatchObject({ _tag: "Granted" })
  })

  test("of counters, and what they throw is a failure", function*() {
    const boom = () => {
      throw new Error("boom")
    }
    for (const answer of [undefined, null, Number.NaN, 0.5, "1"]) {
      const store = lying({ increment: () => Effect.succeed(answer), touchCounter: () => Effect.succeed(answer) })
      expect(yield* Effect.flip(store.increment("n", 1))).toMatchObject({ reason: "Corrupt" })
      expect(yield* Effect.flip(store.touchCounter("n", 1))).toMatchObject({ reason: "Corrupt" })
    }
    expect(yield* Effect.exit(lying({ increment: boom }).increment("n", 1))).toMatchObject({ _tag: "Failure" })
    expect(yield* Effect.flip(lying({ counter: () => Effect.succeed({}) }).counter("n"))).toMatchObject({
      reason: "Corrupt"
    })
  })

  test("of get, in whether its lifetime is a constant", function*() {
    const of = (isConstant: unknown) =>
      lying({ get: () => Effect.succeed({ entry: entry(1, 8, { isConstant: isConstant as true }), versions: [] }) })
    const ofParts = (endsWithParts: unknown) =>
      lying({
        get: () => Effect.succeed({ entry: entry(1, 8, { endsWithParts: endsWithParts as true }), versions: [] })
      })
    expect(yield* Effect.flip(ofParts(1).get("id", []))).toMatchObject({ reason: "Corrupt" })
    for (const isConstant of [null, 1, "true"]) {
      expect(yield* Effect.flip(of(isConstant).get("id", []))).toMatchObject({ reason: "Corrupt" })
    }
    expect((yield* of(true).get("id", [])).entry?.meta.isConstant).toBe(true)
  })

  test("of get, in the etag", function*() {
    const of = (etag: unknown) =>
      lying({ get: () => Effect.succeed({ entry: entry(1, 8, { etag: etag as string }), versions: [] }) })
    for (const etag of [null, 1, {}]) {
      expect(yield* Effect.flip(of(etag).get("id", []))).toMatchObject({ reason: "Corrupt" })
    }
    expect((yield* of("").get("id", [])).entry?.meta.etag).toBe("")
  })
})

describe("the arguments are passed on", () => {
  test("with every argument", function*() {
    const asked: Array<ReadonlyArray<unknown>> = []
    const noting = (answer: unknown) => (...arguments_: ReadonlyArray<unknown>) =>
      Effect.sync(() => {
        asked.push(arguments_)
        return answer
      })
    const store = lying({ touch: noting(true), release: noting(true), invalidateTags: noting(undefined) })
    const options = { writeId: "w", softExpiresAt: 1, expiresAt: 2 }
    const note = Uint8Array.of(1)
    expect(yield* store.touch("id", options)).toBe(true)
    expect(yield* store.release("id", "a", note)).toBe(true)
    yield* store.invalidateTags(["tag"], "soft")
    expect(asked).toEqual([["id", options], ["id", "a", note], [["tag"], "soft"]])
  })
})
