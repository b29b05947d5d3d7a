/**
 * The users of each response: two of them ask for every kind of response, in every way, of every kind of cache. The
 * tables of `docs/http-server/users.md` are written from it: `UPDATE_DOCS=1`.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, ManagedRuntime } from "effect"
import { CacheLayer } from "effect-cached"
import { CachedHttpClient, type HttpCacheMiddleware } from "effect-cached/http"
import * as Arr from "effect/Array"
import {
  Cookies,
  HttpClient,
  HttpClientRequest,
  HttpClientResponse,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { TestClock } from "effect/testing"
import { anonymousFields } from "../../src/http/rules/anonymous.ts"
import { cellsOf, expectRegions } from "../support/regions.ts"
import { serving } from "./sockets.ts"
import { type Kind, requests, responses, sharedBy, type Told } from "./users.ts"

const ways = ["plain", "toWeb", "raw", "304", "HEAD", "range", "stale", "herd", "bulk"] as const
type Way = (typeof ways)[number]

interface Mode {
  readonly client?: CachedHttpClient.Options
  readonly server?: HttpCacheMiddleware.Options
}

const modes: Readonly<Record<string, Mode>> = {
  "client, private": { client: { mode: "private" } },
  "client, shared": { client: { mode: "shared" } },
  "middleware": { server: {} },
  "middleware, `cacheControl`": { server: { cacheControl: "public, max-age=60" } },
  "middleware, `strategy`": { server: { strategy: { ttl: "1 minute" } } },
  "middleware, `allowCookies`": { server: { allowCookies: true } },
  "middleware, `harmless: [\"X-Anything\"]`": { server: { harmless: ["X-Anything"] } }
}

/** Whether the second user may get what was made for the first one. */
const mayGet = ({ client, server }: Mode, kind: Kind, { control = "", cookie, vary }: Told): boolean => {
  const isPrivate = client?.mode === "private"
  const isSame = kind === "anonymous" || kind === "the same API key"
  const isUsual = control === "" && (server?.cacheControl !== undefined || server?.strategy !== undefined)
  if ((control === "" && !isUsual) || control === "no-store") return false
  if (isPrivate) return isSame
  const isStored = !control.startsWith("private") &&
    (cookie === undefined || control.includes("set-cookie") || server?.allowCookies === true)
  const isAnonymous = kind === "anonymous" || (kind === "another field" && server?.harmless !== undefined)
  return isStored &&
    (isAnonymous ? vary !== true || kind === "anonymous" : control.startsWith("public") || (vary === true && isSame))
}

interface Asked {
  readonly user: string | undefined
  readonly told: Told
  readonly way: Way
  readonly run: number
  readonly method: string
  readonly condition: string | undefined
}

/** The fields of an answer. Each has the user and the run in it. */
const fieldsOf = ({ run, told, user, way }: Asked, field: string | undefined) => {
  const named = `for-${user ?? "anonymous"}-in-${run}-`
  const control = way === "stale" && told.control !== undefined && told.control !== "no-store"
    ? `${told.control}, stale-while-revalidate=1000`
    : told.control
  return {
    "x-user": named,
    "surrogate-key": named,
    etag: "\"same\"",
    ...control === undefined ? {} : { "cache-control": control },
    ...told.cookie === "field" ? { "set-cookie": `sid=${named}` } : {},
    ...told.vary === true && field !== undefined ? { vary: field } : {}
  }
}

const pause = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))

interface Cache {
  /** Asks with the fields, and returns all that is answered, as text. */
  readonly ask: (path: string, headers: Record<string, string>, method: string) => Promise<string>
  readonly pass: (seconds: number) => Promise<void>
  readonly stop: () => Promise<void>
}

const runs = new Map<string, number>()

/** The answer to a request for `/kind/response/way`. */
const asked = (path: string, headers: Readonly<Record<string, string | undefined>>, method: string) => {
  const [kind, response, way] = decodeURIComponent(path.slice(1)).split("/") as [Kind, string, Way]
  const run = (runs.get(path) ?? 0) + 1
  runs.set(path, run)
  const field = requests[kind]
  const user = field === undefined ? undefined : headers[field]
  const one = { user, told: responses[response]!, way, run, method, condition: headers["if-none-match"] }
  const isUnchanged = way === "304" && one.condition !== undefined
  const fields: Record<string, string> = fieldsOf(one, field)
  return { ...one, isUnchanged, fields, body: `body ${fields["x-user"]}`, sid: `for-${user ?? "anonymous"}-in-${run}-` }
}

