/**
 * Random programs: users that read, write, purge and leave, at an origin that is slow, fails, redirects and cuts bodies
 * short. Whatever happens, no read that starts after a write sees what was there before, no user sees the answer to
 * another, no URL has the answer of another, no body is served in part, and none fails because a reader has left. In an
 * outage, all get what is stored.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import type { HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { sized } from "../support/everything.ts"
import { randomOf } from "../support/random.ts"
import { collect, originOf, privately, type Reply, shared } from "./origin.ts"

type Mode = "private" | "shared"

const urls = ["http://h.example/a", "http://h.example/b?c", "http://other.example/a"]
/** `@eve` sends her name in the URL. */
const users = ["ann", "bob", "@eve", ""]
const languages = ["de", "en"]

const choosing = (seed: number) => {
  const random = randomOf(seed)
  const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)]!
  const chance = (share: number) => random() < share
  const below = (most: number) => Math.floor(random() * most)
  return { pick, chance, below, pause: (most: number) => Effect.sleep(Duration.millis(below(most))) }
}
type Choosing = ReturnType<typeof choosing>

const headersOf = (user: string, language: string) => ({
  "accept-language": language,
  ...user === "" || user.startsWith("@") ? {} : { authorization: user }
})

const urlOf = (url: string, user: string) =>
  user.startsWith("@") ? url.replace("http://", `http://${user.slice(1)}@`) : url

/** The user, the language and the URL, as the origin sees them. */
const askedBy = ({ headers, url }: HttpClientRequest.HttpClientRequest) => {
  const { username } = new URL(url)
  const user = username === "" ? headers["authorization"] ?? "" : `@${username}`
  return { user, language: headers["accept-language"]!, at: url.replace(`${username}@`, "") }
}

/** A body whose eight parts arrive one after the other. It may be cut short, with an error or as if it had ended. */
const inParts = (body: string, cut?: { readonly at: number; readonly error: Error | undefined }) => {
  const size = Math.ceil(body.length / 8)
  let at = 0
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      for (let i = 0; i < 2; i++) await new Promise<void>((resolve) => setImmediate(resolve))
      if (at === cut?.at && cut.error !== undefined) controller.error(cut.error)
      else if (at === cut?.at || at * size >= body.length) controller.close()
      else controller.enqueue(new TextEncoder().encode(body.slice(at * size, ++at * size)))
    }
  })
}

const controls = ["max-age=1", "max-age=1", "max-age=1", "no-cache", "no-store", "max-age=0, stale-if-error=5"]
const fewerControls = ["max-age=1, stale-if-error=60", "max-age=0, stale-if-error=60"]

const passing = (millis: number) =>
  Effect.gen(function*() {
    for (let i = 0; i < millis; i += 10) {
      yield* TestClock.adjust("10 millis")
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    }
  })

/** A body that names itself, with an end. */
const bodyFor = ({ below }: Choosing, user: string, language: string, url: string, version: number) =>
  `${user}|${language}|${url}|${version}|${"x".repeat(below(3000))}|end`

