/** Clean-ups of buckets: what is removed, by whom, what that costs, and what it leaves alone. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Redacted, Scope } from "effect"
import type { CacheError, Store } from "effect-cached"
import { ObjectStore } from "effect-cached/objects"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { nameOf } from "../../../src/drivers/objects/bucket/names.ts"
import { lifeOfSize, sizeFor } from "../../../src/drivers/objects/store/life.ts"
import { oldest, uses } from "../../../src/internal/defaults/objects.ts"
import { pauseMillis, tidyMillis, turnMillis } from "../../../src/internal/defaults/room.ts"
import { hostileBytes } from "../../support/fuzz.ts"
import { type Asked, clientOf, key, make, refuse, type S3 } from "../../support/s3.ts"
import { entry } from "../../support/stored.ts"
import { turns } from "../../support/turns.ts"

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const openOver = (client: HttpClient.HttpClient, more: Partial<ObjectStore.Options> = {}) =>
  ObjectStore.make({
    bucket: "cache",
    endpoint: "http://s3.test",
    accessKeyId: key.accessKeyId,
    secretAccessKey: Redacted.make(key.secret),
    prefix: "x",
    ...more
  }).pipe(Effect.provideService(HttpClient.HttpClient, client))

const open = (s3: S3, more?: Partial<ObjectStore.Options>) => openOver(clientOf(s3), more)

/** A bucket whose server has the time of the test. */
const bucket = (more: Partial<S3> = {}) =>
  Effect.map(Clock.Clock, (clock) => {
    const s3 = Object.assign(make(), { now: () => clock.currentTimeMillisUnsafe(), ...more })
    const requests: Array<string> = []
    const before = s3.before
    s3.before = (asked) => {
      if (!asked.target.includes("/probe/")) requests.push(show(asked))
      return before(asked)
    }
    return { s3, requests }
  })

const show = ({ method, target }: Asked): string =>
  target.includes("list-type")
    ? `LIST ${new URL(target, "http://s3.test").searchParams.get("prefix")}`
    : `${method} ${target.replace("/cache/x/", "").replace(/told-.*/, "told")}`

const namesIn = ({ objects }: S3, kind = ""): ReadonlyArray<string> =>
  Array.from(objects.keys(), (name) => name.slice("x/".length)).filter((name) => name.startsWith(kind)).sort()

/** Entries that are there. An emptied object is smaller than any entry. */
const entriesIn = (s3: S3): ReadonlyArray<string> =>
  namesIn(s3, "e/").filter((name) => s3.objects.get(`x/${name}`)!.body.length > 200).map((name) => name.slice(2))

const sizeIn = (s3: S3): number => entriesIn(s3).reduce((sum, id) => sum + s3.objects.get(`x/e/${id}`)!.body.length, 0)

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

/** Lets a clean-up begin, by default one that is due to writes, and waits for its end. */
const cleanedUp = (requests: ReadonlyArray<string>, passing = pauseMillis) =>
  Effect.gen(function*() {
    const ends = requests.filter((one) => one === "PUT r/turn").length
    yield* TestClock.adjust(passing)
    yield* until("a clean-up", () => requests.filter((one) => one === "PUT r/turn").length === ends + 2)
    yield* realTurn
  })

/** Lets the time pass until the last look before the next daily clean-up. */
const almostADay = Effect.repeat(TestClock.adjust(look), { times: Math.floor(day / look) - 1 })

const asking = (owner: string, rejectedWriteId?: string) => ({ owner, leaseMillis: 2000, rejectedWriteId, join: false })