const ofServer = async (options: HttpCacheMiddleware.Options): Promise<Cache> => {
  const { ask, pass, stop } = await serving((request) =>
    Effect.gen(function*() {
      yield* pause
      const way = request.url.split("/").at(-1)
      const headers = way === "toWeb"
        ? Object.fromEntries((yield* Effect.orDie(HttpServerRequest.toWeb(request))).headers)
        : request.headers
      const { body, fields, isUnchanged, sid, told } = asked(request.url, headers, request.method)
      if (way === "raw") {
        const web = new Response(body, { headers: fields })
        if (told.cookie === "cookie") web.headers.append("set-cookie", `sid=${sid}`)
        return HttpServerResponse.raw(web)
      }
      const made = isUnchanged
        ? HttpServerResponse.empty({ status: 304, headers: fields })
        : HttpServerResponse.text(body, { headers: fields })
      return told.cookie === "cookie" ? HttpServerResponse.setCookieUnsafe(made, "sid", sid) : made
    }), options)
  return { ask: async (path, headers, method) => (await ask({ path, headers, method })).bytes, pass, stop }
}

const ofClient = async (options: CachedHttpClient.Options): Promise<Cache> => {
  const origin = HttpClient.make((request) =>
    Effect.map(pause, () => {
      const path = new URL(request.url).pathname
      const { body, fields, isUnchanged, sid, told } = asked(path, request.headers, request.method)
      const made = isUnchanged
        ? new Response(null, { status: 304, headers: fields })
        : new Response(body, { headers: fields })
      if (told.cookie === "cookie") made.headers.append("set-cookie", `sid=${sid}`)
      return HttpClientResponse.fromWeb(request, made)
    })
  )
  const runtime = ManagedRuntime.make(CacheLayer.memory())
  const clock = ManagedRuntime.make(TestClock.layer())
  const context = await clock.context()
  const client = await runtime.runPromise(Effect.provideContext(CachedHttpClient.wrap(origin, options), context))
  return {
    ask: (path, headers, method) =>
      runtime.runPromise(Effect.provideContext(
        Effect.gen(function*() {
          const request = HttpClientRequest.make(method as "GET")(`http://good.example${path}`, { headers })
          const response = yield* client.execute(request)
          const text = method === "HEAD" ? "" : yield* response.text
          const cookies = Cookies.toSetCookieHeaders(response.cookies)
          return `HTTP/1.1 ${response.status} ${JSON.stringify([response.headers, cookies])} ${text}`
        }),
        context
      )),
    pass: (seconds) => clock.runPromise(TestClock.adjust(`${seconds} seconds`) as Effect.Effect<void>),
    stop: async () => {
      await runtime.dispose()
      await clock.dispose()
    }
  }
}

const headersOf = (kind: Kind, user: string, way: Way): Record<string, string> => {
  const field = requests[kind]
  return {
    ...field === undefined ? {} : { [field]: kind === "the same API key" ? "team" : user },
    ...way === "range" ? { range: "bytes=0-20" } : {}
  }
}

interface Cell {
  readonly kind: Kind
  readonly response: string
  readonly way: Way
  readonly path: string
}

const cells: ReadonlyArray<Cell> = (Object.keys(requests) as Array<Kind>).flatMap((kind) =>
  Object.keys(responses).flatMap((response) =>
    ways.map((way) => ({ kind, response, way, path: `/${encodeURIComponent(`${kind}/${response}/${way}`)}` }))
  )
)

/** The answers to each of the users, and the number of runs. */
interface Outcome {
  readonly first: ReadonlyArray<string>
  readonly second: ReadonlyArray<string>
  readonly runs: number
}

const outcomes = async (cache: Cache): Promise<ReadonlyMap<Cell, Outcome>> => {
  runs.clear()
  const got = new Map<Cell, { first: Array<string>; second: Array<string> }>()
  const send = async (cell: Cell, user: "ann" | "bob") => {
    const { kind, path, way } = cell
    const method = way === "HEAD" && user === "ann" ? "HEAD" : "GET"
    const text = await cache.ask(path, headersOf(kind, user, way), method)
    got.get(cell)![user === "ann" ? "first" : "second"].push(text)
  }
  for (const cell of cells) got.set(cell, { first: [], second: [] })
  for (const cell of cells.filter(({ way }) => way !== "herd" && way !== "bulk")) await send(cell, "ann")
  const isLater = ({ way }: Cell) => way === "304" || way === "stale"
  for (const cell of cells.filter(({ way }) => way !== "herd" && way !== "bulk")) {
    if (!isLater(cell)) await send(cell, "bob")
  }
  await cache.pass(100)
  for (const cell of cells) if (isLater(cell)) await send(cell, "bob")
  for (const cell of cells.filter(({ way }) => way === "herd")) {
    await Promise.all([send(cell, "ann"), send(cell, "bob")])
  }
  for (const cell of cells.filter(({ way }) => way === "bulk")) {
    await Promise.all(Array.from({ length: 50 }, (_, i) => send(cell, i % 2 === 0 ? "ann" : "bob")))
  }
  return new Map(cells.map((cell) => [cell, { ...got.get(cell)!, runs: runs.get(cell.path) ?? 0 }]))
}

