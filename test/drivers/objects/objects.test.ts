/** Buckets: the requests that are sent, the refusals that say what to do, late answers, and what is damaged. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Exit, Fiber, Layer, Metric, Redacted, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { CacheConfig } from "effect-cached/config"
import { ObjectStore } from "effect-cached/objects"
import { withTimePassing } from "effect-cached/testing"
import { HttpClient, HttpClientError } from "effect/http"
import { nameOf } from "../../../src/drivers/objects/bucket/names.ts"
import { listed, refused } from "../../../src/drivers/objects/bucket/xml.ts"
import { decode, encode } from "../../../src/drivers/objects/store/record.ts"
import { singly } from "../../../src/testing/internal/singly.ts"
import { hostileBytes } from "../../support/fuzz.ts"
import { type Asked, clientOf, type Given, key, listen, make, refuse, type S3 } from "../../support/s3.ts"
import { stored } from "../../support/stored.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { test } from "../../support/tests.ts"

const secret = Redacted.make(key.secret)

const credentials = { accessKeyId: key.accessKeyId, secretAccessKey: secret }

const options = (s3: S3): ObjectStore.Options => ({ bucket: s3.bucket, endpoint: "http://s3.test", credentials })

const open = (s3: S3, more: Partial<ObjectStore.Options> = {}) =>
  storeFrom(ObjectStore.layer({ ...options(s3), ...more })).pipe(
    Effect.provideService(HttpClient.HttpClient, clientOf(s3))
  )

const entry = (n: number, more: Partial<CacheEntry.Meta> = {}) =>
  stored(`value ${n}`, { writeId: n.toString(16).padStart(32, "0"), ...more })

const asking = (owner: string, rejectedWriteId?: string) => ({
  owner,
  leaseMillis: 2000,
  rejectedWriteId,
  join: false
})

const cacheOver = (s3: S3, more: Partial<ObjectStore.Options> = {}) =>
  CacheLayer.layer({ memory: false, storeTimeout: "10 seconds" }).pipe(
    Layer.provide(Layer.effect(Store.Store, open(s3, more)))
  )

/** The requests that an effect sends. */
const asked = <A, E, R>(s3: S3, effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    s3.asked.length = 0
    return Effect.as(effect, s3.asked)
  })