describe("what has expired", () => {
  it.effect("goes once a day, and what lives stays", () =>
    Effect.gen(function*() {
      const { requests, s3 } = yield* bucket({ pageSize: 3 })
      const store = yield* open(s3)
      yield* store.set("short", living(1, 500, minute))
      yield* store.set("long", living(2, 500, 2 * day))
      yield* store.set("endless", entry(3, 500))
      yield* store.set("removed", entry(4, 500))
      yield* store.remove("removed")
      yield* store.increment("over", 1, { expiresAt: minute })
      yield* store.increment("counting", 1)
      yield* store.invalidateTags(["tag"])
      expect((yield* store.acquire("leased", asking("me")))._tag).toBe("Granted")
      // Nothing is so old that no late write could arrive.
      yield* cleanedUp(requests, look)
      expect(namesIn(s3).filter((name) => !name.startsWith("r/"))).toHaveLength(8)
      requests.length = 0
      yield* almostADay
      expect(requests).toEqual([])
      yield* cleanedUp(requests, look)
      expect(namesIn(s3)).toEqual(["c/counting", "e/endless", "e/long", "r/turn", "t/tag"])
      // A turn is taken and given back; a list has three objects a page; deletions are free at Amazon.
      expect(requests.filter((one) => !one.startsWith("DELETE"))).toEqual([
        "GET r/turn",
        "PUT r/turn",
        "LIST x/",
        "GET c/over",
        "LIST x/",
        "LIST x/",
        "PUT r/turn"
      ])
      expect(requests.filter((one) => one.startsWith("DELETE"))).toHaveLength(4)
    }))

  it.effect("is looked for by one process a day, also if each lives for a short time only", () =>
    Effect.gen(function*() {
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
    }))

  it.effect("is deleted only as it was listed: what is written meanwhile stays", () =>
    Effect.gen(function*() {
      const { requests, s3 } = yield* bucket()
      const store = yield* open(s3)
      yield* store.set("again", living(1, 500, minute))
      yield* store.increment("over", 1, { expiresAt: minute })
      yield* cleanedUp(requests, look)
      s3.after = ({ method, target }) => {
        const name = target.includes("list-type") ? "x/e/again" : target.replace("/cache/", "")
        const found = name.includes("/r/") || method === "DELETE" ? undefined : s3.objects.get(name)
        if (found !== undefined) s3.objects.set(name, { ...found, etag: `"another than ${found.etag.slice(1)}` })
        return undefined
      }
      yield* almostADay
      yield* cleanedUp(requests, look)
      expect(requests.filter((one) => one.startsWith("DELETE"))).toEqual(["DELETE e/again", "DELETE c/over"])
      expect(namesIn(s3)).toEqual(["c/over", "e/again", "r/turn"])
    }))
})

