/**
 * Requests a second of a cached response of 2 kB, beside Varnish and nginx, on sixteen connections of `wrk`, and the
 * processor time of a request in the server. Measures nothing where one of these programs is not installed.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, ManagedRuntime } from "effect"
import { CacheLayer } from "effect-cached"
import { HttpCacheMiddleware } from "effect-cached/http"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { promisify } from "node:util"
import { pathTo } from "../../../support/needs.ts"
import { commandOf, startProxy } from "../../cacheTests/proxies.ts"
import { inTurn, print, processNanos, type Subjects } from "../measure.ts"

const programs = ["varnish", "nginx"] as const

if (["wrk", ...programs.map((program) => commandOf[program])].some((command) => pathTo(command) === undefined)) {
  print([])
}

const headers = { "cache-control": "max-age=3600", etag: "\"1\"" }
const routes = HttpRouter.add("GET", "/small", HttpServerResponse.text("x".repeat(2000), { headers }))

const serve = async (app: typeof routes) => {
  const served = HttpRouter.serve(app, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
  )
  const { address } = await ManagedRuntime.make(served).runPromise(HttpServer.HttpServer)
  return (address as { port: number }).port
}

const constant = await serve(routes)
const cached = await serve(
  Layer.mergeAll(routes, HttpCacheMiddleware.layer()).pipe(Layer.provide(CacheLayer.memory())) as typeof routes
)
const proxies = await Promise.all(programs.map((program) => startProxy(program, constant)))

/** The processor time of a process and its children, in nanoseconds: the kernel counts ticks of ten milliseconds. */
const nanosOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ")
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((child) => child !== "")
  return children.reduce((sum, child) => sum + nanosOf(Number(child)), (Number(fields[11]) + Number(fields[12])) * 1e7)
}

interface Answering {
  readonly port: number
  readonly now: () => number
}

const [varnish, nginx] = proxies.map(({ pid, port }): Answering => ({ port, now: () => nanosOf(pid) }))
const subjects: Subjects<Answering> = {
  "HttpCacheMiddleware": { port: cached, now: processNanos },
  "the route itself": { port: constant, now: processNanos },
  "Varnish": varnish!,
  "nginx": nginx!
}
const rates = new Map<string, number>()

const take = async ({ now, port }: Answering, round: number, name: string): Promise<number> => {
  const before = now()
  const { stdout } = await promisify(execFile)("wrk", ["-t1", "-c16", "-d2s", `http://127.0.0.1:${port}/small`])
  const took = now() - before
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)![1])
  if (round > 0) rates.set(name, Math.max(rate, rates.get(name) ?? 0))
  return took / Number(/(\d+) requests in/.exec(stdout)![1])
}

const times = await Effect.runPromise(
  inTurn(subjects, { warmup: 1, rounds: 6 }, (...subject) => Effect.promise(() => take(...subject)))
)
await Promise.all(proxies.map((proxy) => proxy.stop()))
print([
  ...times.map(({ name, value }) => ({ name: `${name}, processor`, value })),
  ...Array.from(rates, ([name, value]) => ({ name: `${name}, a second`, value }))
])
