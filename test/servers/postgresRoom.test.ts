/** The store on PostgreSQL with a `maxSize`: what is removed, by whom, and what that costs. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { PgStore } from "effect-cached/postgres"
import { singly } from "../../src/testing/internal/singly.ts"
import { forAll } from "../support/forAll.ts"
import { freshSchema, isPostgresMissing, quoted, startPostgres } from "../support/postgres.ts"
import { entry } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const entryOf = (size: number, { createdAt = Date.now(), lifeMillis = Infinity } = {}) =>
  entry(1, size, { createdAt, expiresAt: createdAt + lifeMillis })

describe.skipIf(isPostgresMissing())("PE-12 · PostgreSQL with a maxSize", { timeout: 120_000 }, () => {
  const server = forAll(() => startPostgres())

  const asked = (statement: string) => Effect.promise(() => server.ask(statement))
  const storeIn = (schema: string, maxSize?: number) => storeFrom(PgStore.layer({ url: server.url, schema, maxSize }))
  const sizeIn = (schema: string) =>
    Effect.map(
      asked(`SELECT coalesce(sum(length(frame)), 0)::float8 FROM ${quoted(schema)}.entry`),
      ([row]) => Number(row![0])
    )
  /** Recent writes may exceed the limit until the next clean-up. */
  const fits = (schema: string, maxSize: number) =>
    until("a clean-up", Effect.map(sizeIn(schema), (size) => size <= maxSize * 1.2))
  /** Lets time pass for entries, by the server's clock. */
  const age = (schema: string, millis: number, where = "true") =>
    asked(`UPDATE ${quoted(schema)}.entry SET used_at = used_at - ${millis} WHERE ${where}`)
  const noted = (schema: string, key: string) =>
    Effect.map(
      asked(`SELECT used_at FROM ${quoted(schema)}.entry WHERE key = '${key}'`),
      ([row]) => Number(row![0])
    )

  test.live("keeps the entries that were read lately, and removes the others, by content", function*() {
    const schema = freshSchema()
    const store = yield* storeIn(schema, 100_000)
    yield* Effect.forEach(
      Array.from({ length: 8 }, (_, i) => `old${i}`),
      (id) => singly(store).set(id, entryOf(10_000))
    )
    yield* age(schema, 10_000_000)
    const before = yield* noted(schema, "old3")
    expect((yield* store.get("old3", [])).entry).toBeDefined()
    expect((yield* store.getMany(["old5"]))[0]).toBeDefined()
    yield* until(
      "a note",
      Effect.map(noted(schema, "old3"), (at) => at > before)
    )
    yield* until("a note", Effect.map(noted(schema, "old5"), (at) => at > before))
    yield* Effect.forEach(
      Array.from({ length: 5 }, (_, i) => `new${i}`),
      (id) => singly(store).set(id, entryOf(10_000))
    )
    yield* fits(schema, 100_000)
    const ids = ["old3", "old5", "new0", "new4"]
    expect((yield* store.getMany(ids)).map((entry) => entry !== undefined)).toEqual(ids.map(() => true))
    expect(yield* store.size).toBeGreaterThan(7)
  })

  test.live("writes a use at most once for a tenth of an entry's life, and none without a maxSize", function*() {
    const schema = freshSchema()
    const [bounded, free] = [yield* storeIn(schema, 1_000_000), yield* storeIn(schema)]
    const lifeMillis = 1_000_000
    for (const id of ["early", "due", "last"]) yield* singly(bounded).set(id, entryOf(10, { lifeMillis }))
    yield* age(schema, lifeMillis / 20, "key = 'early'")
    yield* age(schema, lifeMillis / 5, "key <> 'early'")
    const before = yield* Effect.all([noted(schema, "early"), noted(schema, "due"), noted(schema, "last")])
    for (let i = 0; i < 3; i++) {
      for (const id of ["early", "due"]) yield* bounded.get(id, [])
      yield* free.get("last", [])
    }
    yield* until("a note", Effect.map(noted(schema, "due"), (at) => at > before[1]))
    // The read that is noted at last comes after all others.
    yield* bounded.get("last", [])
    yield* until("a note", Effect.map(noted(schema, "last"), (at) => at > before[2]))
    const [early, due] = yield* Effect.all([noted(schema, "early"), noted(schema, "due")])
    expect(early).toBe(before[0])
    for (let i = 0; i < 3; i++) yield* bounded.get("due", [])
    yield* age(schema, lifeMillis / 5, "key = 'last'")
    const last = yield* noted(schema, "last")
    yield* bounded.get("last", [])
    yield* until("a note", Effect.map(noted(schema, "last"), (at) => at > last))
    expect(yield* noted(schema, "due")).toBe(due)
  })

  test.live("removes 100,000 entries in steps, and leaves those that are being loaded again", function*() {
    const schema = freshSchema()
    const store = yield* storeIn(schema, 1_000_000)
    yield* singly(store).set("loading", entryOf(1000))
    const { writeId } = entryOf(1).meta
    const options = { owner: "me", leaseMillis: 60_000, join: false, rejectedWriteId: writeId } as const
    expect(yield* singly(store).acquire("loading", options)).toMatchObject({ _tag: "Granted" })
    yield* asked(`UPDATE ${quoted(schema)}.entry SET used_at = 0`)
    yield* asked(`INSERT INTO ${quoted(schema)}.entry (key, whole, era, frame, soft_at, expires_at, gone_at, used_at)
        SELECT convert_to('many ' || n, 'UTF8'), '', x.value, decode(repeat('00', 100), 'hex'), 'Infinity', 'Infinity',
          'Infinity', n FROM generate_series(1, 100000) n, ${quoted(schema)}.number x WHERE x.name = 'era'`)
    let turn = 0
    const watching = Effect.gen(function*() {
      for (;;) {
        const { system, user } = process.threadCpuUsage()
        yield* Effect.sleep(1)
        const used = process.threadCpuUsage({ system, user })
        turn = Math.max(turn, (used.system + used.user) / 1000)
      }
    })
    const watcher = yield* Effect.forkChild(watching)
    yield* singly(store).set("trigger", entryOf(100_000))
    yield* fits(schema, 1_000_000)
    yield* Fiber.interrupt(watcher)
    expect(turn).toBeLessThan(20)
    expect((yield* store.getMany(["loading", "trigger"])).map((entry) => entry !== undefined)).toEqual([true, true])
    // The oldest went first.
    const [left] = yield* asked(
      `SELECT min(used_at), count(*)::integer FROM ${quoted(schema)}.entry WHERE key LIKE 'many %'::bytea`
    )
    expect(Number(left![0])).toBe(100_001 - Number(left![1]))
    expect(Number(left![1])).toBeGreaterThan(1000)
  })

  test.live("is cleaned up by one process at a time, whose turn ends if it was killed", function*() {
    const schema = freshSchema()
    const store = yield* storeIn(schema, 100_000)
    yield* asked(
      `INSERT INTO ${quoted(schema)}.lock VALUES ('\\xff00', nextval('${
        quoted(schema).replaceAll("'", "''")
      }.token'), 60000, extract(epoch FROM clock_timestamp()) * 1000 + 60000)`
    )
    for (let i = 0; i < 20; i++) yield* singly(store).set(`${i}`, entryOf(10_000))
    yield* Effect.sleep(500)
    expect(yield* store.size).toBe(20)
    yield* asked(`UPDATE ${quoted(schema)}.lock SET until_at = 0`)
    yield* singly(store).set("20", entryOf(10_000))
    yield* fits(schema, 100_000)
    expect((yield* store.get("20", [])).entry).toBeDefined()
  })

  test.live("refuses a size of nothing, and a value that is larger than all", function*() {
    for (
      const [options, message] of [
        [{ maxSize: 0 }, "\"maxSize\" must be a size above zero"],
        [{ maxSize: "1 MB", maxValue: "2 MB" }, "\"maxValue\" must be at most \"maxSize\""]
      ] as const
    ) {
      const exit = yield* Effect.exit(Effect.suspend(() => storeFrom(PgStore.layer({ url: server.url, ...options }))))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain(message)
    }
  })
})
