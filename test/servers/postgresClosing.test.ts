/** Layers and stores on PostgreSQL close, whatever the network swallows. */
import { PgClient } from "@effect/sql-pg"
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { PgGuards, PgStore } from "effect-cached/postgres"
import { singly } from "../../src/testing/internal/singly.ts"
import { ending } from "../support/ending.ts"
import { forAll } from "../support/forAll.ts"
import { freshSchema, isPostgresMissing, startPostgres } from "../support/postgres.ts"
import { type Proxy, startProxy } from "../support/proxy.ts"
import { guardsOf, lockOf } from "../support/services.ts"
import { entry } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

describe.skipIf(isPostgresMissing())("PostgreSQL · closing", { timeout: 60_000 }, () => {
  const server = forAll(() => startPostgres())

  const proxied = Effect.gen(function*() {
    const proxy = yield* ending(() => startProxy(server.port))
    return { proxy, url: server.url.replace(String(server.port), String(proxy.port)) }
  })

  /** Closing that hangs would otherwise hang the test. */
  const closing = (scope: Scope.Closeable) =>
    Effect.gen(function*() {
      const closed = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
      yield* until("the end of closing", Effect.sync(() => closed.pollUnsafe() !== undefined))
    })

  const build = Effect.fnUntraced(function*<E>(layer: Layer.Layer<Caching.Caching, E>) {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    const read = (key: string) =>
      Effect.provideContext(Cached.ttl(Effect.succeed(key), key, { ttl: "1 hour" }), context)
    expect(yield* read("first")).toBe("first")
    return { close: closing(scope), read }
  })

  const listens = until(
    "a connection that listens",
    Effect.map(
      Effect.promise(() => server.ask("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")),
      (rows) => rows.length === 1
    )
  )

  interface Phase {
    readonly proxy: Proxy
    readonly read: (key: string) => Effect.Effect<string>
  }

  const phases: { readonly [name: string]: (phase: Phase) => Effect.Effect<unknown> } = {
    "while nothing is asked": ({ proxy }) => Effect.sync(() => proxy.swallow(true)),
    "while a read waits for its answer": ({ proxy, read }) =>
      Effect.suspend(() => {
        proxy.swallow(true)
        return read("second")
      }),
    "while it connects again": ({ proxy }) =>
      Effect.suspend(() => {
        proxy.swallow(true)
        proxy.cut()
        return until("a connection", Effect.sync(() => proxy.connections() > 0))
      }),
    "while it begins to listen": ({ proxy }) =>
      Effect.promise(() => {
        const reached = proxy.swallowAt("LISTEN")
        proxy.cut()
        return reached
      }),
    "from the end of listening on": ({ proxy }) => Effect.sync(() => void proxy.swallowAt("UNLISTEN"))
  }

  describe("a layer closes if everything is swallowed", () => {
    test.live.each(Object.keys(phases))("%s", function*(name) {
      const { proxy, url } = yield* proxied
      const { close, read } = yield* build(CacheLayer.postgres({ url, schema: freshSchema() }))
      yield* listens
      yield* phases[name]!({ proxy, read })
      yield* close
      yield* until("the end of all connections", Effect.sync(() => proxy.connections() === 0))
    })
  })

  test.live("a layer over the client of the program closes, and then the client does", function*() {
    const { proxy, url } = yield* proxied
    const clients = yield* Scope.make()
    const client = yield* Layer.buildWithScope(PgClient.layer({ url: Redacted.make(url) }), clients)
    const sql = CacheLayer.sql({ schema: freshSchema() }).pipe(Layer.provide(Layer.succeedContext(client)))
    const { close } = yield* build(sql)
    yield* listens
    proxy.swallow(true)
    yield* close
    yield* closing(clients)
  })

  test.live("a step fails if the end of its transaction is not answered, and its store closes", function*() {
    const { proxy, url } = yield* proxied
    const scope = yield* Scope.make()
    const store = yield* Scope.provide(storeFrom(PgStore.layer({ url, schema: freshSchema() })), scope)
    void proxy.swallowAt("COMMIT")
    const step = store.transact!({ checks: [], steps: [{ _tag: "Set", id: "id", entry: entry(2) }] })
    // A step that hangs would otherwise hang the test.
    const failed = yield* Effect.forkDetach(Effect.flip(step))
    yield* until("the failure of the step", Effect.sync(() => failed.pollUnsafe() !== undefined))
    expect((yield* Fiber.join(failed)).reason).toBe("Timeout")
    yield* closing(scope)
    yield* until("the end of all connections", Effect.sync(() => proxy.connections() === 0))
  })

  test.live("a store, locks and guards close while their steps wait for answers", function*() {
    const { proxy, url } = yield* proxied
    const scope = yield* Scope.make()
    const options = { url, schema: freshSchema() }
    const store = yield* Scope.provide(storeFrom(PgStore.layer(options)), scope)
    const locks = yield* Scope.provide(lockOf(PgGuards.layer(options)), scope)
    const guards = yield* Scope.provide(guardsOf(PgGuards.layer(options)), scope)
    proxy.swallow(true)
    const waiting: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      singly(store).set("id", entry(2)),
      Effect.scoped(locks.acquire("lock", { lease: "1 minute", wait: 0 })),
      guards.removeBits("filter")
    ]
    const steps = yield* Effect.forEach(
      waiting,
      (step) => Effect.forkChild(Effect.exit(step), { startImmediately: true })
    )
    yield* closing(scope)
    for (const exit of yield* Effect.forEach(steps, Fiber.join)) expect(Exit.isFailure(exit)).toBe(true)
  })

  test.live("no connection to a server that has stopped is left over, which would keep the process alive", function*() {
    const sockets = Effect.sync(() => process.getActiveResourcesInfo().filter((one) => one === "TCPSocketWrap").length)
    const noSocket = until("the end of all connections", Effect.map(sockets, (count) => count === 0))
    yield* noSocket
    const { close } = yield* build(CacheLayer.postgres({ url: server.url, schema: freshSchema() }))
    expect(yield* sockets).toBeGreaterThan(0)
    yield* Effect.acquireUseRelease(
      Effect.sync(() => server.signal("SIGSTOP")),
      () => Effect.andThen(close, noSocket),
      () => Effect.sync(() => server.signal("SIGCONT"))
    )
  })
})