const schedule = (seed: number, mode: Mode) =>
  Effect.gen(function*() {
    const { below, chance, pause, pick } = choosing(seed)
    const choices = { below, chance, pause, pick }
    const versions = new Map(urls.map((url) => [url, 1]))
    /** The responses whose bodies the origin has cut short. */
    const cut = new Set<string>()
    /** Until when the answers of an origin may be reused without asking, by URL, user and language. */
    const freshUntil = new Map<string, number>()
    let responses = 0

    const origin = originOf((request) =>
      Effect.gen(function*() {
        const { at, language, user } = askedBy(request)
        // The URL to which redirects lead that the client follows.
        const by = chance(0.15) ? pick(urls) : at
        const redirected = by === at ? {} : { url: by }
        if (request.method === "PUT") {
          for (const url of new Set([at, by])) versions.set(url, versions.get(url)! + 1)
          return yield* Effect.as(pause(50), { status: 204, ...redirected })
        }
        const version = versions.get(by)!
        const etag = `"${user}-${language}-${version}"`
        const control = by === at ? pick(controls) : "max-age=10"
        const permission = mode === "shared" && user === "" ? ", public" : ""
        const headers: Record<string, string> = {
          etag,
          "cache-control": control + permission,
          vary: "Accept-Language",
          "x-for": `${at} ${user} ${language}`
        }
        const run = `${++responses}`
        const isLarge = chance(0.05)
        const body = bodyFor(choices, user, language, by, version).padStart(isLarge ? 70_000 : 0, " ")
        const isCut = chance(0.15)
        if (isCut) cut.add(run)
        const shortened = isCut ? { at: below(8), error: isLarge ? undefined : new Error("cut") } : undefined
        const ofBody = { ...headers, "x-run": run, "content-length": String(body.length) }
        const reply: Reply = request.headers["if-none-match"]?.includes(etag) === true
          ? { status: 304, headers }
          : isLarge
          ? { body: inParts(body, shortened), headers: ofBody }
          : chance(0.5)
          ? { body, headers: ofBody }
          : { body: inParts(body, shortened), headers: { ...headers, "x-run": run } }
        yield* pause(200)
        if (chance(0.1)) return yield* Effect.fail("down" as const)
        if (chance(0.1)) return { status: 503 }
        const seconds = Number(/max-age=(\d+)/.exec(control)?.[1] ?? 0)
        const until = (yield* Clock.currentTimeMillis) + seconds * 1000
        const variant = headers["x-for"]!
        if (by === at) freshUntil.set(variant, Math.max(until, freshUntil.get(variant) ?? 0))
        return { ...reply, ...redirected }
      })
    )
    const client = yield* (mode === "private" ? privately : shared)(origin, {
      maxVariants: 3,
      tags: ({ url }) => [`at:${url}`]
    })

    const faults: Array<string> = []
    /** The version that the last completed write of a URL has made. */
    const written = new Map(urls.map((url) => [url, 1]))

    /** Reads the body at once, later, in part, or in part and then again. */
    const textIn = (response: HttpClientResponse.HttpClientResponse) =>
      Effect.gen(function*() {
        const way = below(10)
        if (way < 3) yield* pause(300)
        // A response that the cache only passes can be read as often as its client allows.
        if (way > 7 && !/hit|stored|collapsed/.test(response.headers["cache-status"]!)) return undefined
        if (way > 7) yield* Stream.runHead(response.stream)
        if (way === 9) return undefined
        return yield* collect(response)
      })

    const read = Effect.gen(function*() {
      const [url, user, language] = [pick(urls), pick(users), pick(languages)]
      const least = new Map(written)
      const headers = {
        ...headersOf(user, language),
        ...chance(0.2) ? { "cache-control": pick(["no-cache", "max-age=0", "max-stale=5", "only-if-cached"]) } : {}
      }
      if (chance(0.1)) return yield* Effect.ignore(client.head(urlOf(url, user), { headers }))
      const got = yield* Effect.exit(client.get(urlOf(url, user), { headers }))
      if (Exit.isFailure(got)) {
        if (Cause.hasDies(got.cause)) faults.push(Cause.pretty(got.cause))
        return
      }
      const response = got.value
      if (response.status !== 200) return
      const told = `${user} ${language} ${url}`
      const now = yield* Clock.currentTimeMillis
      const line = response.headers["cache-status"]!
      const until = freshUntil.get(response.headers["x-for"]!) ?? 0
      if (/; hit; ttl=\d/.test(line) && now >= until) faults.push(`stale, as if fresh: ${told}`)
      const reread = yield* Effect.exit(textIn(response))
      if (Exit.isFailure(reread)) {
        if (Cause.hasDies(reread.cause)) faults.push(Cause.pretty(reread.cause))
        return
      }
      // A body that is passed is as the origin sends it.
      const isPassed = line.includes("detail=")
      if (reread.value === undefined || (isPassed && cut.has(response.headers["x-run"]!))) return
      const [whose, tongue, of, version, , end] = reread.value.trimStart().split("|")
      const all = `${told}: ${reread.value.slice(0, 40)} … ${reread.value.slice(-5)}, ${line}`
      // A shared cache may give to all what the origin gives to requests without credentials.
      if (whose !== user && !(mode === "shared" && whose === "")) faults.push(`the answer to another: ${all}`)
      if (tongue !== language) faults.push(`another variant: ${all}`)
      if (of !== url && !isPassed) faults.push(`the answer of another URL: ${all}`)
      if (Number(version) < least.get(of!)!) faults.push(`stale after a write: ${all}`)
      if (end !== "end") faults.push(`half a body: ${all}`)
    })

    /** Reads a body after another reader of it has left: only the origin can make it fail. */
    const held = Effect.gen(function*() {
      const [url, language] = [pick(urls), pick(languages)]
      const asked = Effect.exit(client.get(url, { headers: headersOf("", language) }))
      const isLate = chance(0.5)
      const [one, before] = yield* Effect.all([asked, asked], { concurrency: 2 })
      if (Exit.isFailure(one)) return
      const reader = yield* Effect.forkChild(Effect.exit(collect(one.value)))
      yield* pause(50)
      const two = isLate ? yield* asked : before
      yield* Fiber.interrupt(reader)
      if (Exit.isFailure(two)) return
      yield* pause(50)
      const exit = yield* Effect.exit(collect(two.value))
      const run = two.value.headers["x-run"]
      if (Exit.isFailure(exit) && run !== undefined && !cut.has(run)) faults.push(`a body was lost: ${url} ${language}`)
    })

    const write = Effect.suspend(() => {
      const url = pick(urls)
      const before = new Map(versions)
      return Effect.map(client.put(url), (response) => {
        // The write has made at least this version, whatever others do meanwhile.
        for (const one of new Set([url, response.url === "" ? url : response.url])) {
          written.set(one, Math.max(written.get(one)!, before.get(one)! + 1))
        }
      })
    })

    const act = Effect.gen(function*() {
      yield* pause(2000)
      const kind = below(100)
      if (kind < 10) yield* write
      else if (kind < 15) yield* Cached.invalidate({ tag: `at:${pick(urls)}` })
      else if (kind < 25) yield* Effect.timeoutOption(read, Duration.millis(below(150)))
      else if (kind < 45) yield* held
      else yield* read
    })
    const all = yield* Effect.forkChild(Effect.all(Array.from({ length: 60 }, () => act), { concurrency: "unbounded" }))
    yield* passing(3000)
    yield* Fiber.join(all)
    return faults
  })

