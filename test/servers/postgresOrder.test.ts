/**
 * The steps of several processes on one PostgreSQL server, in the order that would break a promise: another session
 * holds a lock that pauses one of them, so the order never depends on luck.
 */
import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Queue, Redacted, type Scope, Stream } from "effect"
import type { Store } from "effect-cached/adapters"
import { SqlStore } from "effect-cached/sql"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import { singly } from "../../src/testing/internal/singly.ts"
import { forAll } from "../support/forAll.ts"
import { freshSchema, isPostgresMissing, startPostgres } from "../support/postgres.ts"
import { changed, holding, sending, untilOneWaits } from "../support/postgresClient.ts"
import { stored } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { until } from "../support/until.ts"

const writeId = "0f".repeat(16)

const entry = (text: string) => stored(text, { createdAt: Date.now(), writeId })

const lease = { owner: "a", leaseMillis: 10_000, rejectedWriteId: undefined, join: false } as const

const keys = "ARRAY['k']::bytea[], ARRAY['']::bytea[]"

/** Statements of another process, which acquires the lease of "k" or removes "k". */
const acquiring = (of: string) =>
  `SELECT * FROM ${of}.acquire(${keys}, ARRAY['other'], ARRAY[10000]::float8[], ARRAY[100000]::float8[],
    ARRAY['\\x${writeId}']::bytea[], ARRAY['no'], ARRAY['generation of the other'], false)`

const removing = (of: string) => `SELECT * FROM ${of}.remove('other', ${keys}, '{}'::bytea[], 0)`