describe("requests, which cost money", () => {
  it.live("a hit is one GET, a load three GETs and two PUTs, and a commit a PUT with a condition", () => {
    const s3 = make()
    const conditions: Array<string | undefined> = []
    s3.before = ({ headers, method, target }) => {
      if (method === "PUT" && !target.includes("/probe/")) {
        conditions.push(headers["if-match"] ?? headers["if-none-match"])
      }
      return undefined
    }
    const read = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour", waitForWrite: true }))
    return Effect.gen(function*() {
      // The first process of all begins an era, and each process reads it as often as it trusts it.
      yield* Cached.set("another", 1)
      conditions.length = 0
      // It asks for the era beside each write.
      expect((yield* asked(s3, read)).toSorted()).toEqual(["GET", "GET", "GET", "PUT", "PUT"])
      expect(conditions).toEqual(["*", expect.stringMatching(/^"/)])
      expect(yield* asked(s3, read)).toEqual(["GET"])
    }).pipe(Effect.provide(cacheOver(s3, { tagStaleness: "1 minute" })))
  })

  it.live("a hit whose tags are known is one GET, also with many readers, and tags are asked for again in time", () => {
    const s3 = make()
    class Row
      extends CacheKey.Class<Row>()("Row", { payload: { n: Schema.Int }, success: Schema.Int, tags: ["rows"] })
    {}
    const read = (n: number) =>
      Effect.succeed(n).pipe(Cached.ttl(new Row({ n }), { ttl: "1 hour", waitForWrite: true }))
    return Effect.gen(function*() {
      yield* read(1)
      expect(yield* asked(s3, read(1))).toEqual(["GET"])
    }).pipe(
      Effect.provide(cacheOver(s3, { tagStaleness: "1 minute" })),
      Effect.andThen(Effect.gen(function*() {
        const store = yield* open(s3, { tagStaleness: "1 minute" })
        const reads = Effect.all(Array.from({ length: 20 }, () => store.get("none", ["rows"])), { concurrency: 20 })
        // One question for the era, one for the tag, and one for each reader.
        expect(yield* asked(s3, reads)).toHaveLength(22)
        const exact = yield* open(s3)
        expect(yield* asked(s3, exact.get("none", ["rows", "other"]))).toEqual(["GET", "GET", "GET", "GET"])
      }))
    )
  })

  it.live("are counted by bucket and method", () =>
    Effect.gen(function*() {
      const s3 = make()
      const store = yield* open(s3)
      yield* singly(store).set("id", entry(1))
      yield* store.get("id", [])
      yield* Stream.runDrain(store.scan())
      const counted = (yield* Metric.snapshot).flatMap((one) =>
        one.id === "effect_cached_object_requests_total"
          ? [[one.attributes?.["method"], one.attributes?.["bucket"], (one.state as { count: number }).count]]
          : []
      )
      expect(counted.toSorted()).toEqual([
        ["DELETE", "cache", 2],
        // One of the probe, five for the era, one before the first write, one read, one of the listing.
        ["GET", "cache", 9],
        ["LIST", "cache", 1],
        ["PUT", "cache", 6]
      ])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})

describe("opening", () => {
  const message = (s3: S3, more: Partial<ObjectStore.Options> = {}) =>
    Effect.map(Effect.exit(open(s3, more)), (exit) => {
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      const text = `${String(error)} ${JSON.stringify(error)} ${
        Cause.pretty((exit as Exit.Failure<never, never>).cause)
      }`
      expect(text).not.toContain(key.secret)
      expect(text).not.toContain("StringToSign")
      return error instanceof CacheError.StoreError ? `${error.reason}: ${error.message}` : String(error)
    })

  test.live("says what to do if the bucket, the region, the key or the clock is wrong", function*() {
    const s3 = make()
    expect(yield* message(s3, { bucket: "another" })).toMatch(/^Unsupported: .*no bucket "another": create it/)
    expect(yield* message(s3, { region: "eu-west-1" })).toMatch(/^Unsupported: .*set region to "us-east-1"/)
    expect(yield* message(s3, { credentials: { ...credentials, accessKeyId: "AKIDOTHER" } })).toMatch(
      /^Denied: .*does not know the accessKeyId/
    )
    const wrong = { credentials: { ...credentials, secretAccessKey: Redacted.make("wrong") } }
    expect(yield* message(s3, wrong)).toMatch(/^Denied: .*check the secretAccessKey/)
    s3.keys.set("AKIDOLD", "expired")
    expect(yield* message(s3, { credentials: { ...credentials, accessKeyId: "AKIDOLD" } })).toMatch(
      /^Denied: .*expired: give credentials/
    )
    s3.before = () => refuse(403, "AccessDenied", `<Message>${key.secret}</Message>`)
    expect(yield* message(s3)).toMatch(/^Denied: .*needs s3:GetObject, .*s3:ListBucket on cache/)
    s3.before = ({ method }) => method === "PUT" ? refuse(403, "AccessDenied") : undefined
    expect(yield* message(s3)).toMatch(/^Denied: .*s3:PutObject/)
    s3.before = () => ({ status: 418, body: key.secret })
    expect(yield* message(s3)).toMatch(/^Unavailable: .*it answered 418/)
  })

  test.live("says by how much the clock is wrong", function*() {
    for (const [minutes, how] of [[20, "20 minutes behind"], [-60, "60 minutes ahead of"]] as const) {
      const s3 = Object.assign(make(), { aheadMillis: minutes * 60_000 })
      const { handle } = s3
      const dated = {
        ...s3,
        handle: (request: Asked) => ({
          ...handle(request),
          headers: { date: new Date(Date.now() + s3.aheadMillis).toUTCString() }
        })
      }
      expect(yield* message(dated)).toContain(how)
    }
  })

  test.live("fails for a server that is not there, without the headers that were sent", function*() {
    const client = HttpClient.make((request) =>
      Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.TransportError({
            request,
            cause: Object.assign(new Error(JSON.stringify(request.headers)), { code: "ECONNREFUSED" })
          })
        })
      )
    )
    const store = storeFrom(ObjectStore.layer({
      ...options(make()),
      credentials: { ...credentials, sessionToken: Redacted.make("a token") }
    }))
    const exit = yield* Effect.exit(Effect.provideService(store, HttpClient.HttpClient, client))
    const text = Cause.pretty((exit as Exit.Failure<never, never>).cause)
    expect(text).toContain("cannot be reached: ECONNREFUSED")
    expect(text).not.toContain("a token")
    expect(text).not.toContain("Signature=")
  })

  test.live("finds out that a bucket ignores or refuses conditions: then it is not shared", function*() {
    for (const [conditions, isShared] of [["honoured", true], ["ignored", false], ["refused", false]] as const) {
      const s3 = Object.assign(make(), { conditions })
      const store = yield* open(s3)
      expect(store.capabilities.shared).toBe(isShared)
      // The probe leaves nothing behind.
      expect(Array.from(s3.objects.keys())).toEqual([])
      yield* singly(store).set("id", entry(1))
      expect((yield* store.get("id", [])).entry).toEqual(entry(1))
    }
  })

  test.live("does not take lost answers for ignored conditions: a process that shares nothing would see no changes", function*() {
    for (const place of [0, 1, 2, 3]) {
      const s3 = make()
      let writes = 0
      s3.after = ({ method }) => method === "PUT" && writes++ === place ? refuse(500, "InternalError") : undefined
      expect((yield* open(s3)).capabilities.shared, String(place)).toBe(true)
    }
  })

  it.effect("fails if no answer arrives at once", () =>
    withTimePassing(Effect.gen(function*() {
      const s3 = Object.assign(make(), { now: () => 0 })
      let writes = 0
      s3.after = ({ method }) => method === "PUT" && writes++ % 2 === 0 ? refuse(500, "InternalError") : undefined
      expect((yield* Effect.flip(open(s3))).message).toContain("answers were lost")
    })))

  test.live("is not deceived by a server that honours one of the conditions only", function*() {
    for (const header of ["if-match", "if-none-match"]) {
      const s3 = make()
      const { handle } = s3
      const half = {
        ...s3,
        handle: (request: Asked) => {
          if (request.method !== "PUT") return handle(request)
          s3.conditions = header in request.headers ? "ignored" : "honoured"
          return handle(request)
        }
      }
      expect((yield* open(half)).capabilities.shared).toBe(false)
    }
  })

  it("refuses what is no option, no bucket, no server and no key", () => {
    const refusal = (more: object): string => {
      try {
        storeFrom(ObjectStore.layer({ ...options(make()), ...more } as ObjectStore.Options))
      } catch (error) {
        expect(error).toBeInstanceOf(CacheError.CacheConfigError)
        expect(String(error)).not.toContain(key.secret)
        return String(error)
      }
      return "nothing"
    }
    expect(refusal({})).toBe("nothing")
    expect(refusal({ buckets: 1 })).toContain("did you mean \"bucket\"")
    for (const bucket of [undefined, "", "ab", "a/b", "a b", "a..b", "../x", "x".repeat(64), "a?b", "a#b", 5]) {
      expect(refusal({ bucket })).toContain("needs a \"bucket\"")
    }
    for (const endpoint of ["", "s3.test", "ftp://s3.test", "http://user:x@s3.test", "http://s3.test?x=1", 5]) {
      expect(refusal({ endpoint })).toContain("\"endpoint\" must be")
    }
    expect(refusal({ endpoint: undefined })).toContain("\"endpoint\" is there and undefined")
    for (const prefix of ["", "/", "a//b", "a/", "..", "a/../b", "a\nb", "\ud800", "x".repeat(201), 5]) {
      expect(refusal({ prefix })).toContain("\"prefix\" must be")
    }
    for (const region of ["", "a b", "a/b", 5]) expect(refusal({ region })).toContain("\"region\" must be")
    for (const given of [undefined, 1, {}, { ...credentials, accessKeyId: undefined }]) {
      expect(refusal({ credentials: given })).toContain("accessKeyId")
    }
    for (const name of ["secretAccessKey", "sessionToken"]) {
      expect(refusal({ credentials: { ...credentials, [name]: key.secret } })).toContain("Redacted.make")
    }
    expect(refusal({ maxValue: 0 })).toContain("maxValue")
    expect(refusal({ tagStaleness: "forever" })).toContain("tagStaleness")
  })
})

describe("a server in trouble", () => {
  /** Refuses the next requests so many times. */
  const busy = (s3: S3, times: number, given: Given) => {
    let left = times
    s3.before = ({ target }) => target.includes("/probe/") || left-- <= 0 ? undefined : given
  }
  const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) => withTimePassing(effect)
  const timeless = () => Object.assign(make(), { now: () => 0 })

  it.effect("is asked again if it is too busy, after the time that it asks for, but not for ever", () =>
    inTime(Effect.gen(function*() {
      const s3 = timeless()
      const store = yield* open(s3)
      yield* singly(store).set("id", entry(1))
      for (
        const given of [
          refuse(503, "SlowDown", "", { "retry-after": "1" }),
          refuse(429, ""),
          refuse(500, "InternalError")
        ]
      ) {
        busy(s3, 3, given)
        expect((yield* store.get("id", [])).entry).toEqual(entry(1))
        busy(s3, 4, given)
        expect((yield* Effect.flip(store.get("id", []))).reason).toBe("Unavailable")
      }
      busy(s3, 1, refuse(503, "SlowDown", "", { "retry-after": "3600" }))
      expect(yield* asked(s3, Effect.flip(store.get("id", [])))).toHaveLength(1)
    })))

  it.effect("answers late: a write that was carried out is not taken for one of another process", () =>
    inTime(Effect.gen(function*() {
      const s3 = timeless()
      const store = yield* open(s3)
      const { handle } = s3
      let lost = 1
      const losing = {
        ...s3,
        handle: (request: Asked) => {
          const given = handle(request)
          return request.method === "PUT" && !request.target.includes("/probe/") && lost-- > 0
            ? refuse(500, "InternalError")
            : given
        }
      }
      const other = yield* open(losing)
      expect(yield* singly(other).set("id", entry(1))).toBe(true)
      expect((yield* store.get("id", [])).entry).toEqual(entry(1))
      const acquired = yield* singly(other).acquire("id", asking("a", entry(1).meta.writeId))
      lost = 1
      expect(acquired._tag === "Granted" && (yield* singly(other).commit("id", acquired.generation, entry(2)))).toBe(
        true
      )
      expect((yield* store.get("id", [])).entry).toEqual(entry(2))
    })))

  it.effect("answers late while another process writes: an increment is never counted twice", () =>
    inTime(Effect.gen(function*() {
      const s3 = timeless()
      const [one, other] = yield* Effect.all([open(s3), open(s3)])
      yield* other.increment("n", 1)
      let lost = 1
      const later: Array<Fiber.Fiber<unknown, unknown>> = []
      const run = Effect.runForkWith(yield* Effect.context<never>())
      s3.after = ({ method }) => {
        if (method !== "PUT" || lost-- <= 0) return undefined
        // Begins at once, so that it does not come after the next try.
        later.push(run(other.increment("n", 10)))
        return refuse(500, "InternalError")
      }
      const adding = yield* Effect.forkChild(Effect.exit(one.increment("n", 100)))
      while (later.length === 0) yield* Effect.yieldNow
      yield* Fiber.join(later[0]!)
      const exit = yield* Fiber.join(adding)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ reason: "Unavailable" })
      expect(yield* one.increment("n", 0)).toBe(111)
    })))

  it.effect("answers late while another process takes the next lease: the result was stored", () =>
    inTime(Effect.gen(function*() {
      const s3 = timeless()
      const [one, other] = yield* Effect.all([open(s3), open(s3)])
      const acquired = yield* singly(one).acquire("id", asking("a"))
      if (acquired._tag !== "Granted") return expect(acquired._tag).toBe("Granted")
      let lost = 1
      const next: Array<Effect.Effect<Store.Acquired, unknown>> = []
      s3.after = ({ method }) => {
        if (method !== "PUT" || lost-- <= 0) return undefined
        next.push(singly(other).acquire("id", asking("b", entry(1).meta.writeId)))
        return refuse(500, "InternalError")
      }
      const committing = yield* Effect.forkChild(singly(one).commit("id", acquired.generation, entry(1)))
      while (next.length === 0) yield* Effect.yieldNow
      expect((yield* next[0]!)._tag).toBe("Granted")
      expect(yield* Fiber.join(committing)).toBe(true)
    })))

  test.live("a write of a missing entry that arrives after a removal is refused", function*() {
    const s3 = make()
    const late: Array<() => Given> = []
    const { handle } = s3
    const delaying = {
      ...s3,
      handle: (request: Asked): Given => {
        if (request.method !== "PUT" || late.length > 0 || request.target.includes("/probe/")) return handle(request)
        late.push(() => handle(request))
        return refuse(403, "AccessDenied")
      }
    }
    const store = yield* open(delaying)
    yield* Effect.flip(singly(store).set("id", entry(1)))
    expect(yield* singly(store).remove("id")).toBe(false)
    expect(late[0]!().status).toBe(412)
    expect((yield* store.get("id", [])).entry).toBe(undefined)
  })

  test.live("reads the key again when it has expired, and fails if there is no newer one", function*() {
    const s3 = make()
    const keys = ["one", "two"]
    s3.keys.set("one", "first:token").set("two", "second:token")
    let reads = 0
    const credentials = Effect.sync(() => {
      const accessKeyId = keys[Math.min(reads++, 1)]!
      return {
        accessKeyId,
        secretAccessKey: Redacted.make(accessKeyId === "one" ? "first" : "second"),
        sessionToken: Redacted.make("token")
      }
    })
    const store = yield* open(s3, { credentials })
    yield* singly(store).set("id", entry(1))
    expect(reads).toBe(1)
    s3.keys.set("one", "expired")
    expect((yield* store.get("id", [])).entry).toEqual(entry(1))
    expect(reads).toBe(2)
    s3.keys.set("two", "expired")
    const error = yield* Effect.flip(store.get("id", []))
    expect([error.reason, error.message]).toEqual(["Denied", expect.stringContaining("gave no newer one")])
    for (const wrong of [Effect.fail("secret"), Effect.succeed({ accessKeyId: "one" })]) {
      const refused = yield* Effect.flip(open(s3, { credentials: wrong as never }))
      expect([refused.reason, String(refused)]).toEqual(["Denied", expect.stringContaining("credentials")])
    }
  })

  it("that goes away in the middle of a write leaves the former entry whole", async () => {
    const s3 = make()
    let isCutting = false
    const server = await listen(s3, () => false, ({ method }) => isCutting && method === "PUT")
    const { FetchHttpClient } = await import("effect/http")
    const large = (n: number) => ({ ...entry(n), payload: new Uint8Array(3_000_000).fill(n) })
    await Effect.runPromise(
      Effect.gen(function*() {
        const store = yield* storeFrom(ObjectStore.layer({ ...options(s3), endpoint: server.endpoint }))
        yield* singly(store).set("id", large(1))
        isCutting = true
        expect((yield* Effect.flip(singly(store).set("id", large(2)))).reason).toBe("Unavailable")
        isCutting = false
        expect((yield* store.get("id", [])).entry!.payload).toEqual(large(1).payload)
        expect(yield* singly(store).set("id", large(3))).toBe(true)
        expect((yield* store.get("id", [])).entry!.payload).toEqual(large(3).payload)
      }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
    )
    await server.stop()
  })

  test.live("refuses a value that is too large, without asking", function*() {
    for (const conditions of ["honoured", "ignored"] as const) {
      const s3 = Object.assign(make(), { conditions })
      const store = yield* open(s3, { maxValue: "1 kB" })
      const value = { ...entry(1), payload: new Uint8Array(5000) }
      s3.asked.length = 0
      expect((yield* Effect.flip(singly(store).set("id", value))).reason).toBe("TooLarge")
      expect(s3.asked).toEqual([])
    }
  })
})

describe("two processes that write at once", () => {
  test.live("both write in turn, and neither overwrites what it has not read", function*() {
    const s3 = make()
    const [a, b] = yield* Effect.all([open(s3), open(s3)])
    const adding = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? a : b).increment("n", 1))
    const all = yield* Effect.all(adding, { concurrency: "unbounded" })
    expect(all.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
    // Each knows the object as it was before the other wrote it.
    for (let round = 0; round < 5; round++) {
      yield* a.invalidateTags(["tag"], "hard")
      const { versions } = yield* b.get("id", ["tag"])
      yield* Effect.all([a.invalidateTags(["tag"], "soft"), b.invalidateTags(["tag"], "hard")], { concurrency: 2 })
      const after = yield* a.get("id", ["tag"])
      expect(after.versions[0]!.slice(0, 12)).not.toBe(versions[0]!.slice(0, 12))
    }
  })

  test.live("an object that vanished, as by a rule of the bucket, costs a load", function*() {
    const s3 = make()
    const store = yield* open(s3)
    const acquired = yield* singly(store).acquire("id", asking("a"))
    s3.objects.clear()
    expect(acquired._tag === "Granted" && (yield* singly(store).commit("id", acquired.generation, entry(1)))).toBe(
      false
    )
    expect((yield* store.get("id", [])).entry).toBe(undefined)
    expect(yield* singly(store).set("id", entry(2))).toBe(true)
  })
})

