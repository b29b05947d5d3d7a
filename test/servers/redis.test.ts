/** Promises of the store on Redis beyond the laws, on servers of the test's own. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Logger, Redacted, Schedule, Scope, Stream } from "effect"
import { Cached, type CacheError, CacheLayer, CachePolicy } from "effect-cached"
import { type CacheEntry, Lock, type Store } from "effect-cached/adapters"
import { RedisGuards, RedisStore } from "effect-cached/redis"
import { readFileSync } from "node:fs"
import { createClient } from "redis"
import { hashOf, hashTags, slotOf } from "../../src/drivers/redis/protocol/keys.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { ending } from "../support/ending.ts"
import { forAll } from "../support/forAll.ts"
import { isMissing } from "../support/needs.ts"
import {
  certificates,
  freePorts,
  freshPrefix,
  moveSlot,
  program,
  type RedisCluster,
  type Server,
  startCluster,
  startSentinel,
  startServer
} from "../support/redis.ts"
import { stored, textOf } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { test } from "../support/tests.ts"
import { until } from "../support/until.ts"

const connect = "required"

const entryOf = (text: string, meta: Partial<CacheEntry.Meta> = {}) =>
  stored(text, {
    createdAt: 1,
    softExpiresAt: 4_000_000_000_000,
    expiresAt: 4_000_000_000_000,
    writeId: "ab".repeat(16),
    ...meta
  })

const using = <A, E>(
  options: RedisStore.Options,
  use: (store: Store.Store) => Effect.Effect<A, E>
) => Effect.scoped(Effect.flatMap(storeFrom(RedisStore.layer(options)), use))

/** The failure of a layer or store. */
const failureOf = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.exit(effect), (exit) =>
    Exit.isFailure(exit)
      ? Cause.squash(exit.cause) as { _tag: string; reason: string; message: string; cause?: Error }
      : undefined)

