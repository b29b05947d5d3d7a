/**
 * Random programs against a server: users that read, write, purge and leave, at handlers that are slow, fail, hang and
 * cut bodies short. Whatever happens, no read that starts after a write or a purge sees what was there before, no user
 * sees the answer to another, and no body that broke is served as whole. A model judges the users of `drawn.ts`.
 */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { sized } from "../support/everything.ts"
import { randomOf } from "../support/random.ts"
import { client, drawn, type Front, middleware, type Mode, played } from "./drawn.ts"

const pages = ["/a", "/b?c", "/me"]
const users = ["ann", "bob", ""]
const languages = ["de", "en"]

/** The body, whose parts come in virtual time. If its reader leaves, it is cancelled, as a server does for a client. */
const textOf = (response: HttpServerResponse.HttpServerResponse) =>
  Effect.flatMap(Effect.context(), (context) => {
    const { body } = HttpServerResponse.toWeb(response, { context })
    return Effect.tryPromise((signal) =>
      new Response(body?.pipeThrough(new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>(), { signal })).text()
    )
  })

const schedule = (seed: number, inherit: "changes" | undefined) =>
  Effect.gen(function*() {
    const random = randomOf(seed)
    const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)]!
    const chance = (share: number) => random() < share
    const pause = (most: number) => Effect.sleep(Duration.millis(Math.floor(random() * most)))

    const versions = new Map(pages.map((page) => [page, 1]))
    const versionOf = (page: string) => {
      const read = Effect.andThen(pause(50), Effect.sync(() => versions.get(page)!))
      return inherit === undefined ? read : Cached.ttl(read, `version:${page}`, { ttl: "1 hour" })
    }
    const bodyOf = (text: string) => {
      const parts = text.match(/.{1,400}/gs)!.map((part) => new TextEncoder().encode(part))
      if (chance(0.5)) return Stream.fromIterable(parts)
      const cut = Stream.fromIterable(parts.slice(0, Math.floor(random() * parts.length)))
      return Stream.mapEffect(
        chance(0.3) ? Stream.concat(cut, Stream.fail("cut")) : Stream.fromIterable(parts),
        (part) => Effect.as(pause(20), part)
      )
    }
    const handler = Effect.gen(function*() {
      const { headers, method, url } = yield* HttpServerRequest.HttpServerRequest
      const page = url.replace(/^http:..[^/]*/, "")
      if (method === "PUT") {
        yield* pause(50)
        versions.set(page, versions.get(page)! + 1)
        if (inherit !== undefined) yield* Cached.invalidate(`version:${page}`)
        return HttpServerResponse.empty({ status: 204 })
      }
      const version = yield* versionOf(page)
      yield* pause(200)
      if (chance(0.1)) return yield* Effect.fail("down")
      if (chance(0.05)) return yield* Effect.never
      if (chance(0.1)) return HttpServerResponse.empty({ status: 503 })
      const user = page === "/me" ? headers["authorization"] ?? "" : ""
      const language = headers["accept-language"]!
      const text = `${user}|${language}|${version}|${"x".repeat(Math.floor(random() * 3000))}|end`
      const fields = {
        vary: "Accept-Language",
        "cache-tag": `at:${page}`,
        ...page === "/me" && chance(0.5)
          ? {}
          : {
            "cache-control": page === "/me"
              ? "private, max-age=60"
              : pick(["max-age=1", "max-age=10", "no-cache", "no-store", "max-age=0, stale-while-revalidate=5"])
          }
      }
      return chance(0.5)
        ? HttpServerResponse.text(text, { headers: fields })
        : HttpServerResponse.stream(bodyOf(text), { headers: fields })
    })
    const cached = (yield* HttpCacheMiddleware.make({ cacheControl: "max-age=10", maxVariants: 3, inherit }))(
      handler as Effect.Effect<HttpServerResponse.HttpServerResponse, "down", HttpServerRequest.HttpServerRequest>
    )
    const ask = (path: string, init: RequestInit) =>
      Effect.gen(function*() {
        const request = HttpServerRequest.fromWeb(new Request(`http://h.example${path}`, init))
        const response = yield* Effect.provideService(cached, HttpServerRequest.HttpServerRequest, request)
        return { status: response.status, text: yield* textOf(response) }
      })

    const faults: Array<string> = []
    /** The version that the last completed write of a page has made. */
    const written = new Map(pages.map((page) => [page, 1]))
    const read = Effect.gen(function*() {
      const [page, user, language] = [pick(pages), pick(users), pick(languages)]
      const least = written.get(page)!
      const headers = {
        "accept-language": language,
        ...user === "" ? {} : { authorization: user },
        ...chance(0.2) ? { "cache-control": pick(["no-cache", "max-age=0", "max-stale=5", "no-store"]) } : {}
      }
      const exit = yield* Effect.exit(ask(page, { headers }))
      if (Exit.isFailure(exit) || exit.value.status !== 200) return
      const [whose, tongue, version, , end] = exit.value.text.split("|")
      const told = `${user} ${language} ${page}: ${exit.value.text.slice(0, 30)} … least ${least}`
      if (page === "/me" && whose !== user) faults.push(`the answer to another: ${told}`)
      if (tongue !== language) faults.push(`another variant: ${told}`)
      if (Number(version) < least) faults.push(`stale after a write: ${told}`)
      if (end !== "end") faults.push(`half a body: ${told}`)
    })
    const write = Effect.suspend(() => {
      const page = pick(pages)
      const before = versions.get(page)!
      // With "changes", a write that no request makes is enough.
      const direct = Effect.suspend(() => {
        versions.set(page, versions.get(page)! + 1)
        return Cached.invalidate(`version:${page}`)
      })
      return Effect.map(inherit !== undefined && chance(0.5) ? direct : ask(page, { method: "PUT" }), () => {
        written.set(page, Math.max(written.get(page)!, before + 1))
      })
    })
    const leaving = <A, E>(self: Effect.Effect<A, E>) =>
      Effect.asVoid(Effect.timeoutOption(self, Duration.millis(Math.floor(random() * 150))))
    const act = Effect.gen(function*() {
      yield* pause(2000)
      const kind = random()
      if (kind < 0.1) yield* write
      else if (kind < 0.15) yield* Cached.invalidate({ tag: `at:${pick(pages)}` })
      else if (kind < 0.25) yield* leaving(read)
      // Handlers hang: all callers leave some time.
      else yield* Effect.timeoutOption(read, "5 seconds")
    })
    const all = yield* Effect.forkChild(Effect.all(Array.from({ length: 60 }, () => act), { concurrency: "unbounded" }))
    yield* played(all, 400, (turn) => turn < 300 ? "10 millis" : "100 millis")
    return faults
  })