/** Stores responses, and then the origin fails or cannot be reached: all callers still get what is stored. */
const outage = (seed: number, mode: Mode) =>
  Effect.gen(function*() {
    const choices = choosing(seed)
    const { below, chance, pause, pick } = choices
    const isDown = { value: false }
    const breaks = pick(["503", "unreachable", "either"] as const)
    const origin = originOf((request) =>
      Effect.gen(function*() {
        const { at, language, user } = askedBy(request)
        yield* pause(200)
        if (isDown.value) {
          return breaks === "503" || (breaks === "either" && chance(0.5))
            ? { status: 503 }
            : yield* Effect.fail("down" as const)
        }
        const body = bodyFor(choices, user, language, at, 1)
        const control = pick(fewerControls) + (mode === "shared" ? ", public" : "")
        const headers = { "cache-control": control, vary: "Accept-Language" }
        return chance(0.5)
          ? { body, headers: { ...headers, "content-length": String(body.length) } }
          : { body: inParts(body), headers }
      })
    )
    const client = yield* (mode === "private" ? privately : shared)(origin)
    const known = urls.flatMap((url) => languages.map((language) => ({ url, user: pick(users), language })))
    const faults: Array<string> = []
    const first = yield* Effect.forkChild(Effect.forEach(known, ({ language, url, user }) =>
      Effect.flatMap(client.get(urlOf(url, user), { headers: headersOf(user, language) }), collect)))
    yield* passing(2000)
    yield* Fiber.join(first)
    isDown.value = true
    const ask = Effect.gen(function*() {
      yield* pause(500)
      const { language, url, user } = pick(known)
      const headers = headersOf(user, language)
      const kind = below(4)
      const asked = kind === 0
        ? client.head(urlOf(url, user), { headers })
        : client.get(urlOf(url, user), { headers: kind === 1 ? { ...headers, range: "bytes=0-3" } : headers })
      const exit = yield* Effect.exit(Effect.flatMap(asked, (response) =>
        Effect.map(collect(response), (text) => ({ status: response.status, text }))))
      const told = `${["HEAD", "range", "GET", "GET"][kind]} ${user} ${language} ${url}`
      if (Exit.isFailure(exit)) {
        return void faults.push(`failed: ${told}: ${Cause.pretty(exit.cause).slice(0, 200)}`)
      }
      const { status, text } = exit.value
      if (status !== 200 && status !== 206) {
        faults.push(`${status}: ${told}`)
      }
      if (kind > 1 && !text.endsWith("|end")) {
        faults.push(`half a body: ${told}`)
      }
    })
    const all = yield* Effect.forkChild(Effect.all(
      Array.from({ length: 60 }, () =>
        ask),
      { concurrency: "unbounded" }
    ))
    yield* passing(2000)
    yield* Fiber.join(all)
    return faults
  })

const layers = [
  CacheLayer.memory(),
  Layer.provide(CacheLayer.layer({ memory: false }), MemoryStore.layer)
]

describe.each(["private", "shared"] as const)("%s", (mode) => {
  const seeds = Array.from({ length: sized(60, 8) }, (_, i) => i + 1)

  it.effect("nothing stale, of another user or URL, in part or lost", () =>
    Effect.gen(function*() {
      for (const seed of seeds) {
        const faults = yield* Effect.provide(schedule(seed, mode), layers[seed % 2]!)
        expect(faults, `seed ${seed}`).toEqual([])
      }
    }))

  it.effect("in an outage, all get what is stored", () =>
    Effect.gen(function*() {
      for (const seed of seeds) {
        const faults = yield* Effect.provide(outage(seed, mode), layers[seed % 2]!)
        expect(faults, `seed ${seed}`).toEqual([])
      }
    }))
})
