/** Clean-ups of buckets: the objects that are removed, by whom, and the cost. Eras: one write clears a bucket. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Redacted, Scope } from "effect"
import type { Store } from "effect-cached/adapters"
import { ObjectStore } from "effect-cached/objects"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { open as openConfigured } from "../../../src/drivers/objects/open.ts"
import { configOf } from "../../../src/drivers/objects/options.ts"
import { lifeOfSize, sizeFor } from "../../../src/drivers/objects/store/life.ts"
import { oldest } from "../../../src/internal/defaults/objects.ts"
import { pauseMillis, tidyMillis, turnMillis } from "../../../src/internal/defaults/room.ts"
import { markersKept } from "../../../src/internal/defaults/stores.ts"
import { singly } from "../../../src/testing/internal/singly.ts"
import { hostileBytes } from "../../support/fuzz.ts"
import { type Asked, clientOf, key, make, refuse, type S3 } from "../../support/s3.ts"
import { entry } from "../../support/stored.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { test, testIn } from "../../support/tests.ts"
import { turns } from "../../support/turns.ts"

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const credentials = { accessKeyId: key.accessKeyId, secretAccessKey: Redacted.make(key.secret) }

const openOver = (client: HttpClient.HttpClient, more: Partial<ObjectStore.Options> = {}) =>
  storeFrom(ObjectStore.layer({
    bucket: "cache",
    endpoint: "http://s3.test",
    credentials,
    prefix: "x",
    ...more
  })).pipe(Effect.provideService(HttpClient.HttpClient, client))

/** A store whose server may take hours to answer one request. */
const patient = (client: HttpClient.HttpClient) => {
  const config = configOf("test", { bucket: "cache", endpoint: "http://s3.test", credentials, prefix: "x" }, 0)
  return Effect.provideService(openConfigured({ ...config, requestMillis: hour }), HttpClient.HttpClient, client)
}

const open = (s3: S3, more?: Partial<ObjectStore.Options>) => openOver(clientOf(s3), more)

/** A bucket whose server has the time of the test. */
const bucket = (more: Partial<S3> = {}) =>
  Effect.map(Clock.Clock, (clock) => {
    const s3 = Object.assign(make(), { now: () => clock.currentTimeMillisUnsafe(), ...more })
    const requests: Array<string> = []
    const before = s3.before
    s3.before = (asked) => {
      if (!/\/probe\/|\/r\/era$/.test(asked.target)) requests.push(show(asked))
      return before(asked)
    }
    return { s3, requests }
  })

const show = ({ method, target }: Asked): string =>
  target.includes("list-type")
    ? `LIST ${new URL(target, "http://s3.test").searchParams.get("prefix")}`
    : `${method} ${withoutEra(target.replace("/cache/x/", ""))}`

const withoutEra = (name: string): string => name.replace(/^([ce]\/)[0-9a-f]{24}\//, "$1")

const namesIn = ({ objects }: S3, kind = ""): ReadonlyArray<string> =>
  Array.from(objects.keys(), (name) => withoutEra(name.slice("x/".length)))
    .filter((name) => name.startsWith(kind) && name !== "r/era").sort()

const realTurn = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 2)))

/** Signatures are made in real time, while virtual time stands still. */
const until = (what: string, is: () => boolean) =>
  Effect.gen(function*() {
    for (let i = 0; i < 10_000; i++) {
      if (is()) return
      yield* realTurn
    }
    throw new Error(`${what} did not come`)
  })

const living = (n: number, size: number, lifeMillis: number, createdAt = 0) =>
  entry(n, size, { createdAt, softExpiresAt: createdAt + lifeMillis, expiresAt: createdAt + lifeMillis })

/** A process looks so often whether a clean-up is due. */
const look = tidyMillis + pauseMillis

/**
 * Lets a clean-up begin, and waits for its end. Several processes may ask for the turn at once, so the number of writes
 * does not tell the end: it is over once nothing follows the last write of the turn.
 */
const cleanedUp = (requests: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const since = requests.length
    yield* TestClock.adjust(look)
    let [seen, quiet] = [0, 0]
    yield* until("a clean-up", () => {
      const own = requests.slice(since)
      const writes = own.filter((one) => one === "PUT r/turn").length
      const isOver = writes >= 2 && own.at(-1)!.endsWith(" r/turn")
      quiet = isOver && own.length === seen ? quiet + 1 : 0
      seen = own.length
      return quiet === 40
    })
  })

