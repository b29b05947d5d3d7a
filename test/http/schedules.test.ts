/**
 * Random programs: users that read, write, purge and leave, at an origin that is slow, fails and cuts bodies short.
 * Whatever happens, no read that starts after a write sees what was there before, no user sees the answer to another,
 * and no body is served in part.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { sized } from "../support/everything.ts"
import { randomOf } from "../support/random.ts"
import { originOf, privately, type Reply, shared } from "./origin.ts"

const urls = ["http://h.example/a", "http://h.example/b?c", "http://other.example/a"]
const users = ["ann", "bob", ""]
const languages = ["de", "en"]

const schedule = (seed: number, mode: "private" | "shared") =>
  Effect.gen(function*() {
    const random = randomOf(seed)
    const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)]!
    const chance = (share: number) => random() < share
    const pause = (most: number) => Effect.sleep(Duration.millis(Math.floor(random() * most)))

    const versions = new Map(urls.map((url) => [url, 1]))
    const lines = (body: string): ReadableStream<Uint8Array> => {
      const parts = body.match(/.{1,400}/gs)!
      const cut = chance(0.15) ? Math.floor(random() * parts.length) : Infinity
      let at = 0
      return new ReadableStream({
        pull: (controller) => {
          if (at === cut) controller.error(new Error("cut"))
          else if (at === parts.length) controller.close()
          else controller.enqueue(new TextEncoder().encode(parts[at++]))
        }
      })
    }
    const origin = originOf((request) => {
      const version = versions.get(request.url)!
      if (request.method === "PUT") {
        versions.set(request.url, version + 1)
        return Effect.as(pause(50), { status: 204 })
      }
      const { authorization = "", "accept-language": language } = request.headers
      const etag = `"${authorization}-${language}-${version}"`
      const control = pick([
        "max-age=1",
        "max-age=1",
        "max-age=10",
        "no-cache",
        "no-store",
        "max-age=0, stale-if-error=5"
      ])
      const permission = mode === "shared" && authorization === "" ? ", public" : ""
      const headers: Record<string, string> = { etag, "cache-control": control + permission, vary: "Accept-Language" }
      const body = `${authorization}|${language}|${version}|${"x".repeat(Math.floor(random() * 3000))}|end`
      const reply: Reply = request.headers["if-none-match"]?.includes(etag) === true
        ? { status: 304, headers }
        : chance(0.5)
        ? { body, headers: { ...headers, "content-length": String(body.length) } }
        : { body: lines(body), headers }
      return Effect.andThen(
        pause(200),
        chance(0.1) ? Effect.fail("down" as const) : Effect.succeed(chance(0.1) ? { status: 503 } : reply)
      )
    })
    const client = yield* (mode === "private" ? privately : shared)(origin, {
      maxVariants: 3,
      tags: ({ url }) => [`at:${url}`]
    })

    const faults: Array<string> = []
    const read = Effect.gen(function*() {
      const [url, user, language] = [pick(urls), pick(users), pick(languages)]
      const least = written.get(url)!
      const headers = {
        "accept-language": language,
        ...user === "" ? {} : { authorization: user },
        ...chance(0.2) ? { "cache-control": pick(["no-cache", "max-age=0", "max-stale=5", "only-if-cached"]) } : {}
      }
      const asked = Effect.gen(function*() {
        const response = yield* client.get(url, { headers })
        return response.status === 200 ? yield* response.text : undefined
      })
      const exit = yield* Effect.exit(asked)
      if (Exit.isFailure(exit)) {
        if (Cause.hasDies(exit.cause)) faults.push(Cause.pretty(exit.cause))
        return
      }
      if (exit.value === undefined) return
      const [whose, tongue, version, , end] = exit.value.split("|")
      const told = `${user} ${language} ${url}: ${exit.value.slice(0, 30)} … ${exit.value.slice(-5)}, least ${least}`
      // A shared cache may give to all what the origin gives to requests without credentials.
      const isOwn = whose === user || (mode === "shared" && whose === "")
      if (!isOwn) faults.push(`the answer to another: ${told}`)
      if (tongue !== language) faults.push(`another variant: ${told}`)
      if (Number(version) < least) faults.push(`stale after a write: ${told}`)
      if (end !== "end") faults.push(`half a body: ${told}`)
    })

    /** The version that the last completed write of a URL has made. */
    const written = new Map(urls.map((url) => [url, 1]))
    const write = Effect.suspend(() => {
      const url = pick(urls)
      const before = versions.get(url)!
      return Effect.map(client.put(url), () => {
        // The write has made at least this version, whatever others do meanwhile.
        written.set(url, Math.max(written.get(url)!, before + 1))
      })
    })

    const act = Effect.gen(function*() {
      yield* pause(2000)
      const kind = random()
      if (kind < 0.1) yield* write
      else if (kind < 0.15) yield* Cached.invalidateTag(`at:${pick(urls)}`)
      else if (kind < 0.25) yield* Effect.timeoutOption(read, Duration.millis(Math.floor(random() * 150)))
      else yield* read
    })
    const all = yield* Effect.forkChild(Effect.all(Array.from({ length: 60 }, () => act), { concurrency: "unbounded" }))
    for (let i = 0; i < 300; i++) {
      yield* TestClock.adjust("10 millis")
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    }
    yield* Fiber.join(all)
    return faults
  })

describe.each(["private", "shared"] as const)("%s", (mode) => {
  it.effect("nothing stale, of another user or in part", () =>
    Effect.gen(function*() {
      for (let seed = 1; seed <= sized(60, 12); seed++) {
        const faults = yield* Effect.provide(schedule(seed, mode), CacheLayer.memory())
        expect(faults, `seed ${seed}`).toEqual([])
      }
    }))
})