describe("PE-12 · a bucket with a maxSize", () => {
  it.effect("keeps the entries that were read lately, and removes the others, by content", () =>
    Effect.gen(function*() {
      const { requests, s3 } = yield* bucket()
      const store = yield* open(s3, { maxSize: 100_000 })
      for (let i = 0; i < 8; i++) {
        yield* store.set(`old${i}`, living(i, 10_000, day))
        yield* TestClock.adjust(1)
      }
      yield* cleanedUp(requests)
      yield* TestClock.adjust(4 * hour)
      expect((yield* store.get("old0", [])).entry).toBeDefined()
      expect((yield* store.get("old3", [])).entry).toBeDefined()
      yield* TestClock.adjust(uses.tellMillis)
      yield* until("a note", () => namesIn(s3, "r/told").length === 1)
      for (let i = 0; i < 5; i++) yield* store.set(`new${i}`, living(i, 10_000, day))
      yield* cleanedUp(requests)
      // Above the limit, it removes until a sixteenth is free.
      expect(entriesIn(s3)).toEqual(["new0", "new1", "new2", "new3", "new4", "old0", "old3", "old6", "old7"])
      // The notes of uses are in one object now.
      expect(namesIn(s3, "r/")).toEqual(["r/turn", "r/uses"])
      yield* store.set("last", living(1, 20_000, day, 5 * hour))
      yield* cleanedUp(requests)
      expect(entriesIn(s3)).toContain("old0")
      expect(sizeIn(s3)).toBeLessThan(100_000)
    }))

  it.effect("costs one write for all uses of five minutes, at most one an entry and tenth of its life", () =>
    Effect.gen(function*() {
      const { s3 } = yield* bucket()
      const bounded = yield* open(s3, { maxSize: 1_000_000 })
      for (let i = 0; i < 20; i++) yield* bounded.set(`${i}`, living(i, 500, 10 * hour))
      const told = () => namesIn(s3, "r/told").map((name) => s3.objects.get(`x/${name}`)!.body.length / 4)
      const readAll = Effect.forEach(Array.from({ length: 20 }, (_, i) => `${i}`), (id) => bounded.get(id, []))
      yield* TestClock.adjust(hour / 2)
      yield* readAll
      yield* TestClock.adjust(uses.tellMillis)
      yield* TestClock.adjust(hour / 2)
      yield* readAll
      yield* readAll
      yield* TestClock.adjust(uses.tellMillis)
      yield* until("a note", () => told().length > 0)
      yield* TestClock.adjust(hour / 2)
      yield* readAll
      yield* TestClock.adjust(hour / 2 + minute)
      yield* readAll
      yield* TestClock.adjust(uses.tellMillis)
      const free = yield* open(s3)
      yield* TestClock.adjust(2 * hour)
      yield* free.get("1", [])
      yield* TestClock.adjust(uses.tellMillis)
      yield* bounded.get("1", [])
      yield* TestClock.adjust(uses.tellMillis)
      // Notes are written one after the other: this is the last one.
      yield* until("the last note", () => told().includes(1))
      expect(told().toSorted((a, b) => b - a)).toEqual([20, 20, 1])
    }))

  it.effect("writes no use of an entry again within a tenth of its life", () =>
    Effect.gen(function*() {
      const { s3 } = yield* bucket()
      const scope = yield* Scope.make()
      const bounded = yield* Scope.provide(open(s3, { maxSize: 1_000_000 }), scope)
      yield* bounded.set("id", living(1, 500, 10 * hour))
      yield* TestClock.adjust(2 * hour)
      yield* bounded.get("id", [])
      yield* TestClock.adjust(uses.tellMillis)
      const told = () => namesIn(s3, "r/told").length
      yield* until("a note", () => told() === 1)
      yield* TestClock.adjust(hour / 2)
      yield* bounded.get("id", [])
      // As it closes, it writes all uses that it has noted.
      yield* Scope.close(scope, Exit.void)
      expect(told()).toBe(1)
    }))

  it.effect("writes uses as it closes: otherwise those of programs that end soon would never count", () =>
    Effect.gen(function*() {
      const { s3 } = yield* bucket()
      const using = (use: (store: Store.Store) => Effect.Effect<unknown, CacheError.StoreError>) =>
        Effect.scoped(Effect.flatMap(open(s3, { maxSize: 1_000_000 }), use))
      yield* using((store) => store.set("id", living(1, 500, hour)))
      yield* TestClock.adjust(hour / 2)
      yield* using((store) => store.get("id", []))
      expect(namesIn(s3, "r/told")).toHaveLength(1)
      // A server that does not answer delays no end.
      yield* TestClock.adjust(hour / 4)
      const scope = yield* Scope.make()
      const silent = clientOf(s3)
      let isSilent = false
      const client = HttpClient.make((request) => isSilent ? Effect.never : silent.execute(request))
      const store = yield* Scope.provide(openOver(client, { maxSize: 1_000_000 }), scope)
      yield* store.get("id", [])
      isSilent = true
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* realTurn
      yield* TestClock.adjust(uses.closeMillis)
      yield* Fiber.join(closing)
    }))

  it.effect("is cleaned up by one process at a time, whose turn ends if it was killed", () =>
    Effect.gen(function*() {
      const { requests, s3 } = yield* bucket()
      // The first process hangs in the middle of its clean-up, as if it were stopped.
      const plain = clientOf(s3)
      const client = HttpClient.make((request, url) =>
        url.search.includes("list-type") ? Effect.never : plain.execute(request)
      )
      const stopped = yield* openOver(client, { maxSize: 100_000, requestTimeout: "1 hour" })
      yield* stopped.set("stopped", entry(1, 10_000))
      yield* TestClock.adjust(pauseMillis)
      yield* until("a turn", () => requests.includes("PUT r/turn"))
      const other = yield* open(s3, { maxSize: 100_000 })
      for (let i = 0; i < 20; i++) yield* other.set(`${i}`, entry(i, 10_000))
      requests.length = 0
      yield* TestClock.adjust(pauseMillis)
      yield* until("a look", () => requests.length > 0)
      yield* realTurn
      expect(requests).toEqual(["GET r/turn"])
      // Half a minute later its turn is over.
      yield* TestClock.adjust(turnMillis)
      yield* other.set("20", entry(20, 10_000))
      yield* cleanedUp(requests)
      expect(sizeIn(s3)).toBeLessThan(100_000)
    }))

  it.effect("leaves an emptied object in place of a young one: what arrives late is refused", () =>
    Effect.gen(function*() {
      const { requests, s3 } = yield* bucket()
      const { handle } = s3
      const late: Array<() => number> = []
      const delaying = {
        ...s3,
        handle: (asked: Asked) => {
          if (asked.method !== "PUT" || !asked.target.endsWith("/e/id") || late.length > 0) return handle(asked)
          late.push(() => handle(asked).status)
          return refuse(403, "AccessDenied")
        }
      }
      const [slow, store] = [yield* openOver(clientOf(delaying)), yield* open(s3, { maxSize: 10_000 })]
      yield* Effect.flip(slow.set("id", entry(1, 500)))
      yield* store.set("id", entry(2, 1000))
      yield* TestClock.adjust(1)
      yield* store.set("large", entry(3, 9000))
      yield* cleanedUp(requests)
      expect(entriesIn(s3)).toEqual(["large"])
      expect(late[0]!()).toBe(412)
      expect(yield* store.get("id", [])).toEqual({ entry: undefined, versions: [] })
      // It serves a next load, and no listing shows it.
      expect(yield* store.size).toBe(1)
      expect((yield* store.acquire("id", asking("me")))._tag).toBe("Granted")
      expect(yield* store.release("id", "me")).toBe(true)
      yield* TestClock.adjust(2 * hour)
      yield* store.set("next", entry(4, 9000))
      yield* cleanedUp(requests)
      expect(namesIn(s3, "e/")).toEqual(["e/next"])
    }))

  it.effect("counts what all processes have written, and leaves an entry that is written meanwhile", () =>
    Effect.gen(function*() {
      const { requests, s3 } = yield* bucket()
      const store = yield* open(s3, { maxSize: 10_000 })
      for (let i = 0; i < 4; i++) {
        yield* store.set(`${i}`, entry(i, 3000))
        yield* TestClock.adjust(1)
      }
      let isWritten = false
      s3.after = ({ target }) => {
        if (!target.includes("list-type") || target.includes("told") || isWritten) return undefined
        isWritten = true
        const old = s3.objects.get("x/e/0")!
        s3.objects.set("x/e/0", { ...old, etag: "\"another\"" })
        return undefined
      }
      yield* cleanedUp(requests)
      expect(entriesIn(s3)).toContain("0")
      expect(entriesIn(s3)).not.toContain("1")
    }))

  it.effect(
    "removes more than a clean-up remembers, in the order of use, some at a time",
    () =>
      Effect.gen(function*() {
        const { requests, s3 } = yield* bucket()
        const store = yield* open(s3, { maxSize: 1_000_000 })
        yield* store.set("template", entry(1, 200))
        const { body } = s3.objects.get("x/e/template")!
        const count = 3 * oldest.known
        for (let i = 0; i < count; i++) s3.objects.set(`x/e/${i}`, { body, etag: `"${i}"`, at: i + 1 })
        yield* TestClock.adjust(2 * hour)
        yield* store.set("trigger", entry(2, 100_000))
        for (let i = 0; i < 400 && s3.objects.size * body.length > 900_000; i++) {
          yield* TestClock.adjust(100)
          yield* Effect.repeat(realTurn, { times: 50 })
        }
        yield* until("its end", () => requests.at(-1) === "PUT r/turn")
        const left = namesIn(s3, "e/").map((name) => Number(name.slice(2))).filter((i) => i >= 0).sort((a, b) => a - b)
        expect(left.length).toBeGreaterThan(1000)
        expect(left.length * body.length).toBeLessThan(1_000_000)
        // The oldest went first.
        expect(left[0]).toBe(count - left.length)
        expect((yield* store.get("trigger", [])).entry).toBeDefined()
      }),
    120_000
  )
})