/** Lets the time pass until the last look before the next daily clean-up. */
const almostADay = Effect.repeat(TestClock.adjust(look), { times: Math.floor(day / look) - 1 })

const asking = (owner: string) => ({ owner, leaseMillis: 2000, rejectedWriteId: undefined, join: false })

describe("what has expired", () => {
  test("goes once a day, and what lives stays", function*() {
    const { requests, s3 } = yield* bucket({ pageSize: 3 })
    const store = yield* open(s3)
    yield* singly(store).set("short", living(1, 500, minute))
    yield* singly(store).set("long", living(2, 500, 2 * day))
    yield* singly(store).set("endless", entry(3, 500))
    yield* singly(store).set("removed", entry(4, 500))
    yield* singly(store).remove("removed")
    yield* store.increment("over", 1, { expiresAt: minute })
    yield* store.increment("counting", 1)
    yield* store.invalidateTags(["tag"])
    expect((yield* singly(store).acquire("leased", asking("me")))._tag).toBe("Granted")
    // Nothing is so old that no late write could arrive.
    yield* cleanedUp(requests)
    expect(namesIn(s3).filter((name) => !name.startsWith("r/"))).toHaveLength(8)
    requests.length = 0
    yield* almostADay
    expect(requests).toEqual([])
    yield* cleanedUp(requests)
    expect(namesIn(s3)).toEqual(["c/counting", "e/endless", "e/long", "r/turn", "t/tag"])
    // A turn is taken and given back; a list has three objects a page; deletions are free at Amazon.
    expect(requests.filter((one) => !one.startsWith("DELETE"))).toEqual([
      "GET r/turn",
      "PUT r/turn",
      "LIST x/",
      "GET c/over",
      "LIST x/",
      "LIST x/",
      "LIST x/",
      "PUT r/turn"
    ])
    expect(requests.filter((one) => one.startsWith("DELETE"))).toHaveLength(4)
  })

  test("is looked for by one process a day, also if each lives for a short time only", function*() {
    const { requests, s3 } = yield* bucket()
    const briefly = (last: string, count: number) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        yield* Scope.provide(open(s3), scope)
        const before = requests.length
        yield* TestClock.adjust(look)
        yield* until("its last request", () => requests.slice(before).filter((one) => one === last).length === count)
        yield* realTurn
        yield* Scope.close(scope, Exit.void)
        yield* TestClock.adjust(hour)
      })
    yield* briefly("PUT r/turn", 2)
    for (let i = 0; i < 3; i++) yield* briefly("GET r/turn", 1)
    expect(requests).toEqual([
      "GET r/turn",
      "PUT r/turn",
      "LIST x/",
      "PUT r/turn",
      "GET r/turn",
      "GET r/turn",
      "GET r/turn"
    ])
    yield* TestClock.adjust(day)
    yield* briefly("PUT r/turn", 2)
    expect(requests.filter((one) => one === "LIST x/")).toHaveLength(2)
  })

  test("is deleted only as it was listed: what is written meanwhile stays", function*() {
    const { requests, s3 } = yield* bucket()
    const store = yield* open(s3)
    yield* singly(store).set("again", living(1, 500, minute))
    yield* store.increment("over", 1, { expiresAt: minute })
    yield* cleanedUp(requests)
    s3.after = ({ method, target }) => {
      const again = Array.from(s3.objects.keys()).find((name) => name.endsWith("/again"))!
      const name = target.includes("list-type") ? again : target.replace("/cache/", "")
      const found = name.includes("/r/") || method === "DELETE" ? undefined : s3.objects.get(name)
      if (found !== undefined) s3.objects.set(name, { ...found, etag: `"another than ${found.etag.slice(1)}` })
      return undefined
    }
    yield* almostADay
    yield* cleanedUp(requests)
    expect(requests.filter((one) => one.startsWith("DELETE"))).toEqual(["DELETE e/again", "DELETE c/over"])
    expect(namesIn(s3)).toEqual(["c/over", "e/again", "r/turn"])
  })
})

