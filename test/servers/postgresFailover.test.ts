/** A replica that takes the place of its PostgreSQL server, before it has received the last changes. */
import { afterAll, beforeAll, describe, expect } from "@effect/vitest"
import { Effect, Fiber, Schedule, Stream } from "effect"
import type { Store } from "effect-cached/adapters"
import { PgStore } from "effect-cached/postgres"
import { singly } from "../../src/testing/internal/singly.ts"
import { isPostgresMissing, type Server, startPostgres } from "../support/postgres.ts"
import { type Proxy, startProxy } from "../support/proxy.ts"
import { entry } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const schema = "failover"
const ids = ["removed", "set", "set if present", "one of many", "removed by a transaction", "set by a transaction"]
const version = "ab".repeat(12)

/** Changes of each kind. */
const changeAll = (store: Store.Store) =>
  Effect.all([
    singly(store).remove("removed"),
    singly(store).set("set", entry(2)),
    singly(store).set("set if present", entry(2), { _tag: "IfPresent" }),
    store.set([{ id: "one of many", entry: entry(2) }]),
    store.invalidateTags(["tag"], "hard"),
    store.transact!({
      checks: [],
      steps: [
        { _tag: "Remove", id: "removed by a transaction" },
        { _tag: "Set", id: "set by a transaction", entry: entry(2) },
        { _tag: "InvalidateTags", tags: [{ tag: "tag of a transaction", version }], mode: "hard" }
      ]
    })
  ])

describe.skipIf(isPostgresMissing())(
  "PostgreSQL · a replica takes the place of its server",
  { timeout: 60_000 },
  () => {
    let server: Server
    let proxy: Proxy
    const followers: Array<Server> = []
    beforeAll(async () => {
      server = await startPostgres()
      proxy = await startProxy(server.port)
    }, 60_000)
    afterAll(async () => {
      await proxy.end()
      for (const one of [server, ...followers]) await one.end()
    })

    /** A replica that has all of the server's entries, and receives nothing more. */
    const lagging = Effect.gen(function*() {
      const count = (of: Server) => Effect.promise(() => of.ask(`SELECT count(*)::integer FROM ${schema}.entry`))
      const follower = yield* Effect.promise(() => server.follower())
      followers.push(follower)
      const [[all]] = yield* count(server) as Effect.Effect<[[number]]>
      yield* until("the replica", Effect.map(count(follower), ([row]) => row![0] === all))
      yield* Effect.promise(() => follower.ask("ALTER SYSTEM SET primary_conninfo = ''"))
      yield* Effect.promise(() => follower.ask("SELECT pg_reload_conf()"))
      const receiving = Effect.promise(() => follower.ask("SELECT 1 FROM pg_stat_wal_receiver"))
      yield* until("it receives nothing", Effect.map(receiving, (rows) => rows.length === 0))
      return follower
    })

    test.live("a process repeats its last changes there, since the replica may lack them", function*() {
      const store = yield* storeFrom(
        PgStore.layer({ url: server.url.replace(String(server.port), String(proxy.port)), schema })
      )
      let begun = 0
      const count = ({ _tag }: Store.Change) => Effect.sync(() => begun += _tag === "Coherent" ? 1 : 0)
      const follow = Effect.forkScoped(Effect.exit(Stream.runForEach(store.changes, count)))
      const following = yield* follow
      for (const id of ids) yield* singly(store).set(id, entry(1))
      const tags = ["tag", "tag of a transaction"]
      const { markers: before } = yield* store.markers(tags)
      yield* until("it follows", Effect.sync(() => begun === 1))
      const follower = yield* lagging
      yield* changeAll(store)

      yield* Effect.promise(() => server.stop("immediate"))
      follower.promote()
      const recovering = Effect.promise(() => follower.ask("SELECT pg_is_in_recovery()"))
      yield* until("it is promoted", Effect.map(recovering, ([row]) => row![0] === false))
      const there = yield* storeFrom(PgStore.layer({ url: follower.url, schema }))
      expect((yield* there.getMany(ids)).filter((one) => one !== undefined)).toHaveLength(ids.length)
      yield* Fiber.await(following)
      proxy.redirect(follower.port)
      const own = yield* Effect.retry(store.getMany(ids), Schedule.spaced("50 millis"))
      expect(own.filter((one) => one !== undefined)).toEqual([])
      yield* follow
      yield* until("it follows again", Effect.sync(() => begun === 2))
      expect((yield* there.getMany(ids)).filter((one) => one !== undefined)).toEqual([])
      const { markers: after } = yield* there.markers(tags)
      after.forEach(({ version }, i) => expect(version.slice(0, 12)).not.toBe(before[i]!.version.slice(0, 12)))
    })
  }
)
