/** The table of `docs/storages.md`, written by trying each storage. `UPDATE_DOCS=1` writes it again. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Layer, Redacted, type Scope, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import { KeyvStore } from "effect-cached/keyv"
import { MemoryStore } from "effect-cached/memory"
import { ObjectStore } from "effect-cached/objects"
import { PersistenceStore } from "effect-cached/persistence"
import { PgStore } from "effect-cached/postgres"
import { RedisStore } from "effect-cached/redis"
import { SqlStore } from "effect-cached/sql"
import { SqliteStore } from "effect-cached/sqlite"
import { UnstorageStore } from "effect-cached/unstorage"
import { HttpClient } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { Keyv } from "keyv"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createStorage } from "unstorage"
import { singly } from "../../src/testing/internal/singly.ts"
import { runExample } from "../examples/run.ts"
import { type Running, startMemcached } from "../support/memcached.ts"
import { isMissing } from "../support/needs.ts"
import { isPostgresMissing, type Server, startPostgres } from "../support/postgres.ts"
import { type Proxy, startProxy } from "../support/proxy.ts"
import { program, type Server as Redis, startServer } from "../support/redis.ts"
import { clientOf, key, make as makeS3 } from "../support/s3.ts"
import { sqlClientOf } from "../support/sqlClient.ts"
import { entry } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"

const page = join(import.meta.dirname, "../../docs/storages.md")

interface Options {
  readonly maxSize?: number
}

interface Storage {
  /** Opens a store as another process would. */
  readonly open: (options: Options) => Effect.Effect<Store.Store, unknown, Scope.Scope>
  /** The requests so far, which leave the process. Absent if none does. */
  readonly requests?: () => number
  /** The limit of all entries, if the store itself has none. */
  readonly bound?: string
  /** The largest value in bytes, if the storage has a limit and the store has none. */
  readonly largest?: number
}

const rows = [
  "one load for all processes",
  "reports changes",
  "outlives the process",
  "lists ids",
  "requests of a hit",
  "largest value",
  "limit of all entries"
] as const

type Row = typeof rows[number]

/** Counts the calls of some methods of an object. */
const counting = <A extends object>(object: A, names: ReadonlyArray<keyof A>) => {
  let count = 0
  const counted = new Proxy(object, {
    get: (target, name) => {
      const value = Reflect.get(target, name) as unknown
      if (typeof value !== "function") return value
      return (...given: ReadonlyArray<unknown>) => {
        if (names.includes(name as keyof A)) count++
        return value.apply(target, given) as unknown
      }
    }
  })
  return { counted, requests: () => count }
}