describe("a clean-up", () => {
  test("is made by one process at a time, whose turn ends if it was killed", function*() {
    const { requests, s3 } = yield* bucket()
    // A process hangs in the middle of a clean-up, as if it were stopped.
    const plain = clientOf(s3)
    let [isStopping, stopped] = [false, 0]
    const client = HttpClient.make((request, url) =>
      isStopping && url.search.includes("list-type") && stopped++ === 0 ? Effect.never : plain.execute(request)
    )
    const [one] = yield* Effect.all(Array.from({ length: 2 }, () => patient(client)))
    yield* singly(one!).set("short", living(1, 500, minute))
    yield* cleanedUp(requests)
    yield* almostADay
    isStopping = true
    requests.length = 0
    yield* TestClock.adjust(look)
    yield* until("a clean-up", () => stopped === 1)
    for (let i = 0; i < 50; i++) yield* realTurn
    // Both may have read the turn before one of them wrote it, but only one lists the bucket.
    expect([stopped, new Set(requests)]).toEqual([1, new Set(["GET r/turn", "PUT r/turn"])])
    // Half a minute later its turn is over.
    expect(turnMillis).toBeLessThan(look)
    yield* cleanedUp(requests)
    expect(namesIn(s3, "e/")).toEqual([])
  })

  test("leaves the latest versions of tags, and removes some of the oldest", function*() {
    const { requests, s3 } = yield* bucket()
    const store = yield* open(s3)
    yield* store.invalidateTags(["tag"])
    const { body } = s3.objects.get("x/t/tag")!
    const excess = 40
    const count = markersKept + excess - 1
    for (let i = 0; i < count; i++) s3.objects.set(`x/t/${i}`, { body, etag: `"${i}"`, at: i - 3 * hour })
    yield* cleanedUp(requests)
    const left = new Set(namesIn(s3, "t/"))
    expect(left.size).toBe(markersKept)
    for (let i = 0; i < excess; i++) expect(left.has(`t/${i}`)).toBe(false)
  })
})