describe("other servers, troubles and bad input", () => {
  it.effect("servers that know no conditions of deletions: entries go, and counters stay", () =>
    Effect.gen(function*() {
      for (const deletions of ["ignored", "refused"] as const) {
        const { requests, s3 } = yield* bucket({ deletions })
        const scope = yield* Scope.make()
        const store = yield* Scope.provide(open(s3), scope)
        expect(store.capabilities.shared).toBe(true)
        const expiresAt = s3.now() + minute
        yield* store.set("short", entry(1, 500, { expiresAt }))
        yield* store.increment("over", 1, { expiresAt })
        yield* cleanedUp(requests, look)
        yield* almostADay
        yield* cleanedUp(requests, look)
        yield* Scope.close(scope, Exit.void)
        expect(namesIn(s3)).toEqual(["c/over", "r/turn"])
      }
    }))

  it.effect("a clean-up that fails gives its turn back, and the next one does its work", () =>
    Effect.gen(function*() {
      const { requests, s3 } = yield* bucket()
      const store = yield* open(s3, { maxSize: 10_000 })
      const { before } = s3
      for (const wrong of [{ status: 200, body: "<html>" }, refuse(403, "AccessDenied"), refuse(501, "")]) {
        s3.before = (asked) =>
          before(asked) ?? (asked.target.includes("list-type") && !asked.target.includes("told") ? wrong : undefined)
        for (let i = 0; i < 4; i++) yield* store.set(`${i}`, entry(i, 3000))
        yield* cleanedUp(requests)
        expect(entriesIn(s3)).toHaveLength(4)
      }
      s3.before = before
      yield* store.set("5", entry(5, 3000))
      yield* cleanedUp(requests)
      expect(sizeIn(s3)).toBeLessThan(10_000)
    }))

  it.effect("what is damaged in the objects of clean-ups is no obstacle", () =>
    Effect.gen(function*() {
      const { requests, s3 } = yield* bucket()
      const store = yield* open(s3, { maxSize: 10_000 })
      const good = Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4)
      let n = 0
      for (const body of Array.from(hostileBytes(good)).slice(0, 20)) {
        s3.objects.set("x/r/turn", { body, etag: `"turn ${n}"`, at: 0 })
        s3.objects.set("x/r/uses", { body, etag: `"uses ${n}"`, at: 0 })
        s3.objects.set("x/r/told-1", { body, etag: `"told ${n++}"`, at: s3.now() })
        yield* store.set(`${n}`, entry(n, 9000))
        yield* cleanedUp(requests)
        expect(entriesIn(s3)).toEqual([`${n}`])
        yield* TestClock.adjust(1)
      }
    }))

  it.effect("a list without sizes, times or ETags removes nothing", () =>
    Effect.gen(function*() {
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
      const store = yield* openOver(clientOf(bare), { maxSize: 10_000 })
      for (let i = 0; i < 4; i++) yield* store.set(`${i}`, entry(i, 3000))
      yield* cleanedUp(requests)
      expect(entriesIn(s3)).toHaveLength(4)
    }))

  it.live("a bucket that ignores conditions takes no maxSize, and sizes are checked", () =>
    Effect.gen(function*() {
      for (const conditions of ["ignored", "refused"] as const) {
        const s3 = Object.assign(make(), { conditions })
        const error = yield* Effect.flip(open(s3, { maxSize: "1 GB" }))
        expect([error.reason, error.message]).toEqual(["Unsupported", expect.stringContaining("leave maxSize out")])
      }
      for (
        const [options, message] of [
          [{ maxSize: 0 }, "\"maxSize\" must be a size above zero"],
          [{ maxSize: "much" }, "\"maxSize\" must be a size above zero"],
          [{ maxSize: "1 MB", maxValue: "2 MB" }, "\"maxValue\" must be at most \"maxSize\""]
        ] as const
      ) {
        const exit = yield* Effect.exit(Effect.suspend(() => open(make(), options as object)))
        expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toContain(message)
      }
      const small = yield* open(make(), { maxSize: 1000 })
      expect((yield* Effect.flip(small.set("id", entry(1, 1001)))).reason).toBe("TooLarge")
    }))

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
    expect(nameOf("r", "turn")).toBe("r/turn")
  })

  it.live("many entries are removed with a few requests in each turn of the event loop", () =>
    Effect.gen(function*() {
      const s3 = make()
      const { most, note } = yield* turns
      const plain = clientOf(s3)
      // A network answers in a later turn.
      const later = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      const client = HttpClient.make((request) => Effect.andThen(later, Effect.andThen(note, plain.execute(request))))
      const store = yield* openOver(client, { maxSize: 1_000_000 })
      yield* store.set("template", entry(1, 200))
      const { body } = s3.objects.get("x/e/template")!
      for (let i = 0; i < 20_000; i++) s3.objects.set(`x/e/${i}`, { body, etag: `"${i}"`, at: i + 1 })
      yield* store.set("trigger", entry(2, 100_000))
      while (s3.objects.size * body.length > 1_000_000) yield* Effect.sleep(20)
      expect(most()).toBeLessThanOrEqual(2 * oldest.concurrency)
      expect((yield* store.get("trigger", [])).entry).toBeDefined()
    }), 120_000)
})