describe.skipIf(isPostgresMissing())("PostgreSQL · steps of several processes", { timeout: 60_000 }, () => {
  const server = forAll(() => startPostgres())

  /** Two processes with a store each, and a third session. */
  const two = Effect.gen(function*() {
    const schema = freshSchema()
    const client = yield* PgClient.make({ url: Redacted.make(server.url), maxConnections: 8 })
    const open = (sql: PgClient.PgClient = client) =>
      Effect.provideService(storeFrom(SqlStore.layer({ schema })), SqlClient.SqlClient, sql)
    return { a: yield* open(), b: yield* open(), client, of: `"${schema.replaceAll("\"", "\"\"")}"`, open }
  })

  const follow = ({ changes }: Store.Store) =>
    Effect.gen(function*() {
      const seen: Array<Store.Change> = []
      yield* Effect.forkScoped(Stream.runForEach(changes, (change) => Effect.sync(() => seen.push(change))))
      yield* until("it follows", Effect.sync(() => seen.length > 0))
      const has = (id: string): boolean => seen.some((one) => one._tag === "Changed" && one.id === id)
      return { has, untilChanged: (id: string) => until(`the change of ${id}`, Effect.sync(() => has(id))) }
    })

  const steps = <E>(name: string, test: Effect.Effect<void, E, Reactivity.Reactivity | Scope.Scope>) =>
    it.live(name, () => Effect.provide(test, Reactivity.layer))

  steps(
    "P1 · a result is not stored if its generation ends while its commit waits for the row",
    Effect.gen(function*() {
      const { a, b, client, of } = yield* two
      const granted = yield* singly(a).acquire("k", lease)
      if (granted._tag !== "Granted") return expect.fail(granted._tag)
      const release = yield* holding(client, removing(of), acquiring(of))
      const commit = yield* Effect.forkScoped(singly(a).commit("k", granted.generation, entry("old")))
      yield* untilOneWaits(client)
      yield* release()
      expect(yield* Fiber.join(commit)).toBe(false)
      expect((yield* b.get("k", [])).entry).toBeUndefined()
    })
  )

  steps(
    "P1 · a lease is not granted to two processes, whether or not there is a row of the id",
    Effect.gen(function*() {
      const { a, client, of } = yield* two
      for (const before of [Effect.void, singly(a).set("k", entry("rejected"))]) {
        yield* singly(a).remove("k")
        yield* before
        const release = yield* holding(client, acquiring(of))
        const acquire = yield* Effect.forkScoped(singly(a).acquire("k", { ...lease, rejectedWriteId: writeId }))
        yield* untilOneWaits(client)
        yield* release()
        expect(yield* Fiber.join(acquire)).toMatchObject({ _tag: "Wait" })
      }
    })
  )

  steps(
    "a condition is judged by what another process writes while the set waits for the row",
    Effect.gen(function*() {
      const { a, client, of } = yield* two
      yield* singly(a).set("k", entry("first"))
      const release = yield* holding(client, `SELECT 1 FROM ${of}.entry FOR UPDATE`)
      const set = yield* Effect.forkScoped(singly(a).set("k", entry("second"), { _tag: "IfUnchanged", writeId }))
      yield* untilOneWaits(client)
      yield* release(removing(of))
      expect(yield* Fiber.join(set)).toBe(false)
      expect((yield* a.get("k", [])).entry).toBeUndefined()
    })
  )

  steps(
    "P2 · a marker that another process has made in the meantime is not replaced",
    Effect.gen(function*() {
      const { a, b, client, of } = yield* two
      const version = "ab".repeat(12)
      const release = yield* holding(
        client,
        `SELECT ${of}.invalidate('other', ARRAY['t']::bytea[], ARRAY['']::bytea[], ARRAY['${version}'], false)`
      )
      const before = yield* b.markers([])
      const asking = yield* Effect.forkScoped(a.markers(["t"]))
      yield* untilOneWaits(client)
      yield* release()
      const marker = { version, seq: before.seq + 1 }
      expect((yield* Fiber.join(asking)).markers).toEqual([marker])
      expect(yield* b.markers(["t"])).toEqual({ seq: before.seq + 1, markers: [marker] })
    })
  )

  steps(
    "P2 · others are notified of a change when they can see it, and not before",
    Effect.gen(function*() {
      const { b, client, of, open } = yield* two
      const notes: Array<string> = []
      let channel = ""
      const a = yield* open(changed(client, {
        listen: (name: string) =>
          Effect.gen(function*() {
            channel = name
            const from = yield* client.listen(name)
            const to = yield* Queue.unbounded<unknown>()
            const pass = Effect.flatMap(Queue.take(from), (note) => {
              notes.push(note.payload)
              return Queue.offer(to, note)
            })
            yield* Effect.forkScoped(Effect.forever(pass))
            return to
          })
      }))
      const { untilChanged } = yield* follow(a)
      yield* until("it hears", Effect.sync(() => notes.length > 0))
      yield* singly(b).set("k", entry("first"))
      yield* untilChanged("k")
      yield* singly(b).set("other", entry("first"))
      yield* untilChanged("other")
      notes.length = 0
      const release = yield* holding(client, `SELECT 1 FROM ${of}.entry FOR UPDATE`)
      const set = yield* Effect.forkScoped(singly(b).remove("k"))
      yield* untilOneWaits(client)
      // Notifications arrive in the order of commits, so what was sent earlier has arrived before this one.
      yield* client.unsafe("SELECT pg_notify($1::text, 'mark')", [channel])
      yield* until("the mark", Effect.sync(() => notes.includes("mark")))
      const isOfOther = (note: string) => note !== "mark" && !note.startsWith("?")
      expect(notes.filter(isOfOther)).toEqual([])
      yield* release()
      yield* Fiber.join(set)
      yield* until("the notification", Effect.sync(() => notes.some(isOfOther)))
    })
  )

  steps(
    "P2 · a change that becomes visible after a later one is seen",
    Effect.gen(function*() {
      const { a, b, client, of } = yield* two
      const { has, untilChanged } = yield* follow(a)
      yield* b.markers(["t"])
      const release = yield* holding(client, `SELECT 1 FROM ${of}.marker FOR UPDATE`)
      const tags = [{ tag: "t", version: "ab".repeat(12) }]
      const transacting = yield* Effect.forkScoped(b.transact!({
        checks: [],
        steps: [{ _tag: "Set", id: "k", entry: entry("1") }, { _tag: "InvalidateTags", tags, mode: "hard" }]
      }))
      yield* untilOneWaits(client)
      yield* singly(b).remove("later")
      yield* untilChanged("later")
      yield* release()
      yield* Fiber.join(transacting)
      yield* singly(b).remove("last")
      yield* untilChanged("last")
      expect(has("k")).toBe(true)
    })
  )

  steps(
    "P2 · a change that comes while the answer to a question is on its way is seen",
    Effect.gen(function*() {
      const { b, client, open } = yield* two
      let changes = 0
      const change = Effect.suspend(() => changes++ === 0 ? Effect.orDie(singly(b).remove("k")) : Effect.void)
      const slow = sending(client, /changes_since/, (values) => Effect.tap(values, change))
      const { has, untilChanged } = yield* follow(yield* open(slow))
      yield* until("the second question", Effect.sync(() => changes > 1))
      yield* singly(b).remove("last")
      yield* untilChanged("last")
      expect(has("k")).toBe(true)
    })
  )
})