describe("an era", () => {
  test("ends with one write: nothing of it is found by any process, and the next clean-up of any removes it", function*() {
    const { requests, s3 } = yield* bucket()
    const [a, b] = [yield* open(s3), yield* open(s3)]
    for (let i = 0; i < 20; i++) yield* singly(a).set(`${i}`, entry(i, 500))
    yield* a.increment("n", 5)
    const acquired = yield* singly(b).acquire("load", asking("b"))
    const puts: Array<string> = []
    s3.before = ({ method, target }) => {
      if (method !== "GET") puts.push(`${method} ${target}`)
      return undefined
    }
    yield* a.clear
    expect(puts).toEqual(["PUT /cache/x/r/era"])
    expect((yield* b.get("3", [])).entry).toBeUndefined()
    expect([yield* b.size, yield* b.counter("n")]).toEqual([0, undefined])
    expect(acquired._tag === "Granted" && (yield* singly(b).commit("load", acquired.generation, entry(1, 500)))).toBe(
      false
    )
    expect(yield* singly(b).remove("3")).toBe(false)
    expect([yield* b.increment("n", 1), yield* a.increment("n", 1)]).toEqual([1, 2])
    yield* singly(b).set("3", entry(3, 500))
    s3.before = ({ target }) => {
      if (!/\/probe\/|\/r\/era$/.test(target)) requests.push("")
      return undefined
    }
    expect((yield* a.get("3", [])).entry).toEqual(entry(3, 500))
    expect(namesIn(s3, "e/")).toHaveLength(22)
    yield* TestClock.adjust(look)
    yield* until("its end", () => namesIn(s3).length === 3)
    yield* until("the end of the turn", () => namesIn(s3, "r/").length === 1)
    expect(namesIn(s3)).toEqual(["c/n", "e/3", "r/turn"])
  })

  test("that begins during a clean-up loses nothing", function*() {
    const { requests, s3 } = yield* bucket()
    const plain = clientOf(s3)
    let cleared: Effect.Effect<unknown, unknown> | undefined
    const waiting = HttpClient.make((request, url) => {
      if (!url.search.includes("list-type") || cleared === undefined) return plain.execute(request)
      const first = Effect.ignore(cleared)
      cleared = undefined
      return Effect.andThen(first, plain.execute(request))
    })
    const a = yield* openOver(waiting, { tagStaleness: "1 hour" })
    yield* singly(a).set("old", entry(1, 500))
    // The other process opens when the turn is taken, so it never cleans up.
    cleared = Effect.flatMap(
      open(s3),
      (b) => Effect.andThen(b.clear, Effect.andThen(b.increment("n", 1), singly(b).set("new", entry(2, 500))))
    ).pipe(
      Effect.provideService(Scope.Scope, yield* Effect.scope)
    )
    yield* cleanedUp(requests)
    expect(namesIn(s3)).toEqual(["c/n", "e/new", "r/turn"])
  })

  test("that is missing, as a rule of the bucket may remove it, is a new one, and so is a version of a tag", function*() {
    const { s3 } = yield* bucket()
    const [a, b] = [yield* open(s3), yield* open(s3)]
    const { markers } = yield* a.markers(["tag"])
    yield* singly(a).set("id", entry(1, 500, { tags: [{ tag: "tag", ...markers[0]! }] as never }))
    yield* singly(a).set("cleared", entry(2, 500))
    const former = new Map(s3.objects)
    yield* a.clear
    for (const name of ["x/r/era", "x/t/tag"]) {
      s3.objects.delete(name)
      expect((yield* b.get("cleared", [])).entry).toBeUndefined()
      yield* singly(b).set("later", entry(3, 500))
      expect((yield* a.get("cleared", [])).entry).toBeUndefined()
      expect((yield* a.get("later", [])).entry).toEqual(entry(3, 500))
    }
    expect((yield* b.get("id", ["tag"])).versions).toEqual([undefined])
    expect((yield* b.markers(["tag"])).markers[0]!.version).not.toBe(markers[0]!.version)
    // The objects of former eras are still there.
    for (const name of former.keys()) if (name.includes("/e/")) expect(s3.objects.has(name)).toBe(true)
  })

  test("is trusted as long as the version of a tag", function*() {
    const { s3 } = yield* bucket()
    const [a, b] = [yield* open(s3), yield* open(s3, { tagStaleness: "5 seconds" })]
    yield* singly(a).set("id", entry(1, 500))
    const asked: Array<string> = []
    s3.before = ({ target }) => void asked.push(target.slice(target.lastIndexOf("/") + 1)) as undefined
    for (let i = 0; i < 3; i++) expect((yield* b.get("id", [])).entry).toBeDefined()
    expect(asked).toEqual(["era", "id", "id", "id"])
    yield* a.clear
    expect((yield* b.get("id", [])).entry).toBeDefined()
    yield* TestClock.adjust("5 seconds")
    expect((yield* b.get("id", [])).entry).toBeUndefined()
    // In the process that clears, it ends at once.
    yield* singly(b).set("id", entry(2, 500))
    yield* b.clear
    expect((yield* b.get("id", [])).entry).toBeUndefined()
  })

  test("that another process began is the one of all changes at once, so none of them is lost", function*() {
    const { s3 } = yield* bucket()
    const b = yield* open(s3)
    const get = (id: string) => Effect.map(b.get(id, []), ({ entry }) => entry)
    /** Changes something by a process that trusts a former era. */
    const trusting = <A>(change: (a: Store.Store, generation: string) => Effect.Effect<A, unknown>) =>
      Effect.gen(function*() {
        const a = yield* open(s3, { tagStaleness: "1 hour" })
        yield* singly(b).set("former", entry(1, 500))
        const acquired = yield* singly(a).acquire("load", asking("a"))
        yield* b.clear
        yield* singly(b).set("id", entry(2, 500))
        yield* b.increment("n", 1)
        yield* singly(b).acquire("led", asking("b"))
        expect((yield* a.get("former", [])).entry).toBeDefined()
        return yield* change(a, acquired._tag === "Granted" ? acquired.generation : "")
      })
    const done = [
      yield* trusting((a) => Effect.flatMap(singly(a).remove("id"), () => get("id"))),
      yield* trusting((a) => Effect.flatMap(singly(a).set("set", entry(3, 500)), () => get("set"))),
      yield* trusting((a) => Effect.flatMap(singly(a).set("id", entry(3, 500), { _tag: "IfAbsent" }), () => get("id"))),
      yield* trusting((a, generation) => singly(a).commit("load", generation, entry(3, 500))),
      yield* trusting((a) => Effect.map(singly(a).acquire("led", asking("a")), ({ _tag }) => _tag)),
      yield* trusting((a) => Effect.flatMap(a.increment("n", 1), () => b.counter("n"))),
      yield* trusting((a) => Effect.flatMap(a.removeCounter("n"), () => b.counter("n")))
    ]
    expect(done).toEqual([
      undefined,
      entry(3, 500),
      entry(2, 500),
      false,
      "Wait",
      { value: 2, expiresAt: Infinity },
      undefined
    ])
  })

  test("of a bucket that ignores conditions ends with one write too, also for the next process", function*() {
    const { requests, s3 } = yield* bucket({ conditions: "ignored" })
    const scope = yield* Scope.make()
    const store = yield* Scope.provide(open(s3), scope)
    for (let i = 0; i < 20; i++) yield* singly(store).set(`${i}`, entry(i, 500))
    requests.length = 0
    yield* store.clear
    expect(requests).toEqual([])
    expect([(yield* store.get("3", [])).entry, yield* store.size]).toEqual([undefined, 0])
    yield* singly(store).set("3", entry(4, 500))
    yield* Scope.close(scope, Exit.void)
    const next = yield* open(s3)
    expect([(yield* next.get("3", [])).entry, (yield* next.get("4", [])).entry]).toEqual([entry(4, 500), undefined])
    s3.objects.delete("x/r/era")
    const last = yield* open(s3)
    expect((yield* last.get("3", [])).entry).toBeUndefined()
    yield* singly(last).set("5", entry(5, 500))
    expect(yield* last.size).toBe(1)
  })

  test("and expiry of a bucket that ignores conditions leave nothing behind after a day", function*() {
    const { requests, s3 } = yield* bucket({ conditions: "ignored", deletions: "ignored" })
    const store = yield* open(s3)
    yield* singly(store).set("former", entry(1, 500))
    yield* store.clear
    yield* singly(store).set("short", living(1, 500, minute))
    yield* singly(store).set("endless", entry(3, 500))
    yield* cleanedUp(requests)
    yield* almostADay
    yield* cleanedUp(requests)
    expect(namesIn(s3, "e/")).toEqual(["e/endless"])
  })
})

