/** Compares the rules with http-cache-semantics, in random exchanges. Each difference is allowed by a paragraph. */
import { describe, expect, it } from "@effect/vitest"
import CachePolicy from "http-cache-semantics"
import { harmlessWith } from "../../src/http/rules/anonymous.ts"
import type { Fields } from "../../src/http/rules/fields.ts"
import { type Freshness, freshnessOf, type Times } from "../../src/http/rules/freshness.ts"
import { requestDirectives, reuseOf } from "../../src/http/rules/reuse.ts"
import { matches, varyingOf } from "../../src/http/rules/selection.ts"
import { isForAll, whyNotStored } from "../../src/http/rules/storing.ts"
import { controlOf } from "../../src/http/rules/targeted.ts"
import { randomOf } from "../support/random.ts"

const harmless = harmlessWith(["x"])

const dateAt = (now: number, seconds: number) => new Date(now + seconds * 1000).toUTCString()

const now = Date.UTC(2026, 10, 27)

let time = now

class Theirs extends CachePolicy {
  now(): number {
    return time
  }
}

describe("a second opinion", () => {
  it("differs only where a paragraph says so", () => {
    const random = randomOf(44)
    const chance = (share: number) => random() < share
    const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)]!
    const some = (share: number, name: string, value: () => string): Record<string, string> =>
      chance(share) ? { [name]: value() } : {}
    const seconds = () => pick([0, 1, 5, 59, 60, 61, 3600])
    const directive = () =>
      pick([
        () => `max-age=${seconds()}`,
        () => `s-maxage=${seconds()}`,
        () => "no-cache",
        () => "no-store",
        () => "private",
        () => "public",
        () => "must-revalidate",
        () => "proxy-revalidate",
        () => "immutable",
        () => "No-CaChE",
        () => `stale-while-revalidate=${seconds()}`,
        () => `stale-if-error=${seconds()}`,
        () => "max-age=\"60\"",
        () => "max-age=x"
      ])()
    const differences = new Map<string, number>()
    const unexplained: Array<unknown> = []
    for (let i = 0; i < 100_000; i++) {
      const mode = chance(0.5) ? "private" : "shared"
      const request = {
        method: pick(["GET", "GET", "GET", "HEAD", "POST"]),
        url: "/",
        headers: {
          host: "h",
          ...some(0.2, "authorization", () => "a"),
          ...some(0.3, "accept", () => pick(["a", "b"]))
        } as Record<string, string>
      }
      const response = {
        status: pick([200, 200, 200, 203, 204, 206, 301, 302, 304, 307, 308, 404, 410, 414, 418, 500, 501, 503, 599]),
        headers: {
          ...some(0.8, "date", () => dateAt(now, pick([0, 0, 0, -5, 5]))),
          ...some(0.7, "cache-control", () => Array.from({ length: pick([1, 1, 2, 3]) }, directive).join(", ")),
          ...some(0.3, "expires", () => pick([dateAt(now, 30), dateAt(now, -30), "0", "2038-01-01"])),
          ...some(0.2, "age", () => String(seconds())),
          ...some(0.3, "last-modified", () => dateAt(now, -pick([100, 1000, 100_000, 10_000_000]))),
          ...some(0.2, "vary", () => pick(["accept", "accept, x", "*"]))
        } as Record<string, string>
      }
      const again = {
        method: "GET",
        url: "/",
        headers: {
          host: "h",
          ...request.headers["authorization"] === undefined ? {} : { authorization: request.headers["authorization"] },
          ...some(0.3, "accept", () => pick(["a", "b"])),
          ...some(
            0.4,
            "cache-control",
            () =>
              pick([
                "no-cache",
                `max-age=${seconds()}`,
                `min-fresh=${seconds()}`,
                "max-stale",
                `max-stale=${seconds()}`
              ])
          )
        } as Record<string, string>
      }
      const later = now + pick([0, 1000, 10_000, 60_000, 70_000, 4_000_000])
      time = now
      const theirs = new Theirs(request, response, { shared: mode === "shared", cacheHeuristic: 0.1 })
      time = later
      const theirAnswer = theirs.storable() && theirs.satisfiesWithoutRevalidation(again)

      const fields: Fields = response.headers
      const control = controlOf(fields, [])
      const result = { status: response.status, fields }
      const why = request.method === "GET"
        ? whyNotStored({ mode, harmless }, request.headers, result, {
          control,
          isForAll: isForAll(control),
          isImplicit: true
        })
        : "method"
      const times = { requestTime: now, responseTime: now }
      const fresh = { ...freshnessOf(mode, { status: response.status, fields }, control, times), ...times }
      const directives = requestDirectives(again.headers)
      const isMatching = matches(varyingOf(fields["vary"], request.headers), again.headers)
      const ourAnswer = why === undefined && isMatching && reuseOf(fresh, directives, later) === "serve"
      if (ourAnswer === theirAnswer) continue
      const paragraph = paragraphs.find((one) =>
        one.applies({ mode, request, response, again, fresh, later, ourAnswer })
      )
      if (paragraph === undefined) {
        unexplained.push({ mode, request, response, again, later: later - now, ourAnswer, why, fresh })
      } else differences.set(paragraph.text, (differences.get(paragraph.text) ?? 0) + 1)
    }
    expect(unexplained).toEqual([])
    expect(paragraphs.filter(({ text }) => !differences.has(text))).toEqual([])
  })
})