/** The kinds of requests that share each response of a cache. */
const shared = new Map<string, Array<readonly [response: string, kinds: ReadonlyArray<Kind>]>>()
const allKinds = Object.keys(requests) as Array<Kind>

describe.each(Object.entries(modes))("%s", (name, mode) => {
  it("each user gets what the rule allows, and no byte of another one", async () => {
    const cache = await (mode.client === undefined ? ofServer(mode.server!) : ofClient(mode.client))
    const all = await outcomes(cache)
    await cache.stop()
    const faults: Array<string> = []
    for (const [{ kind, response, way }, { first, runs, second }] of all) {
      const may = mayGet(mode, kind, responses[response]!)
      const told = `${kind}, ${response}, ${way}: ${runs} runs`
      // The origin says by one strong entity tag that the responses to both values of a harmless field are the same.
      const isOneVersion = way === "304" && kind === "another field" && mode.server?.harmless !== undefined
      const isNamed = kind !== "anonymous" && kind !== "the same API key" && !isOneVersion
      if (isNamed && !may && second.some((text) => text.includes("for-ann"))) faults.push(`${told}, Bob sees Ann`)
      if (isNamed && !may && first.some((text) => text.includes("for-bob"))) faults.push(`${told}, Ann sees Bob`)
      // A cookie that is stored is for its owner's cache alone, or was allowed.
      const isCookie = responses[response]!.control?.includes("set-cookie") === true
      if (
        isCookie && way !== "stale" && way !== "304" && may && mode.client?.mode !== "private" &&
        second.filter((text) => text.includes("sid=")).length > runs
      ) faults.push(`${told}, a cookie is shared`)
      const isCounted = way === "plain" || way === "toWeb" || way === "raw" || way === "herd"
      if (isCounted && runs !== (may ? 1 : 2)) faults.push(`${told} where ${may ? 1 : 2} are right`)
      if (way === "bulk" && (may ? runs !== 1 : runs < 2 || runs > 50)) faults.push(`${told} of 50`)
      const isWhole = mode.server !== undefined && (way === "HEAD" || way === "range")
      if (isWhole && may && runs !== 1) faults.push(`${told} where one makes the whole`)
      if (isWhole && !may && runs > 3) faults.push(`${told} where three are too many`)
      if (way === "stale" && may && responses[response]!.control !== undefined && !second[0]!.includes("in-1-")) {
        faults.push(`${told}, a stale response was not served`)
      }
      if (way === "304" && !/HTTP\/1.1 200/.test(second[0]!)) faults.push(`${told}, ${second[0]!.slice(0, 12)}`)
    }
    expect(faults).toEqual([])
    shared.set(
      name,
      Object.entries(responses).map((
        [response, told]
      ) => [response, allKinds.filter((kind) => mayGet(mode, kind, told))])
    )
  })
})

const page = "docs/http-server/users.md"

const namesOf = (kinds: ReadonlyArray<Kind>): string => {
  const others = allKinds.filter((kind) => !kinds.includes(kind))
  if (kinds.length === 0) return "none"
  if (others.length === 0) return "all"
  return others.length <= 2 ? `all but ${others.join(", ")}` : kinds.join(", ")
}

/** The rows of a cache: responses that the same requests share are one row. */
const rowsOf = (responses: ReadonlyArray<readonly [response: string, kinds: ReadonlyArray<Kind>]>): string =>
  Object.entries(Arr.groupBy(responses, ([, kinds]) => namesOf(kinds)))
    .map(([kinds, responses]) => `${responses.map(([response]) => response).join(", ")} | ${kinds} |`)
    .join("\n")

it(`${page} says what two users get: otherwise UPDATE_DOCS=1`, () => {
  for (const proxy of ["nginx", "varnish"] as const) {
    shared.set(
      proxy,
      Object.entries(responses).map(([response, told]) => [
        response,
        allKinds.filter((kind) => sharedBy(proxy, kind, told))
      ])
    )
  }
  const rows = Object.entries(Arr.groupBy(shared, ([, responses]) => rowsOf(responses))).flatMap(([rows, caches]) =>
    rows.split("\n").map((row) => `| ${caches.map(([cache]) => cache).join("; ")} | ${row}`)
  )
  expectRegions(page, {
    users: ["| cache | the response says | requests that share it |", "|---|---|---|", ...rows].join("\n")
  })
})

it(`${page} lists the fields that cannot name a user: otherwise UPDATE_DOCS=1`, () => {
  const rows = Object.entries(anonymousFields).flatMap(([about, fields]) =>
    cellsOf(fields.map((field) => `\`${field}\``), ", ").map((cell) => `| ${about} | ${cell} |`)
  )
  expectRegions(page, { fields: ["| about | fields |", "|---|---|", ...rows].join("\n") })
})
