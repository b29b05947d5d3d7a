/** The suite of https://cache-tests.fyi: its server, its tests and how it judges them. */
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

/** The pinned package, which `.ci/setup` installs. */
export const pinned = join(import.meta.dirname, "../../../.ci/node_modules/http-cache-tests")

export const isThere = existsSync(pinned)

export interface Test {
  readonly id: string
  readonly kind?: "required" | "optimal" | "check"
  readonly depends_on?: ReadonlyArray<string>
  readonly browser_only?: boolean
  readonly browser_skip?: boolean
  readonly cdn_only?: boolean
}

export type Mode = "private" | "shared"

/** The result of a test: `true`, or the mistake that it found. */
type Result = true | readonly [kind: string, message: string]

/** The part of a `Response` at which the tests look. */
export interface Answer {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  readonly text: () => Promise<string>
}

export type Fetch = (url: string, init?: Record<string, any>) => Promise<Answer>

export interface Verdict {
  readonly id: string
  readonly kind: "required" | "optimal" | "check"
  readonly verdict: "pass" | "fail" | "setup" | "dependency"
  readonly message: string
}

/** Runs the tests that are meant for a mode, or `only` some of them, all at once: most of their time is a pause. */
export const run = async (
  suite: string,
  mode: Mode,
  fetch: Fetch,
  only?: ReadonlySet<string>
): Promise<ReadonlyArray<Verdict>> => {
  const load = (path: string) => import(pathToFileURL(join(suite, path)).href)
  const isModern = existsSync(join(suite, "test-engine"))
  const client = isModern ? "test-engine/client" : "client"
  const { getResults, runTests } = await load(`${client}/runner.mjs`)
  const { default: suites } = await load("tests/index.mjs")
  const close = await serve(suite, isModern)
  const tests: ReadonlyArray<Test> = suites.flatMap((one: { tests: ReadonlyArray<Test> }) => one.tests)
  const wanted = tests.filter(({ id }) => only?.has(id) !== false).filter(({ browser_only, browser_skip, cdn_only }) =>
    mode === "private" ? browser_skip !== true && cdn_only !== true : browser_only !== true
  )
  const { error, log } = console
  console.log = console.error = () => {}
  try {
    // The suite leaves out what is not for a browser or not for a proxy by its own flag, which also says that its
    // `fetch` has a cache, so that it does not ask to go past it. Here all tests wanted are for the mode.
    const chosen = wanted.map(({ browser_only: _, browser_skip: _skip, cdn_only: _cdn, ...test }) => test)
    const suites = [{ tests: chosen }]
    const [asBrowser, at, together] = [mode === "private", close.url, chosen.length]
    if (!isModern) await runTests(suites, fetch, asBrowser, at, together)
    else {
      globalThis.fetch = fetch as never
      await runTests(suites, asBrowser, at, together)
    }
  } finally {
    Object.assign(console, { error, log })
    close.stop()
  }
  return judge(wanted, getResults())
}

const judge = (
  tests: ReadonlyArray<Test>,
  results: { readonly [id: string]: Result }
): ReadonlyArray<Verdict> => {
  const byId = new Map(tests.map((test) => [test.id, test]))
  const verdictOf = (test: Test): Verdict["verdict"] => {
    const result = results[test.id]!
    const depends = (test.depends_on ?? []).flatMap((id) => byId.get(id) ?? [])
    if (depends.some((one) => verdictOf(one) !== "pass")) return "dependency"
    if (result === true) return "pass"
    return result[0] === "Setup" ? "setup" : "fail"
  }
  return tests.map((test) => {
    const result = results[test.id]
    return {
      id: test.id,
      kind: test.kind ?? "required",
      verdict: result === undefined ? "setup" : verdictOf(test),
      message: result === undefined || result === true ? "" : result[1]
    }
  })
}

const serve = async (suite: string, isModern: boolean): Promise<{ url: string; stop: () => void }> => {
  const load = async (name: string) =>
    (await import(pathToFileURL(join(suite, isModern ? "test-engine/server" : "server", `${name}.mjs`)).href)).default
  const handlers: { readonly [segment: string]: any } = {
    config: await load("handle-config"),
    test: await load("handle-test"),
    state: await load("handle-state")
  }
  const server = createServer((request, response) => {
    const [first = "", ...path] = new URL(request.url!, "http://localhost").pathname.slice(1).split("/")
    const handler = handlers[first]
    if (handler !== undefined) return handler(path, request, response)
    response.statusCode = 404
    return response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address() as { readonly port: number }
  return {
    url: `http://127.0.0.1:${address.port}`,
    stop: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}