it.effect.each([undefined, "changes"] as const)(
  "nothing stale, of another user or in part; inherit %s",
  (inherit) =>
    Effect.gen(function*() {
      for (let seed = 1; seed <= sized(60, 8); seed++) {
        const faults = yield* Effect.provide(
          schedule(seed, inherit) as Effect.Effect<Array<string>>,
          CacheLayer.memory()
        )
        expect(faults, `seed ${seed}`).toEqual([])
      }
    })
)

describe("each user gets a response that the model allows", () => {
  it.effect.each<[string, Front, Mode]>([
    ["of a middleware", middleware, "shared"],
    ["of a client, shared", client("shared"), "shared"],
    ["of a client, private", client("private"), "private"]
  ])("%s", ([, front, mode]) =>
    Effect.gen(function*() {
      const all = { answers: 0, runs: 0 }
      for (let seed = 1; seed <= sized(60, 8); seed++) {
        const { answers, faults, runs } = yield* Effect.provide(
          drawn(seed, { mode, lag: 0, fronts: (origin) => Effect.map(front(origin), (one) => [one]) }),
          [CacheLayer.memory(), Layer.fresh(TestClock.layer())]
        )
        expect(faults[0] ?? "", `seed ${seed}`).toBe("")
        all.answers += answers
        all.runs += runs
      }
      // A cache that shares nothing would fulfil the model, too.
      expect(all.runs / all.answers).toBeLessThan(0.85)
    }))
})