interface Difference {
  readonly mode: "private" | "shared"
  readonly request: { readonly method: string }
  readonly response: { readonly status: number; readonly headers: Fields }
  readonly again: { readonly headers: Fields }
  readonly fresh: Freshness & Times
  readonly later: number
  readonly ourAnswer: boolean
}

const says = ({ response }: Difference, pattern: RegExp): boolean =>
  pattern.test(response.headers["cache-control"] ?? "")

const understood = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501])

/** The paragraphs of RFC 9111 (or as named) that explain a difference, and when they apply. */
const paragraphs: ReadonlyArray<{ readonly text: string; readonly applies: (one: Difference) => boolean }> = [
  {
    text: "5.2: the names of directives are case-insensitive",
    applies: (one) => !one.ourAnswer && says(one, /No-CaChE/)
  },
  {
    text: "5.2.2.2: must-revalidate forbids stale responses, not fresh ones",
    applies: (one) => one.ourAnswer && says(one, /must-revalidate/)
  },
  {
    text: "5.2.2.8: proxy-revalidate forbids stale responses, not fresh ones",
    applies: (one) => one.ourAnswer && says(one, /proxy-revalidate/)
  },
  {
    text: "3: any final response with explicit freshness may be stored",
    applies: (one) => one.ourAnswer && !understood.has(one.response.status)
  },
  {
    text: "5.2.2.4: no-cache needs a validation, whatever the request accepts",
    applies: (one) =>
      !one.ourAnswer && says(one, /no-cache/) && (one.again.headers["cache-control"] ?? "").includes("max-stale")
  },
  {
    text: "5.2.2.2, 5.2.2.8, 5.2.2.10: these directives forbid what max-stale asks for",
    applies: (one) =>
      !one.ourAnswer && one.fresh.mustRevalidate && (one.again.headers["cache-control"] ?? "").includes("max-stale")
  },
  {
    text: "4.2.1: several values of a directive: here the smallest one counts",
    applies: (one) => says(one, /(?<![-\w])(max-age|s-maxage)=.*[ ,]\1=/)
  },
  {
    text: "5.3 and RFC 9110, 5.6.7: no date but the three formats",
    applies: (one) => one.response.headers["expires"] === "2038-01-01"
  },
  {
    text: "RFC 8246, 2: immutable is about the freshness lifetime, and gives none",
    applies: (one) => says(one, /immutable/)
  },
  {
    text: "5.2.1.2: exactly as stale as max-stale says is accepted",
    applies: (one) => one.ourAnswer && (one.again.headers["cache-control"] ?? "").startsWith("max-stale=")
  },
  {
    text: "3: private allows a private cache to store any status",
    applies: (one) => one.ourAnswer && one.mode === "private" && says(one, /private/)
  },
  {
    text: "5.2.1.1: max-age=0 is the reload of a browser, and always validates",
    applies: (one) => !one.ourAnswer && one.again.headers["cache-control"] === "max-age=0"
  },
  {
    text: "4.2.2: no heuristic freshness for this status",
    applies: (one) => !one.ourAnswer && [302, 303, 307].includes(one.response.status)
  },
  {
    text: "4.2.3: the apparent age counts, and a Date in the future adds nothing",
    applies: (one) => one.response.headers["date"] !== undefined && one.response.headers["date"] !== dateAt(now, 0)
  }
]