describe("names and replies", () => {
  it("ids are data: names are safe, short, of one id, and begin alike", () => {
    const ids = [
      "",
      "~",
      "a",
      "A",
      "a/b",
      "../x",
      "a b",
      "ü",
      "\ud800",
      "\0",
      "%2F",
      "~2f",
      "?list-type=2",
      "<Key>",
      "x".repeat(5000)
    ]
    const names = [...ids, "x".repeat(4999)].map((id) => nameOf("e/", id))
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) {
      expect(name).toMatch(/^e\/[\w~-]+$/)
      expect(name.length).toBeLessThan(800)
    }
    expect(nameOf("e/", "user:1").startsWith(nameOf("e/", "user:"))).toBe(true)
  })

  it("decoders survive whatever arrives", () => {
    const page = (inner: string, end = "</ListBucketResult>") =>
      new TextEncoder().encode(`<ListBucketResult><IsTruncated>false</IsTruncated>${inner}${end}`)
    expect(listed(page("<Contents><Key>a&amp;&#x42;&#67;&lt;</Key></Contents>"))).toEqual({
      objects: [{ name: "a&BC<", size: NaN, etag: undefined, modifiedAt: NaN }],
      next: undefined
    })
    const told = "<ETag>&quot;e&quot;</ETag><Size>12</Size><LastModified>1970-01-01T00:00:01.000Z</LastModified>"
    expect(listed(page(`<Contents><Key>a</Key>${told}</Contents>`))!.objects).toEqual([
      { name: "a", size: 12, etag: "\"e\"", modifiedAt: 1000 }
    ])
    expect(listed(page("", ""))).toBe(undefined)
    expect(listed(page("<Contents><Key>a"))).toBe(undefined)
    expect(listed(new TextEncoder().encode("<html></html>"))).toBe(undefined)
    const endless = page("").slice()
    expect(listed(new TextEncoder().encode(new TextDecoder().decode(endless).replace("false", "true")))).toBe(undefined)
    const lease = {
      generation: "g",
      owner: "o",
      leaseMillis: 5,
      until: -Infinity,
      dies: Infinity,
      joinedAt: undefined,
      failed: { count: 1, note: Uint8Array.of(1, 2), at: 3 }
    }
    const body = { head: { id: "é\ud800", stamp: "s", lease, version: undefined }, frame: Uint8Array.of(1, 2, 3) }
    const good = encode(body.head, body.frame)
    expect(decode(good, "é\ud800")).toEqual(body)
    expect(decode(good, "other")).toBe(undefined)
    expect(decode(encode({ ...body.head, counter: { value: 1, expiresAt: Infinity } }, body.frame))!.head.counter)
      .toEqual({ value: 1, expiresAt: Infinity })
    for (const at of [3, 7, 20]) {
      const damaged = good.slice()
      damaged[at]! ^= 1
      expect(decode(damaged)).toBe(undefined)
    }
    expect(decode(new Uint8Array(500))).toBe(undefined)
    const list = page("<Contents><Key>a</Key></Contents>")
    for (const bytes of hostileBytes(good)) decode(bytes)
    for (const bytes of hostileBytes(list)) {
      listed(bytes)
      refused(bytes)
    }
  })

  test.live("an object that is damaged or copied is a miss, and is written again", function*() {
    const s3 = make()
    const store = yield* open(s3)
    yield* singly(store).set("id", entry(1))
    const [name, good] = Array.from(s3.objects).find(([name]) => name.includes("/e/"))!
    for (
      const body of [new Uint8Array(0), Uint8Array.of(1, 2, 3, 4, 5), good.body.slice(0, -1), new Uint8Array(500)]
    ) {
      s3.objects.set(name, { body, etag: `"${body.length}"` })
      expect(yield* store.get("id", [])).toEqual({ entry: undefined, versions: [], isDamaged: true })
      const acquired = yield* singly(store).acquire("id", asking("a"))
      expect(acquired).toMatchObject({ _tag: "Granted", isDamaged: true })
      expect(yield* store.release("id", "a")).toBe(true)
      yield* singly(store).set("id", entry(1))
      expect((yield* store.get("id", [])).entry).toEqual(entry(1))
    }
    s3.objects.set(name.replace(/id$/, "other"), good)
    expect((yield* store.get("other", [])).entry).toBe(undefined)
    expect(yield* store.size).toBe(1)
    s3.before = ({ target }) => target.includes("list-type") ? { status: 200, body: "<html>" } : undefined
    expect((yield* Effect.flip(store.size)).reason).toBe("Corrupt")
  })
})