describe("other servers, troubles and bad input", () => {
  test("servers that know no conditions of deletions: entries go, and counters stay", function*() {
    for (const deletions of ["ignored", "refused"] as const) {
      const { requests, s3 } = yield* bucket({ deletions })
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(open(s3), scope)
      expect(store.capabilities.shared).toBe(true)
      const expiresAt = s3.now() + minute
      yield* singly(store).set("short", entry(1, 500, { expiresAt }))
      yield* store.increment("over", 1, { expiresAt })
      yield* cleanedUp(requests)
      yield* almostADay
      yield* cleanedUp(requests)
      yield* Scope.close(scope, Exit.void)
      expect(namesIn(s3)).toEqual(["c/over", "r/turn"])
    }
  })

  test("a clean-up that fails gives its turn back, and a later one does its work", function*() {
    const { requests, s3 } = yield* bucket()
    const store = yield* open(s3)
    const { before } = s3
    yield* singly(store).set("short", living(1, 500, minute))
    yield* cleanedUp(requests)
    for (const wrong of [{ status: 200, body: "<html>" }, refuse(403, "AccessDenied"), refuse(501, "")]) {
      s3.before = (asked) => before(asked) ?? (asked.target.includes("list-type") ? wrong : undefined)
      yield* almostADay
      yield* cleanedUp(requests)
      expect(namesIn(s3, "e/")).toEqual(["e/short"])
    }
    s3.before = before
    yield* almostADay
    yield* cleanedUp(requests)
    expect(namesIn(s3, "e/")).toEqual([])
  })

  test("a defect does not end the clean-up for ever", function*() {
    const { requests, s3 } = yield* bucket()
    const plain = clientOf(s3)
    let isBroken = false
    const client = HttpClient.make((request, url) =>
      isBroken && url.search.includes("list-type") ? Effect.die("a defect of the client") : plain.execute(request)
    )
    const store = yield* openOver(client)
    yield* singly(store).set("short", living(1, 500, minute))
    yield* cleanedUp(requests)
    for (isBroken of [true, false]) {
      yield* almostADay
      yield* cleanedUp(requests)
      expect(namesIn(s3, "e/")).toEqual(isBroken ? ["e/short"] : [])
    }
  })

  test("a turn or an era that is damaged is no obstacle", function*() {
    const { requests, s3 } = yield* bucket()
    const store = yield* open(s3)
    const good = Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4)
    let n = 0
    for (const body of Array.from(hostileBytes(good)).slice(0, 20)) {
      s3.objects.set("x/r/turn", { body, etag: `"turn ${n}"`, at: -2 * day })
      yield* singly(store).set(`former ${n}`, entry(n, 500))
      s3.objects.set("x/r/era", { body, etag: `"era ${n}"`, at: 0 })
      yield* singly(store).set(`${n}`, entry(n, 500))
      expect((yield* store.get(`former ${n}`, [])).entry).toBeUndefined()
      yield* cleanedUp(requests)
      yield* almostADay
      expect(namesIn(s3, "e/")).toEqual([`e/${n++}`])
    }
  })

  test("a list without sizes, times or ETags removes nothing", function*() {
    const { requests, s3 } = yield* bucket()
    const { handle } = s3
    const bare = {
      ...s3,
      handle: (asked: Asked) => {
        const given = handle(asked)
        return typeof given.body === "string"
          ? { ...given, body: given.body.replace(/<(Size|ETag|LastModified)>[^<]*<\/\1>/g, "") }
          : given
      }
    }
    const store = yield* openOver(clientOf(bare))
    for (let i = 0; i < 4; i++) yield* singly(store).set(`${i}`, living(i, 500, minute))
    yield* cleanedUp(requests)
    yield* almostADay
    yield* cleanedUp(requests)
    expect(namesIn(s3, "e/")).toHaveLength(4)
  })

  it("a maxSize is no option of a bucket", () => {
    expect(() => open(make(), { maxSize: "1 GB" } as object)).toThrow("maxSize")
  })

  it("sizes tell lives, rounded up by less than a fifth", () => {
    for (const size of [0, 1, 127, 128, 5000]) {
      expect(lifeOfSize(sizeFor(Infinity, size))).toBe(Infinity)
      expect(lifeOfSize(sizeFor(0, size))).toBe(0)
      for (let life = 1; life < 1e14; life = life * 1.07 + 1) {
        const told = sizeFor(life, size)
        expect(told - size).toBeLessThan(128)
        expect(told).toBeGreaterThanOrEqual(size)
        expect(lifeOfSize(told)).toBeGreaterThanOrEqual(life * 0.999999)
        if (life > minute) expect(lifeOfSize(told) / life).toBeLessThan(1.2)
        else expect(lifeOfSize(told)).toBe(minute)
      }
    }
    expect(lifeOfSize(NaN)).toBe(Infinity)
  })

  testIn(TestClock.layer()).live(
    "many entries are removed with a few requests in each turn of the event loop",
    function*() {
      const { requests, s3 } = yield* bucket()
      const { most, note } = yield* turns
      const plain = clientOf(s3)
      // A network answers in a later turn.
      const later = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      const client = HttpClient.make((request) => Effect.andThen(later, Effect.andThen(note, plain.execute(request))))
      const store = yield* openOver(client)
      yield* singly(store).set("template", entry(1, 200))
      const [name, { body }] = Array.from(s3.objects).find(([name]) => name.includes("/e/"))!
      for (let i = 0; i < 5000; i++) {
        s3.objects.set(name.replace("template", String(i)), { body, etag: `"${i}"`, at: 0 })
      }
      yield* store.clear
      yield* singly(store).set("kept", entry(2, 200))
      yield* TestClock.adjust(look)
      yield* until("a clean-up", () => s3.objects.size <= 3)
      yield* until("its end", () => requests.filter((one) => one === "PUT r/turn").length === 2)
      expect(most()).toBeLessThanOrEqual(2 * oldest.concurrency)
      expect((yield* store.get("kept", [])).entry).toBeDefined()
    }
  )
})