describe.skipIf(isMissing(program) || isMissing("memcached") || isPostgresMissing())("docs/storages.md", {
  timeout: 120_000
}, () => {
  let postgres: Server
  let redis: Redis
  let memcached: Running
  let proxies: ReadonlyArray<Proxy>
  const folder = mkdtempSync(join(tmpdir(), "storages-"))
  beforeAll(async () => {
    postgres = await startPostgres()
    redis = await startServer()
    memcached = await startMemcached()
    proxies = [await startProxy(postgres.port), await startProxy(Number(new URL(redis.url).port))]
  }, 60_000)
  afterAll(async () => {
    for (const proxy of proxies) await proxy.end()
    await Promise.all([postgres.end(), redis.end(), memcached.end()])
    rmSync(folder, { recursive: true, force: true })
  }, 60_000)

  const storages = (): { readonly [name: string]: Storage } => {
    const [ofPostgres, ofRedis] = proxies as [Proxy, Proxy]
    const map = counting(new Map(), ["get", "set", "delete"])
    const keyv = new Keyv({ store: map.counted, throwOnErrors: true })
    const adapter = counting(memcached.adapter(), ["get", "set", "delete"])
    const ofMemcached = new Keyv({ store: adapter.counted, namespace: "table", throwOnErrors: true })
    ofMemcached.on("error", () => {})
    const unstorage = counting(createStorage(), ["getItemRaw", "setItemRaw", "removeItem"])
    const values = Effect.runSync(
      Effect.map(Effect.scoped(Layer.build(KeyValueStore.layerMemory)), Context.get(KeyValueStore.KeyValueStore))
    )
    const persistence = counting(values, ["getUint8Array", "set", "remove"])
    const bucket = makeS3()
    let statements = 0
    const edge = Effect.map(sqlClientOf(join(folder, "edge")), (sql) =>
      Object.assign(sql.safe.bind(undefined), sql, {
        unsafe: (statement: string, params: ReadonlyArray<unknown>) => {
          statements++
          return sql.unsafe(statement, params)
        }
      }) as unknown as SqlClient.SqlClient)
    return {
      "[memory](memory.md) alone": {
        open: () => Effect.sync(() => MemoryStore.make()),
        bound: "`capacity` of the layer"
      },
      "[`disk`](persistence/disk.md)": {
        open: (options) => storeFrom(SqliteStore.layer({ directory: join(folder, "disk"), ...options }))
      },
      "[`files`](persistence/files.md)": {
        open: (options) => storeFrom(FilesStore.layer({ directory: join(folder, "files"), ...options }))
      },
      "[`redis`](redis.md)": {
        open: (options) =>
          storeFrom(RedisStore.layer({ url: ofRedis.url, prefix: "table", connect: "required", ...options })),
        requests: () => ofRedis.roundTrips("CLIENT")
      },
      "[`postgres`](postgres.md)": {
        open: (options) =>
          storeFrom(PgStore.layer({ url: `postgres://postgres@127.0.0.1:${ofPostgres.port}/postgres`, ...options })),
        requests: () => ofPostgres.roundTrips("LISTEN")
      },
      "[`objects`](objects.md)": {
        open: (options) =>
          storeFrom(ObjectStore.layer({
            bucket: "cache",
            endpoint: "http://s3.test",
            credentials: { accessKeyId: key.accessKeyId, secretAccessKey: Redacted.make(key.secret) },
            tagStaleness: "5 seconds",
            ...options as object
          })).pipe(Effect.provideService(HttpClient.HttpClient, clientOf(bucket))),
        requests: () => bucket.asked.length,
        bound: "none: [a rule of the bucket](objects.md#a-rule-for-entries)"
      },
      "[`sql` over SQLite](persistence/other-storages.md#sqlite-at-the-edge)": {
        open: (options) =>
          Effect.flatMap(
            edge,
            (sql) => Effect.provideService(storeFrom(SqlStore.layer(options)), SqlClient.SqlClient, sql)
          ),
        requests: () => statements
      },
      "[Keyv](persistence/other-storages.md)": {
        open: ({ maxSize }) =>
          maxSize === undefined ? storeFrom(KeyvStore.layer(keyv)) : Effect.fail("it takes no options"),
        requests: map.requests
      },
      "[Memcached, by Keyv](persistence/other-storages.md#memcached)": {
        open: ({ maxSize }) =>
          maxSize === undefined ? storeFrom(KeyvStore.layer(ofMemcached)) : Effect.fail("it takes no options"),
        requests: adapter.requests,
        largest: 750_000
      },
      "[unstorage](persistence/other-storages.md)": {
        open: (options) => Effect.suspend(() => storeFrom(UnstorageStore.layer(unstorage.counted, options as object))),
        requests: unstorage.requests
      },
      "[`KeyValueStore`](persistence/other-storages.md)": {
        open: (options) =>
          Effect.suspend(() => storeFrom(PersistenceStore.layer(options as object))).pipe(
            Effect.provideService(KeyValueStore.KeyValueStore, persistence.counted)
          ),
        requests: persistence.requests
      }
    }
  }

  const yesOr = (is: boolean) => is ? "yes" : "no"

  const isEntry = (answer: Store.Answer) => answer.entry !== undefined

  const largest = Effect.fnUntraced(function*(store: Store.Store, most: number | undefined) {
    if (most !== undefined) {
      expect(yield* singly(store).set("large", entry(1, most))).toBe(true)
      yield* Effect.flip(singly(store).set("large", entry(1, most * 1.1)))
      return `about ${most / 1000} kB`
    }
    for (const mebibytes of [1, 4, 8]) {
      const exit = yield* Effect.exit(singly(store).set("large", entry(1, mebibytes * 1_048_576 + 1)))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      if (error !== undefined) {
        expect(error).toMatchObject({ reason: "TooLarge" })
        return `${mebibytes} MiB, \`maxValue\``
      }
    }
    return "that of the storage"
  })

  const requestsOfHit = (store: Store.Store, requests: (() => number) | undefined) =>
    Effect.gen(function*() {
      if (requests === undefined) return "none"
      // Readers that come before the result is written share it.
      const read = Effect.succeed(1).pipe(
        Cached.ttl("hit", { ttl: "1 hour", tags: ["t"], waitForWrite: true })
      )
      for (let i = 0; i < 4; i++) yield* read
      const counts: Array<number> = []
      // Another request of the store may fall into the time of a read.
      for (let i = 0; i < 9; i++) {
        const before = requests()
        yield* read
        counts.push(requests() - before)
      }
      return String(Math.min(...counts))
    }).pipe(Effect.provide(
      CacheLayer.layer({ memory: false }).pipe(Layer.provide(Layer.succeed(Store.Store, store)))
    ))

  const probe = Effect.fnUntraced(function*({ bound, largest: most, open, requests }: Storage) {
    const survived = yield* Effect.gen(function*() {
      yield* Effect.scoped(Effect.flatMap(open({}), (store) => singly(store).set("kept", entry(1))))
      return yield* Effect.scoped(Effect.flatMap(open({}), (store) => store.get("kept", [])))
    })
    const [a, b] = [yield* open({}), yield* open({})]
    const lease = (store: Store.Store, owner: string) =>
      singly(store).acquire("leased", { owner, leaseMillis: 60_000, join: false, rejectedWriteId: undefined })
    yield* lease(a, "first")
    const second = yield* lease(b, "second")
    if (second._tag === "Wait") expect(a.capabilities.shared).toBe(true)
    const listed = yield* Effect.exit(Stream.runCollect(a.scan({})))
    const bounded = yield* Effect.exit(Effect.suspend(() => Effect.scoped(open({ maxSize: 4_194_304 }))))
    const cells: { readonly [K in Row]: string } = {
      "one load for all processes": yesOr(second._tag === "Wait"),
      "reports changes": yesOr(a.capabilities.changes === true),
      "outlives the process": yesOr(isEntry(survived)),
      "lists ids": yesOr(Exit.isSuccess(listed)),
      "requests of a hit": yield* requestsOfHit(a, requests),
      "largest value": yield* largest(a, most),
      "limit of all entries": bound ?? (Exit.isSuccess(bounded) ? "`maxSize`" : "that of the storage")
    }
    return cells
  })

  it("keeps what an example needs after a restart: npm start storages postgres", async () => {
    process.env["DATABASE_URL"] = postgres.url
    const { code, stdout, stderr } = await runExample("run.ts", ["storages", "postgres"])
    expect([stderr, code]).toEqual(["", 0])
    expect(stdout).toContain("after a restart: 500 and 400 cents, 0 loads, visit 2, 2 entries")
  })

  it("says what each storage does: otherwise UPDATE_DOCS=1", async () => {
    const all = storages()
    const probed: Array<ReadonlyArray<string>> = []
    for (const [name, storage] of Object.entries(all)) {
      const cells = await Effect.runPromise(Effect.scoped(probe(storage)))
      probed.push([name, ...rows.map((row) => cells[row])])
    }
    const table = [["", ...rows], ["", ...rows].map(() => "---"), ...probed]
      .map((cells) => `| ${cells.join(" | ")} |`).join("\n").replace("|  |", "| |")
    const text = readFileSync(page, "utf8")
    const written = text.replace(
      /(<!-- storages -->\n)[^]*?(<!-- end -->)/,
      (_, open, close) => `${open}\n${table}\n\n${close}`
    )
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, written)
    expect(readFileSync(page, "utf8")).toBe(written)
    expect(written).toContain("| [`postgres`](postgres.md) | yes | yes | yes |")
  })
})