describe("CacheLayer.objects and URLs", () => {
  it("reach the bucket by fetch, and keep P2's bound in two halves", async () => {
    const s3 = make()
    const server = await listen(s3)
    const layer = (more: Partial<CacheLayer.ObjectsOptions> = {}) =>
      CacheLayer.objects({
        bucket: s3.bucket,
        endpoint: server.endpoint,
        credentials: { accessKeyId: key.accessKeyId, secretAccessKey: secret },
        prefix: "a b/ü&",
        ...more
      })
    const answer = (value: number, tags: ReadonlyArray<string> = ["tag"]) =>
      Effect.succeed(value).pipe(Cached.ttl("answer", { ttl: "1 hour", waitForWrite: true, tags }))
    await Effect.runPromise(Effect.provide(answer(1), layer()))
    expect(Array.from(s3.objects.keys()).toSorted()).toEqual([
      expect.stringMatching(/^a b\/ü&\/e\/[0-9a-f]{24}\/answer$/),
      "a b/ü&/r/era",
      "a b/ü&/t/tag"
    ])
    // The versions of tags are trusted for half of maxStaleness, in a process that did not change them.
    await Effect.runPromise(
      Effect.gen(function*() {
        const [one, other] = yield* Effect.all([Layer.build(layer()), Layer.build(layer())])
        expect(yield* Effect.provide(answer(2), one)).toBe(1)
        expect(yield* asked(s3, Effect.provide(answer(3), one))).toEqual([])
        yield* Effect.provide(Cached.invalidate({ tag: "tag" }), other)
        expect(yield* Effect.provide(answer(4), other)).toBe(4)
      }).pipe(Effect.scoped)
    )
    const url = `s3://cache/a%20b/%C3%BC&?endpoint=${
      encodeURIComponent(server.endpoint)
    }&credentials.accessKeyId=${key.accessKeyId}`
    const env = { CACHE_URL: url, CACHE_CREDENTIALS_SECRET_ACCESS_KEY: key.secret }
    const configured = Effect.provide(answer(5), CacheConfig.layer("CACHE", { default: "memory:" })).pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
    )
    expect(await Effect.runPromise(configured)).toBe(4)
    for (const [wrong, text] of [["s3://", "s3://bucket/prefix"], ["s3://user@cache", "has no user"]] as const) {
      const exit = await Effect.runPromiseExit(Effect.scoped(Layer.build(CacheConfig.fromUrl(wrong))))
      expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toContain(text)
    }
    await server.stop()
    const down = await Effect.runPromiseExit(Effect.scoped(Layer.build(layer())))
    expect(Exit.isFailure(down) && String(Cause.squash(down.cause))).toContain("ECONNREFUSED")
  })
})
