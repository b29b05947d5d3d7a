/**
 * Random requests of several users to caches, and random responses of their origin: fields, `Vary`, 304, `HEAD`,
 * ranges, herds and writes. Each answer names the runs that have made it, and a small model says whether its request
 * may get it.
 */
import { Clock, Duration, Effect, Exit, Fiber, type Scope, Stream } from "effect"
import type { Caching } from "effect-cached"
import { CachedHttpClient, HttpCacheMiddleware } from "effect-cached/http"
import { HttpClientRequest, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { randomOf } from "../support/random.ts"
import { originOf } from "./origin.ts"

export type Mode = "private" | "shared"

interface Asked {
  readonly id: string
  readonly path: string
  readonly method: string
  readonly fields: Readonly<Record<string, string>>
}

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

type Origin = (asked: Asked) => Effect.Effect<Reply, "down">

/** A run of the origin: the request that it saw, and what it has answered. */
interface Run {
  readonly of: Asked
  readonly at: number
  readonly version: number
  readonly control: string
  readonly vary: ReadonlyArray<string>
}

// The model.

const users = ["authorization", "cookie", "x-api-key"]

const isForAll = ({ control }: Run): boolean => /public|s-maxage/.test(control)

const isOfSameUser = (a: Asked, b: Asked): boolean => users.every((name) => a.fields[name] === b.fields[name])

const isAnonymous = ({ fields }: Asked, vary: ReadonlyArray<string>): boolean =>
  users.every((name) => fields[name] === undefined || (name !== "authorization" && vary.includes(name)))

/** Whether a request may see what a run has made. */
const maySee = (mode: Mode, asked: Asked, run: Run): boolean => {
  if (/no-store/.test(run.control)) return false
  if (mode === "private") return isOfSameUser(asked, run.of)
  if (/private/.test(run.control)) return false
  return isForAll(run) || (isAnonymous(asked, run.vary) && isAnonymous(run.of, run.vary))
}

/** Whether a response that has not been confirmed since `since` may answer a request. */
const isFresh = ({ fields }: Asked, { at, control }: Run, since: number): boolean => {
  const seconds = Array.from(control.matchAll(/=(\d+)/g), ([, digits]) => Number(digits))
  const lifetime = /no-cache/.test(control + fields["cache-control"]) ? 0 : seconds.reduce((a, b) => a + b, 0)
  return at >= since || since < at + lifetime * 1000
}

const isSelected = (asked: Asked, { of, vary }: Run): boolean =>
  vary.every((name) => name !== "*" && of.fields[name] === asked.fields[name])

// The caches.

/** Makes caches in front of an origin. Each request goes to one of them. */
export type Front = (origin: Origin) => Effect.Effect<ReadonlyArray<Ask>, never, Caching.Caching | Scope.Scope>

type Ask = (asked: Asked) => Effect.Effect<Reply, unknown>

export const middleware: Front = (origin) =>
  Effect.gen(function*() {
    const { caching, cached } = yield* Effect.all({
      caching: Effect.context<Caching.Caching>(),
      cached: HttpCacheMiddleware.make()
    })
    const handler = Effect.gen(function*() {
      const { headers, method, url } = yield* HttpServerRequest.HttpServerRequest
      const { body, status, ...others } = yield* origin(seenAs(method, url, headers))
      const fields = { headers: others.headers as Record<string, string>, status }
      if (body === "") return HttpServerResponse.empty(fields)
      return isOfLength(others)
        ? HttpServerResponse.text(body, fields)
        : HttpServerResponse.stream(inParts(body, isCut(others)), fields)
    })
    const ask: Ask = ({ fields, method, path }) =>
      Effect.gen(function*() {
        const request = HttpServerRequest.fromWeb(new Request(`http://h.example${path}`, { method, headers: fields }))
        const response = yield* Effect.provideService(
          cached(handler),
          HttpServerRequest.HttpServerRequest,
          request
        )
        const web = HttpServerResponse.toWeb(response, { withoutBody: method === "HEAD" })
        const body = yield* Effect.tryPromise(() => web.text())
        return { status: web.status, headers: Object.fromEntries(web.headers), body }
      }).pipe(Effect.provideContext(caching))
    return [ask]
  })

export const client = (mode: Mode): Front => (origin) =>
  Effect.gen(function*() {
    const sent = originOf(({ headers, method, url }) =>
      Effect.map(origin(seenAs(method, url, headers)), (reply) => ({
        ...reply,
        body: reply.body === "" || isOfLength(reply)
          ? reply.body
          : Stream.toReadableStream(inParts(reply.body, isCut(reply))),
        headers: reply.headers as Record<string, string>
      }))
    )
    const cached = yield* CachedHttpClient.wrap(sent.client, { mode })
    const ask: Ask = ({ fields, method, path }) =>
      Effect.gen(function*() {
        const made = HttpClientRequest.make(method as "GET")(`http://h.example${path}`, { headers: fields })
        const { headers, status, text } = yield* cached.execute(made)
        return { status, headers: { ...headers }, body: yield* text }
      })
    return [ask]
  })

const isOfLength = ({ headers }: Pick<Reply, "headers">): boolean => headers["content-length"] !== undefined

const isCut = ({ headers }: Pick<Reply, "headers">): boolean => headers["x-cut"] !== undefined

/** The parts of a body of a length that no one announces, or the first one of a body that is cut short. */
const inParts = (body: string, isCut: boolean): Stream.Stream<Uint8Array, string> => {
  const [first, rest] = [body.slice(0, 10), body.slice(10)].map((part) => Stream.make(new TextEncoder().encode(part)))
  return Stream.concat(first!, isCut ? Stream.fail("cut") : rest!)
}

const seenAs = (method: string, url: string, headers: Asked["fields"]): Asked => ({
  id: headers["x-request-id"]!,
  path: url.replace(/^http:..[^/]*/, ""),
  method,
  fields: { ...headers }
})

// The schedule.

const languages = ["de", "en"]
const paths = ["/a", "/b?c"]
const bodies = ["public, max-age=2", "max-age=2", "max-age=2", "s-maxage=2", "no-cache", "public, no-cache"]
const controls = [...bodies, "private, max-age=2", "no-store", "max-age=0, stale-while-revalidate=2"]
const varies = [[], [], ["accept-language"], ["accept-language"], ["cookie"], ["x-api-key", "accept-language"], ["*"]]

/** Some bodies are too large to lie beside their fields. */
const lengthOf = (run: number): number => run % 20 === 7 ? 70_000 : 40

const bodyOf = (run: number): string => `run ${run};`.repeat(lengthOf(run)).slice(0, lengthOf(run))

interface Drawing {
  readonly mode: Mode
  readonly fronts: Front
  /** How long a cache may need to see what others have changed, in milliseconds. */
  readonly lag: number
}

export const drawn = (seed: number, { fronts, lag, mode }: Drawing) =>
  Effect.gen(function*() {
    const random = randomOf(seed)
    const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)]!
    const chance = (share: number) => random() < share
    const pause = (most: number) => Effect.sleep(Duration.millis(Math.floor(random() * most)))

    const versions = new Map(paths.map((path) => [path, 1]))
    const written: Array<{ readonly path: string; readonly version: number; readonly at: number }> = []
    const runs: Array<Run> = []
    const origin: Origin = (of) =>
      Effect.gen(function*() {
        if (of.method === "PUT") {
          yield* pause(50)
          versions.set(of.path, versions.get(of.path)! + 1)
          return { status: 204, headers: {}, body: "" }
        }
        const version = versions.get(of.path)!
        yield* pause(200)
        if (chance(0.05)) return yield* Effect.fail("down" as const)
        if (chance(0.05)) return { status: 503, headers: {}, body: "" }
        const [control, vary] = [pick(controls), pick(varies)]
        const run = runs.push({ of, at: yield* Clock.currentTimeMillis, version, control, vary }) - 1
        // All users have one entity tag.
        const etag = `"${of.path}-${version}"`
        const headers = {
          ...chance(0.1) ? {} : { etag },
          "x-run": `${run}`,
          "cache-control": control,
          ...vary.length === 0 ? {} : { vary: vary.join(", ") }
        }
        if (of.fields["if-none-match"]?.includes(etag) === true) return { status: 304, headers, body: "" }
        const length = `${lengthOf(run)}`
        if (of.method === "HEAD") return { status: 200, headers: { ...headers, "content-length": length }, body: "" }
        const [body, made] = [bodyOf(run), { ...headers, "x-made": `${run}` }]
        const range = chance(0.5) ? /^bytes=(\d+)-(\d+)$/.exec(of.fields["range"] ?? "") : null
        if (range === null && chance(0.3)) {
          return { status: 200, headers: { ...made, ...chance(0.3) ? { "x-cut": "yes" } : {} }, body }
        }
        if (range === null) return { status: 200, headers: { ...made, "content-length": length }, body }
        const [start, end] = [Number(range[1]), Number(range[2]) + 1]
        const part = { "content-range": `bytes ${start}-${end - 1}/${length}`, "content-length": `${end - start}` }
        return { status: 206, headers: { ...made, ...part }, body: body.slice(start, end) }
      })
    const caches = yield* fronts(origin)

    const faults: Array<string> = []
    let [answers, ids] = [0, 0]
    const judge = (asked: Asked, { body, headers, status }: Reply, since: number, least: number): void => {
      const told = runs[Number(headers["x-run"])]
      // A 304 without `Vary` leaves that of the stored response.
      const run = told && { ...told, vary: told.vary.length > 0 ? told.vary : headers["vary"]?.split(", ") ?? [] }
      // The parts of a body have its number, too.
      const made = runs[Number(/\d+/.exec(body)?.[0] ?? headers["x-made"])]
      const fault = (text: string) => {
        const all = [asked, since, status, headers, run, made, body].map((one) => JSON.stringify(one)).join("\n  ")
        faults.push(`${text}\n  ${all}`)
      }
      const failed = /origin-failed/.test(headers["cache-status"] ?? "")
      if (run === undefined) return failed || status === 503 ? undefined : fault("an answer of no run")
      const isOwn = run.of.id === asked.id
      if (!isOwn && !maySee(mode, asked, run)) fault("the answer to another user")
      if (!isOwn && !isSelected(asked, run)) fault("another variant")
      if (!isOwn && !failed && !isFresh(asked, run, since)) fault("stale")
      if (run.version < least) fault("older than a write")
      const etag = headers["etag"] ?? ""
      if (status === 304 && asked.fields["if-none-match"]?.includes(etag) !== true) fault("304 without the version")
      if (made === undefined) return status === 304 || asked.method === "HEAD" ? undefined : fault("a body of no run")
      if (made.version !== run.version) fault("the body of another version")
      // A 304 that may not be stored confirms the version for its own request alone, unless that could name a user.
      const isConfirmed = maySee(mode, run.of, run) || (isOwn && (mode === "private" || isAnonymous(run.of, run.vary)))
      if (made !== told && !(isConfirmed && isSelected(run.of, run))) fault("what no one may store")
      // The body of a user is for others once a response to this user says so.
      const isReleased = runs.some((one) =>
        one.version === made.version && one.of.path === made.of.path && isForAll(one) && isOfSameUser(one.of, made.of)
      )
      if (made.of.id !== asked.id && !isReleased && !maySee(mode, asked, made)) fault("the body of another user")
      const whole = bodyOf(runs.indexOf(made))
      const [, start, end] = /^bytes (\d+)-(\d+)/.exec(headers["content-range"] ?? "") ?? []
      const text = start === undefined ? whole : whole.slice(Number(start), Number(end) + 1)
      if (status !== 304 && body !== (asked.method === "HEAD" ? "" : text)) fault("another body")
    }

    const draw = (path: string): Asked => {
      const fields: Record<string, string> = { "accept-language": pick(languages) }
      if (chance(0.4)) fields[pick(users)] = pick(["ann", "bob"])
      if (chance(0.1)) fields["cache-control"] = pick(["no-cache", "max-age=0, no-cache"])
      if (chance(0.1)) fields["range"] = "bytes=3-8"
      else if (chance(0.2)) fields["if-none-match"] = `"${path}-${versions.get(path)!}"`
      const id = `${++ids}`
      return { id, path, method: chance(0.1) ? "HEAD" : "GET", fields: { ...fields, "x-request-id": id } }
    }
    const ask = (asked: Asked) =>
      Effect.gen(function*() {
        const since = yield* Clock.currentTimeMillis
        const seen = written.filter(({ at, path }) => path === asked.path && at + lag <= since)
        const least = Math.max(1, ...seen.map(({ version }) => version))
        const exit = yield* Effect.exit(pick(caches)(asked))
        if (Exit.isFailure(exit)) return
        answers++
        judge(asked, exit.value, since, least)
      })
    const herd = Effect.suspend(() => {
      const one = draw(pick(paths))
      const isOfOne = chance(0.5)
      const all = Array.from({ length: 8 }, () => isOfOne ? { ...one, id: `${++ids}` } : draw(one.path))
      return Effect.forEach(
        all.map((one) => ({ ...one, fields: { ...one.fields, "x-request-id": one.id } })),
        ask,
        { concurrency: "unbounded" }
      )
    })
    const write = Effect.suspend(() => {
      const path = pick(paths)
      const before = versions.get(path)!
      return Effect.andThen(
        pick(caches)({ id: "", path, method: "PUT", fields: {} }),
        Effect.map(Clock.currentTimeMillis, (at) => void written.push({ path, version: before + 1, at }))
      )
    })
    const act = Effect.gen(function*() {
      yield* pause(6000)
      const kind = random()
      if (kind < 0.05) yield* write
      else if (kind < 0.1) {
        // A change that no request makes.
        const path = pick(paths)
        versions.set(path, versions.get(path)! + 1)
      } else if (kind < 0.2) yield* herd
      else if (kind < 0.3) yield* Effect.timeoutOption(Effect.suspend(() => ask(draw(pick(paths)))), "100 millis")
      else yield* Effect.suspend(() => ask(draw(pick(paths))))
    })
    const all = yield* Effect.forkChild(
      Effect.all(Array.from({ length: 120 }, () => act), { concurrency: "unbounded" })
    )
    yield* played(all, 350, () => "20 millis")
    return { faults, answers, runs: runs.length }
  })

/**
 * Moves the clock until what was drawn has ended. Hashes of bodies are made outside of the clock: on a busy machine,
 * the last turns wait for them.
 */
const played = <A, E>(all: Fiber.Fiber<A, E>, turns: number, step: (turn: number) => Duration.Input) =>
  Effect.gen(function*() {
    for (let i = 0; i < turns || (all.pollUnsafe() === undefined && i < 4000); i++) {
      yield* TestClock.adjust(step(i))
      yield* Effect.promise(() =>
        new Promise<void>((resolve) => i < turns ? setImmediate(resolve) : setTimeout(resolve, 10))
      )
    }
    return yield* Fiber.join(all)
  })