describe.skipIf(isMissing(program))("Redis", () => {
  const server = forAll(() => startServer())

  const keysOf = async (pattern = "*") => (await server.ask("KEYS", pattern)) as ReadonlyArray<string>

  describe("options", () => {
    it("that make no sense are refused at once, and no message repeats a password", () => {
      const wrong: ReadonlyArray<readonly [object, RegExp]> = [
        [{ url: undefined }, /"url" is there and undefined/],
        [{ url: "not a URL with secret" }, /is not a URL/],
        [{ url: "http://secret@host" }, /is not a URL/],
        [{ url: "redis://:secret@host/one" }, /number of a database/],
        [{ url: "redis://:secret%zz@host" }, /% that is not encoded/],
        [{ password: "secret" }, /Redacted/],
        [{ prefix: "" }, /prefix/],
        [{ prefix: "a\u0000" }, /prefix/],
        [{ replicas: -1 }, /replicas/],
        [{ connect: "soon" }, /connect/],
        [{ maxValue: "nothing" }, /maxValue/],
        [{ database: 1.5 }, /database/],
        [{ database: 3, url: "redis://:secret@host/4" }, /"database" is 3, and the path of "url" says 4/],
        [{ url: "redis://:secret@host?db=3" }, /"url" has a \?.*as "database"/],
        [{ url: "redis://:secret@host/3#x" }, /"url" has a #/],
        ...["/", "?", "#"].flatMap((odd): ReadonlyArray<readonly [object, RegExp]> => [
          [{ url: `redis://user:12${odd}secret@host:6379/0` }, /encodeURIComponent/],
          [{ url: `redis://user:secret${odd}more@host:6379/0` }, /encodeURIComponent/],
          [{ url: Redacted.make(`rediss://:se@cret${odd}secret@host`) }, /encodeURIComponent/]
        ]),
        [{ maxValue: "100 Kbit" }, /not "100 Kbit".*kB, .*KiB/],
        [{ maxValue: -1 }, /above zero, not -1/],
        [{ maxValue: 0 }, /above zero, not 0/],
        [{ maxValue: null }, /above zero, not null/],
        [{ maxValue: {} }, /above zero, not an object/],
        [{ url: "rediss://:secret@host", tls: false }, /"tls" is false, and the URL begins with rediss:/],
        [{ tls: "yes" }, /tls/],
        ...["redis://h:1", "h:1/0", "h:port", "", 26_379].map((node) =>
          [
            { sentinel: { name: "main", nodes: ["a:1", node] } },
            /each of "nodes" must be "host:26379", without redis:/
          ] as const
        ),
        [{ sentinel: { name: "main", nodes: [] } }, /nodes/],
        [{ sentinel: { name: "main", nodes: ["a:1"] }, url: "redis://host" }, /leave "url" out/],
        [{ client: "redis" }, /client/],
        [{ client: () => createClient(), url: "redis://host" }, /"client" has its own "url"/],
        [{ url: "redis://host", databas: 1 }, /did you mean "database"/],
        [{ url: "redis://host", nodes: ["redis://host"] }, /"nodes" finds the cluster: leave "url" out/]
      ]
      for (const [options, message] of wrong) {
        for (const make of [RedisStore.layer, CacheLayer.redis] as ReadonlyArray<(options: object) => unknown>) {
          const thrown = (() => {
            try {
              make(options)
            } catch (error) {
              return error as Error
            }
          })()
          expect(thrown?.name).toBe("CacheConfigError")
          expect(thrown?.message).toMatch(message)
          expect(JSON.stringify(thrown) + String(thrown)).not.toContain("secret")
        }
      }
      expect(() => storeFrom(RedisStore.layer({ nodes: [] }))).toThrow(/nodes/)
      expect(() => CacheLayer.redis({ nodes: ["redis://host/1"] })).toThrow(/database 0 only/)
      expect(() => CacheLayer.redis({ nodes: ["redis://host?a=1"] })).toThrow(/"nodes" has a \?/)
      expect(() => CacheLayer.redis({ nodes: ["rediss://host"], tls: false })).toThrow(/begins with rediss:/)
      expect(() => RedisGuards.layer({ maxValue: 1 } as object)).toThrow(/maxValue/)
    })

    test.live("prefixes never share a key", function*() {
      const base = freshPrefix()
      const prefixes = [base, `${base}:v`, `${base}%3Av`, `${base}{`, `${base}*`, `${base}?`, `${base}é`]
      yield* Effect.forEach(
        prefixes,
        (prefix) => using({ url: server.url, prefix, connect }, (store) => singly(store).set("id", entryOf(prefix)))
      )
      yield* Effect.forEach(
        prefixes,
        (prefix) =>
          using({ url: server.url, prefix, connect }, (store) =>
            Effect.gen(function*() {
              expect(textOf((yield* store.get("id", [])).entry)).toBe(prefix)
              expect(yield* store.size).toBe(1)
            }))
      )
      yield* using({ url: server.url, prefix: base, connect }, (store) => store.clear)
      yield* using(
        { url: server.url, prefix: `${base}:v`, connect },
        (store) => Effect.map(store.size, (size) => expect(size).toBe(1))
      )
    })

    test.live("a database number, of the option or of the URL", function*() {
      const prefix = freshPrefix()
      yield* using({ url: `${server.url}/3`, prefix, connect }, (store) => singly(store).set("id", entryOf("three")))
      const found = (options: RedisStore.Options) =>
        using(
          { prefix, connect, ...options },
          (store) => Effect.map(store.get("id", []), ({ entry }) => textOf(entry))
        )
      expect(yield* found({ url: server.url, database: 3 })).toBe("three")
      expect(yield* found({ url: `${server.url}/3`, database: 3 })).toBe("three")
      expect(yield* found({ url: server.url })).toBe(undefined)
    })

    test.live("a client of the program's: its settings count, and it is left alone", function*() {
      const client = createClient({ url: `${server.url}/4` })
      const prefix = freshPrefix()
      yield* using({ client: () => client, prefix, connect }, (store) => singly(store).set("id", entryOf("four")))
      expect(client.isOpen).toBe(false)
      const text = yield* using(
        { url: `${server.url}/4`, prefix, connect },
        (store) => Effect.map(store.get("id", []), ({ entry }) => textOf(entry))
      )
      expect(text).toBe("four")
    })

    test.live("a function that answers no client is a mistake of the program's", function*() {
      const answers: ReadonlyArray<readonly [unknown, RegExp]> = [
        [async () => createClient(), /a Promise: do not make it async/],
        [() => Promise.reject(new Error("not handled")), /a Promise/],
        [() => undefined, /a value of type undefined/],
        [() => null, /null/],
        [() => ({ ...createClient(), duplicate: undefined }), /no function/]
      ]
      for (const [client, message] of answers) {
        const failure = yield* failureOf(Effect.scoped(storeFrom(RedisStore.layer({ client } as RedisStore.Options))))
        expect(failure).toMatchObject({ _tag: "CacheConfigError" })
        expect(failure!.message).toMatch(/^RedisStore.layer: "client" must return a client of the package redis/)
        expect(failure!.message).toMatch(message)
      }
      const layer = CacheLayer.redis({ client: async () => createClient() } as object)
      expect((yield* failureOf(Effect.scoped(Layer.build(layer))))!._tag).toBe("CacheConfigError")
    })

    test.live("a function that throws is an error of the layer, unless it has made a client before", function*() {
      const client = () => {
        throw new Error("no settings in redis://user:secret@host")
      }
      const failure = yield* failureOf(Effect.scoped(storeFrom(RedisStore.layer({ client }))))
      expect(failure).toMatchObject({ _tag: "StoreError", reason: "Unsupported" })
      expect(failure!.message).toContain("\"client\" threw: no settings in redis://user:<redacted>@host")
      expect(JSON.stringify(failure) + failure!.cause!.message).not.toContain("secret")
      let made = 0
      yield* using({
        client: () => {
          if (++made === 2) throw new Error("later")
          return createClient({ url: server.url })
        },
        prefix: freshPrefix()
      }, (store) =>
        Effect.gen(function*() {
          yield* singly(store).set("id", entryOf("before"))
          yield* Effect.promise(() => server.ask("CLIENT", "KILL", "TYPE", "normal"))
          // A refusal would be tried again after a minute.
          const text = yield* Effect.retry(
            Effect.map(store.get("id", []), ({ entry }) => textOf(entry)),
            { schedule: Schedule.spaced("50 millis"), times: 200 }
          )
          expect(text).toBe("before")
          expect(made).toBeGreaterThan(2)
        }))
    })
  })

  describe("keys", () => {
    test.live("entries expire on the server, and what is there for ever does not", function*() {
      const prefix = freshPrefix()
      yield* using({ url: server.url, prefix, connect }, (store) =>
        Effect.gen(function*() {
          yield* singly(store).set("hour", entryOf("hour", { expiresAt: Date.now() + 3_600_000 }))
          yield* singly(store).set("ever", entryOf("ever", { expiresAt: Infinity }))
          yield* singly(store).set("past", entryOf("past", { expiresAt: 1 }))
        }))
      const left = async (id: string) => Number(await server.ask("PTTL", only(await keysOf(`${prefix}:v:*}${id}`))))
      const [hour, ever] = yield* Effect.promise(() => Promise.all([left("hour"), left("ever")]))
      expect(hour).toBeGreaterThan(3_500_000)
      expect(hour).toBeLessThanOrEqual(3_600_000)
      expect(ever).toBe(-1)
    })

    it.live("clear begins another era at once, and frees the room of the former ones", () =>
      Effect.gen(function*() {
        const prefix = freshPrefix()
        const options = { url: server.url, prefix, connect } as const
        yield* Effect.scoped(Effect.gen(function*() {
          const [one, other] = yield* Effect.all([
            storeFrom(RedisStore.layer(options)),
            storeFrom(RedisStore.layer(options))
          ])
          yield* one.set(Array.from({ length: 5000 }, (_, i) => ({ id: `id ${i}`, entry: entryOf("x") })))
          yield* one.increment("n", 1)
          yield* other.clear
          expect((yield* one.get("id 1", [])).entry).toBe(undefined)
          expect(yield* one.size).toBe(0)
          expect(yield* one.counter("n")).toBe(undefined)
          yield* singly(one).set("id", entryOf("new"))
          for (let i = 0; i < 100; i++) {
            if ((yield* Effect.promise(() => keysOf(`${prefix}:[vn]:*`))).length === 1) break
            yield* Effect.sleep("50 millis")
          }
          expect(yield* Effect.promise(() => keysOf(`${prefix}:[vn]:*`))).toHaveLength(1)
          expect(textOf((yield* other.get("id", [])).entry)).toBe("new")
        }))
      }), 240_000)

    test.live("a frame of a newer release is a miss that is not written over, and can be removed", function*() {
      const prefix = freshPrefix()
      let loads = 0
      const answer = Effect.sync(() => ++loads).pipe(Cached.ttl("id", { ttl: "1 hour" }))
      const layer = CacheLayer.redis({ url: server.url, prefix, connect })
      yield* using({ url: server.url, prefix, connect }, (store) => singly(store).set("id", entryOf("1")))
      const key = only(yield* Effect.promise(() => keysOf(`${prefix}:v:*`)))
      const newer = "ec\u007fa newer release"
      yield* Effect.promise(() => server.ask("SET", key, newer))
      const warnings: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => void warnings.push(message))])
      yield* Effect.gen(function*() {
        // In memory only, once it follows changes: the two releases would take turns in writing over each other.
        const isKept = Effect.zipWith(answer, answer, (one, other) => one === other)
        yield* until("memory answers", isKept)
        expect(yield* Effect.promise(() => server.ask("GET", key))).toBe(newer)
        yield* Cached.invalidate("id")
        expect(yield* Effect.promise(() => server.ask("EXISTS", key))).toBe(0)
        const before = loads
        expect([yield* answer, yield* answer]).toEqual([before + 1, before + 1])
      }).pipe(Effect.provide(layer), Effect.provide(logger))
      expect(warnings).toHaveLength(1)
    })
  })

  describe("a failure that waiting does not resolve is an error of the layer", () => {
    test.live("no server, where it is required", function*() {
      const [port] = yield* Effect.promise(() => freePorts(1))
      const url = `redis://user:secret@127.0.0.1:${port}`
      const failure = yield* failureOf(Layer.launch(CacheLayer.redis({ url, connect })))
      expect(failure).toMatchObject({ _tag: "StoreError", store: "redis", reason: "Unavailable" })
      expect(failure!.cause!.message).toContain("ECONNREFUSED")
      expect(JSON.stringify(failure) + failure!.cause!.message).not.toContain("secret")
    })

    test.live("no server, where it is not required: its first failure names the option", function*() {
      const [port] = yield* Effect.promise(() => freePorts(1))
      const cache = CacheLayer.redis({ url: `redis://127.0.0.1:${port}` })
      const read = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }), CachePolicy.strict)
      const failure = yield* Effect.flip(Effect.provide(read, cache))
      expect(failure.message).toContain(`ECONNREFUSED`)
      expect(failure.message).toContain(`connect: "required"`)
    })

    test.live("a user who may not use a command or a channel: the failure names all that are missing", function*() {
      const documented = readFileSync(new URL("../../docs/redis/server.md", import.meta.url), "utf8")
      const rights = Array.from(/^ACL SETUSER .*$/m.exec(documented)![0].matchAll(/\+(\S+)/g), ([, name]) => name!)
      // The last ones are those of guards. Without `subscribe`, no changes are reported.
      const needed = rights.slice(0, -6).filter((name) => name !== "subscribe")
      expect(needed.length).toBeGreaterThan(10)
      const ask = (...args: ReadonlyArray<string>) => Effect.promise(() => server.ask("ACL", "SETUSER", "few", ...args))
      const failing = failureOf(Effect.provide(
        Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" })),
        CacheLayer.redis({
          url: server.url,
          username: "few",
          password: Redacted.make("right"),
          prefix: "few",
          memory: false,
          // A machine under load answers late.
          storeTimeout: "10 seconds"
        })
      ))
      const as = (...gone: ReadonlyArray<string>) =>
        Effect.andThen(
          ask("reset", "on", ">right", "~few:*", "&few:*", "+@all", ...gone.map((name) => `-${name}`)),
          failing
        )
      expect(yield* as()).toBe(undefined)
      for (const command of needed) {
        const failure = yield* as(command)
        expect(failure, command).toMatchObject({ _tag: "StoreError", operation: "open", reason: "Denied" })
        expect(failure!.message).toContain(`may not use ${command})`)
      }
      expect((yield* as("hset", "role", "eval", "info"))!.message).toContain("may not use info, role, hset, eval)")
      // The releases of locks are published on a channel of their own.
      yield* ask("+@all", "resetchannels", "&few:m")
      expect((yield* failing)!.message).toContain("may not use publish on few:k)")
      yield* ask("resetkeys", "~few:v:*")
      expect((yield* failing)!.message).toContain("may not use the key few:e:{few}:rights, publish on few:k)")
      yield* Effect.sleep("1100 millis")
      expect(yield* Effect.promise(() => server.ask("KEYS", "*rights*"))).toEqual([])
    })

    test.live("a right that is taken away later is denied", function*() {
      const ask = (...args: ReadonlyArray<string>) => Effect.promise(() => server.ask(...args))
      yield* ask("ACL", "SETUSER", "later", "reset", "on", ">right", "~later:*", "&later:*", "+@all")
      const password = Redacted.make("right")
      const store = yield* storeFrom(
        RedisStore.layer({ url: server.url, username: "later", password, prefix: "later" })
      )
      yield* singly(store).set("a", entryOf("a"))
      yield* ask("ACL", "SETUSER", "later", "-hset", "-set")
      expect(yield* Effect.flip(singly(store).set("a", entryOf("b")))).toMatchObject({ reason: "Denied" })
    })

    test.live("a wrong password, no password, and a user who may not do what is needed", function*() {
      yield* Effect.promise(() => server.ask("ACL", "SETUSER", "cache", "on", ">right", "~shop:*", "&shop:*", "+@all"))
      yield* Effect.promise(() => server.ask("ACL", "SETUSER", "reader", "on", ">right", "~*", "+get", "+mget"))
      const as = (username: string, password: string, prefix = "shop") =>
        failureOf(Effect.scoped(storeFrom(RedisStore.layer({
          url: server.url,
          username,
          password: Redacted.make(password),
          prefix
        }))))
      expect(yield* as("cache", "right")).toBe(undefined)
      for (
        const failure of [
          yield* as("cache", "wrong secret"),
          yield* as("nobody", "right"),
          yield* as("cache", "right", "elsewhere"),
          yield* as("reader", "right")
        ]
      ) {
        expect(failure).toMatchObject({ _tag: "StoreError", reason: "Denied" })
        expect(JSON.stringify(failure) + failure!.cause!.message).not.toContain("secret")
      }
      // A user of the prefix alone can do all of it, and the lock too.
      yield* Effect.gen(function*() {
        yield* Cached.set("a", 1)
        yield* Cached.invalidate({ tag: "tag" })
        const lock = yield* Lock.Lock
        const held = yield* Scope.make()
        yield* Scope.provide(lock.acquire("name", { lease: "10 seconds", wait: 0 }), held)
        const waiting = yield* Effect.forkChild(
          Effect.scoped(lock.acquire("name", { lease: "10 seconds", wait: "10 seconds" })),
          { startImmediately: true }
        )
        // It is woken by a message, for which it listens.
        const listeners = Effect.promise(() => server.ask("PUBSUB", "NUMSUB", "shop:k"))
        for (let i = 0; String(yield* listeners) !== "shop:k,1"; i++) {
          if (i === 500) throw new Error("not ready")
          yield* Effect.sleep("10 millis")
        }
        yield* Scope.close(held, Exit.void)
        yield* Fiber.join(waiting)
        expect(yield* Effect.succeed(2).pipe(Cached.ttl("a", { ttl: "1 hour" }))).toBe(1)
      }).pipe(
        Effect.provide(CacheLayer.redis({
          url: server.url.replace("redis://", "redis://cache:right@"),
          prefix: "shop",
          memory: false
        }))
      )
    })

    test.live("a password that the server does not want is not repeated by its error", function*() {
      const url = server.url.replace("redis://", "redis://:secret@")
      const failure = yield* failureOf(Effect.scoped(storeFrom(RedisStore.layer({ url }))))
      expect(failure).toMatchObject({ _tag: "StoreError", reason: "Denied" })
      expect(JSON.stringify(failure) + failure!.cause!.message).not.toContain("secret")
    })

    it.live("a replica", () =>
      Effect.gen(function*() {
        const replica = yield* ending(() => startServer({ args: ["--replicaof", "127.0.0.1", String(server.port)] }))
        const failure = yield* failureOf(Effect.scoped(storeFrom(RedisStore.layer({ url: replica.url }))))
        expect(failure).toMatchObject({ _tag: "StoreError", reason: "Unsupported" })
        expect(failure!.cause!.message).toContain("replica")
      }).pipe(Effect.scoped), 240_000)

    test.live("a database that there is not", function*() {
      const client = createClient({ url: `${server.url}/999` })
      const options = [{ url: server.url, database: 999 }, { url: `${server.url}/999` }, { client: () => client }]
      for (const one of options) {
        const failure = yield* failureOf(Effect.scoped(storeFrom(RedisStore.layer(one))))
        expect(failure).toMatchObject({ _tag: "StoreError", reason: "Unsupported" })
        expect(failure!.message).toMatch(/"database", or the number in the path of "url".*out of range/)
      }
    })

    test.live("no Sentinel where one is named", function*() {
      const [port] = yield* Effect.promise(() => freePorts(1))
      const failing = (nodes: ReadonlyArray<string>) =>
        failureOf(Effect.scoped(storeFrom(RedisStore.layer({ sentinel: { name: "main", nodes } }))))
      const failure = yield* failing([`127.0.0.1:${server.port}`])
      expect(failure).toMatchObject({ _tag: "StoreError", reason: "Unsupported" })
      expect(failure!.message).toContain(`127.0.0.1:${server.port} is not a Sentinel`)
      // One that is away may be there later.
      const away = `127.0.0.1:${port}`
      expect(yield* failing([`127.0.0.1:${server.port}`, away])).toBe(undefined)
      expect(yield* failing([away, `127.0.0.1:${server.port}`])).toBe(undefined)
    })
  })

  describe("TLS", () => {
    let secure: Server
    let made: ReturnType<typeof certificates>
    beforeAll(async () => {
      made = certificates()
      const [port] = await freePorts(1)
      secure = await startServer({
        port: port!,
        args: ["--port", "0", "--tls-port", String(port), ...made.args],
        client: { socket: { host: "127.0.0.1", port, tls: true, ca: readFileSync(made.ca), reconnectStrategy: false } }
      })
    })
    afterAll(async () => {
      await secure.end()
      made.end()
    })

    test.live("a certificate that is known is accepted", function*() {
      const url = secure.url.replace("redis:", "rediss:")
      const tls = { ca: readFileSync(made.ca) }
      const text = yield* using({ url, tls, prefix: freshPrefix(), connect }, (store) =>
        Effect.andThen(
          singly(store).set("id", entryOf("secure")),
          Effect.map(store.get("id", []), ({ entry }) => textOf(entry))
        ))
      expect(text).toBe("secure")
    })

    test.live("an unknown one, TLS where there is none, and none where there is TLS are errors", function*() {
      const failures = [
        yield* failureOf(
          Effect.scoped(storeFrom(RedisStore.layer({ url: secure.url.replace("redis:", "rediss:") })))
        ),
        yield* failureOf(
          Effect.scoped(storeFrom(RedisStore.layer({ url: server.url.replace("redis:", "rediss:") })))
        ),
        yield* failureOf(Effect.scoped(storeFrom(RedisStore.layer({ url: secure.url }))))
      ]
      for (const failure of failures) expect(failure).toMatchObject({ _tag: "StoreError", reason: "Denied" })
      expect(failures[2]!.cause!.message).toContain("speaks TLS")
    })
  })

  describe("values", () => {
    it.live("that have ended when they are written are gone at once: a removal finds none", () =>
      using({ url: server.url, prefix: freshPrefix(), connect }, (store) =>
        Effect.gen(function*() {
          const ended = entryOf("ended", { softExpiresAt: 2, expiresAt: 2 })
          const writes: ReadonlyArray<Effect.Effect<unknown, CacheError.StoreError>> = [
            singly(store).set("id", ended),
            singly(store).set("id", ended, { _tag: "IfPresent" }),
            store.set([{ id: "id", entry: ended }, { id: "other", entry: ended }]),
            store.touch("id", { softExpiresAt: 2, expiresAt: 2 }),
            store.transact!({ checks: [], steps: [{ _tag: "Set", id: "id", entry: ended }] })
          ]
          for (const [i, write] of writes.entries()) {
            yield* singly(store).set("id", entryOf("live"))
            yield* write
            expect([i, yield* singly(store).remove("id"), yield* store.size]).toEqual([i, false, 0])
          }
        })))

    test.live("above maxValue stay in memory, with one warning", function*() {
      const warnings: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void warnings.push(String(message)))])
      const prefix = freshPrefix()
      let loads = 0
      const large = (key: string) =>
        Effect.sync(() => `${++loads}${"x".repeat(2000)}`).pipe(Cached.ttl(key, { ttl: "1 hour" }))
      yield* Effect.gen(function*() {
        const failures: Array<unknown> = []
        yield* Effect.forkChild(
          Stream.runForEach(
            Cached.events(),
            (event) =>
              Effect.sync(() => event._tag === "StoreFailure" && failures.push([event.operation, event.reason]))
          ),
          { startImmediately: true }
        )
        const all = Effect.forEach(["a", "b"], large)
        // Until it receives changes for the first time, it does not trust values that it has loaded before.
        const areInMemory = Effect.map(
          Effect.all([all, Effect.delay(all, "50 millis")]),
          ([before, now]) => before.join() === now.join()
        )
        yield* Effect.repeat(areInMemory, { until: (are) => are })
        const expected = Array.from({ length: loads }, () => ["commit", "TooLarge"])
        yield* Effect.repeat(Effect.delay(Effect.void, "10 millis"), { until: () => failures.length >= loads })
        expect(failures).toEqual(expected)
      }).pipe(
        Effect.provide(CacheLayer.redis({ url: server.url, prefix, maxValue: "1 kilobyte", connect })),
        Effect.provide(logger)
      )
      expect(warnings).toHaveLength(1)
      expect(yield* Effect.promise(() => keysOf(`${prefix}:v:*`))).toEqual([])
    })
  })

  describe("replicas", () => {
    it.live("a write counts when as many as wanted have it, and not before", () =>
      Effect.gen(function*() {
        const main = yield* ending(() => startServer())
        const replica = yield* ending(() => startServer({ args: ["--replicaof", "127.0.0.1", String(main.port)] }))
        const store = yield* storeFrom(RedisStore.layer({ url: main.url, replicas: 1, connect }))
        yield* Effect.retry(singly(store).set("id", entryOf("both")), {
          times: 100,
          schedule: Schedule.spaced("50 millis")
        })
        expect(Number(yield* Effect.promise(() => replica.ask("DBSIZE")))).toBeGreaterThan(0)
        const two = yield* storeFrom(RedisStore.layer({ url: main.url, replicas: 2, connect }))
        expect((yield* Effect.flip(singly(two).set("id", entryOf("two")))).reason).toMatch("Unavailable")
        expect((yield* Effect.flip(two.invalidateTags(["tag"]))).reason).toMatch("Unavailable")
      }).pipe(Effect.scoped), 240_000)
  })

  describe("Sentinel", () => {
    let watched: Awaited<ReturnType<typeof startSentinel>>
    beforeAll(async () => {
      watched = await startSentinel()
    }, 240_000)
    afterAll(() => watched.end())

    test.live("one that is named as a server is an error that says where it belongs", function*() {
      for (const path of ["", "/0", "/3"]) {
        const url = `redis://${watched.nodes[0]}${path}`
        const failure = yield* failureOf(Effect.scoped(storeFrom(RedisStore.layer({ url }))))
        expect(failure).toMatchObject({ _tag: "StoreError", reason: "Unsupported" })
        expect(failure!.message).toMatch(/Sentinel: name it in "sentinel", not in "url"/)
      }
      const failure = yield* failureOf(
        Effect.scoped(storeFrom(RedisStore.layer({ nodes: [`redis://${watched.nodes[0]}`] })))
      )
      expect(failure).toMatchObject({ _tag: "StoreError", reason: "Unsupported" })
    })

    test.live("the master is found, and its successor when it dies; what is asked meanwhile does not fail", function*() {
      const sentinel = { name: "main", nodes: ["127.0.0.1:1", ...watched.nodes] }
      let loads = 0
      const answer = (key: string) => Effect.sync(() => ++loads).pipe(Cached.ttl(key, { ttl: "1 hour" }))
      yield* Effect.gen(function*() {
        expect(yield* answer("a")).toBe(1)
        yield* Effect.sleep("300 millis")
        watched.master.signal("SIGKILL")
        yield* Effect.promise(() => watched.master.ended())
        let isStored = false
        for (let i = 0; !isStored && i < 400; i++) {
          const before = loads
          yield* Effect.andThen(answer(`k${i}`), answer(`k${i}`))
          isStored = loads === before + 1
          yield* Effect.sleep("50 millis")
        }
        expect(isStored).toBe(true)
        // It was replicated before.
        expect(yield* answer("a")).toBe(1)
      }).pipe(Effect.provide(CacheLayer.redis({ sentinel, memory: false })))
    })
  })

  describe("a cluster", () => {
    const cluster = forAll(() => startCluster({ nodeTimeout: 1000 }))

    test.live("is no single server, and a single server is none", function*() {
      const failures = [
        yield* failureOf(Effect.scoped(storeFrom(RedisStore.layer({ url: cluster.nodes[0]! })))),
        yield* failureOf(Effect.scoped(storeFrom(RedisStore.layer({ nodes: [server.url] }))))
      ]
      for (const failure of failures) expect(failure).toMatchObject({ _tag: "StoreError", reason: "Unsupported" })
    })

    test.live("is found by way of a replica", function*() {
      const at = (node: number) => `redis://127.0.0.1:${cluster.servers[node]!.port}`
      for (const nodes of [[at(3)], [at(3), at(0)], ["redis://127.0.0.1:1", at(3)]]) {
        for (const connect of ["required", "eventually"] as const) {
          const store = yield* storeFrom(RedisStore.layer({ nodes, prefix: freshPrefix(), connect }))
          yield* singly(store).set("a", entryOf("a"))
          expect(textOf((yield* store.get("a", [])).entry)).toBe("a")
        }
      }
    })

    it.live("slots that move are followed: no operation fails, no value is lost", () =>
      Effect.gen(function*() {
        const [from, to] = cluster.servers as [Server, Server]
        const prefix = freshPrefix()
        const store = yield* storeFrom(RedisStore.layer({ nodes: cluster.nodes, prefix, connect }))
        const isMoved = (id: string) => slotOf(hashOf(id)) < movedSlots
        const ids = Array.from({ length: 20_000 }, (_, i) => `id ${i}`).filter(isMoved)
        expect(ids.length).toBeGreaterThan(20)
        yield* store.set(ids.map((id) => ({ id, entry: entryOf(id) })))
        const moving = { now: true }
        const failures: Array<unknown> = []
        const reading = yield* Effect.forkChild(Effect.gen(function*() {
          for (let round = 0; moving.now; round++) {
            const id = ids[round % ids.length]!
            yield* Effect.exit(Effect.all([
              Effect.map(store.get(id, []), ({ entry }) => {
                if (textOf(entry) !== id) failures.push(["lost", id])
              }),
              singly(store).set(id, entryOf(id)),
              store.increment(`n ${id}`, 1),
              store.markers([`tag ${id}`])
            ])).pipe(Effect.map((exit) => {
              if (Exit.isFailure(exit)) failures.push(Cause.squash(exit.cause))
            }))
          }
        }))
        yield* Effect.promise(() => moveSlots(from, to, cluster, movedSlots))
        moving.now = false
        yield* Effect.yieldNow
        yield* Effect.sleep("200 millis")
        expect(failures).toEqual([])
        expect((yield* store.getMany(ids)).map(textOf)).toEqual(ids)
        expect(reading.pollUnsafe()).toBeDefined()
      }).pipe(Effect.scoped), 240_000)

    it.live("a slot that is moving: what is new is asked for where it goes (ASK)", () =>
      Effect.gen(function*() {
        const [from, to] = cluster.servers as [Server, Server]
        const slot = hashTags.map(slotOf).find((slot) => slot >= movedSlots)!
        const id = Array.from({ length: 200_000 }, (_, i) => `id ${i}`).find((id) => slotOf(hashOf(id)) === slot)!
        const store = yield* storeFrom(RedisStore.layer({
          nodes: cluster.nodes,
          prefix: freshPrefix(),
          connect,
          storeTimeout: 2000
        }))
        const ask = (server: Server, ...args: ReadonlyArray<string>) => Effect.promise(() => server.ask(...args))
        const fromId = String(yield* ask(from, "CLUSTER", "MYID"))
        const toId = String(yield* ask(to, "CLUSTER", "MYID"))
        yield* ask(to, "CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId)
        yield* ask(from, "CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId)
        expect((yield* store.get(id, [])).entry).toBe(undefined)
        expect(yield* store.increment(id, 2)).toBe(2)
        expect(yield* store.increment(id, 2)).toBe(4)
        expect(Number(yield* ask(to, "CLUSTER", "COUNTKEYSINSLOT", String(slot)))).toBeGreaterThan(0)
        // A step of several keys waits until they are in one place, for as long as a command may take.
        const failed = yield* Effect.flip(singly(store).set(id, entryOf("new")))
        expect(failed.reason).toBe("Unavailable")
        const waiting = yield* Effect.forkChild(singly(store).set(id, entryOf("new")), { startImmediately: true })
        yield* Effect.sleep("100 millis")
        expect(Number(yield* ask(from, "CLUSTER", "COUNTKEYSINSLOT", String(slot)))).toBe(0)
        for (const server of cluster.servers.slice(0, 3)) {
          yield* ask(server, "CLUSTER", "SETSLOT", String(slot), "NODE", toId)
        }
        expect(yield* Fiber.join(waiting)).toBe(true)
        expect(textOf((yield* store.get(id, [])).entry)).toBe("new")
        expect(yield* store.increment(id, 0)).toBe(4)
      }).pipe(Effect.scoped), 240_000)

    it.live("a master that dies is replaced by its replica", () =>
      Effect.gen(function*() {
        const nodes = cluster.nodes
        let loads = 0
        const answer = (key: string) => Effect.sync(() => ++loads).pipe(Cached.ttl(key, { ttl: "1 hour" }))
        const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
        const warnings: Array<string> = []
        const logger = Logger.layer([
          Logger.make(({ logLevel, message }) => void (/warn/i.test(logLevel) && warnings.push(String(message))))
        ])
        const all = Effect.forEach(keys, answer, { concurrency: "unbounded" })
        yield* Effect.gen(function*() {
          yield* all
          expect(loads).toBe(30)
          yield* all
          expect(loads).toBe(30)
          yield* Effect.sleep("500 millis")
          cluster.servers[0]!.signal("SIGKILL")
          let before = -1
          // Until a whole round comes from the store again.
          for (let i = 0; i < 300 && before !== loads; i++) {
            before = loads
            yield* all
            yield* Effect.sleep("100 millis")
          }
          expect(before).toBe(loads)
          // The remaining masters still answer: that does not end the incident.
          expect(warnings.length, warnings.join("\n")).toBeLessThanOrEqual(2)
        }).pipe(
          Effect.provide(CacheLayer.redis({ nodes, memory: false, prefix: freshPrefix() })),
          Effect.provide(logger)
        )
      }), 240_000)
  })
})

/** The only one of a list. */
const only = (all: ReadonlyArray<string>): string => all[0]!

/** Slots that move: the first of the first master. */
const movedSlots = 64

/** Moves the first slots of one master to another. */
const moveSlots = async (from: Server, to: Server, { servers }: RedisCluster, count: number): Promise<void> => {
  const rows = (await from.ask("CLUSTER", "SLOTS")) as Array<[number, number, [string, number]]>
  const first = rows.find(([, , [, port]]) => port === from.port)![0]
  for (let slot = first; slot < first + count; slot++) await moveSlot(slot, from, to, servers.slice(0, 3))
}
