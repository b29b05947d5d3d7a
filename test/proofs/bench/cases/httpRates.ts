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
import { inTurn, print } from "../measure.ts"

const programs = ["varnish", "nginx"] as const

if (["wrk", ...programs.map((program) => commandOf[program])].some((command) => pathTo(command) === undefined)) {
  print([])
  process.exit(0)
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

/** The processor time of a process and its children, in milliseconds: the kernel counts ticks of ten. */
const processorMillis = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ")
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((child) => child !== "")
  return children.reduce(
    (sum, child) => sum + processorMillis(Number(child)),
    (Number(fields[11]) + Number(fields[12])) * 10
  )
}

const ownMillis = () => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

const subjects = new Map<string, { readonly port: number; readonly millis: () => number }>([
  ["HttpCacheMiddleware", { port: cached, millis: ownMillis }],
  ["the route itself", { port: constant, millis: ownMillis }],
  ["Varnish", { port: proxies[0]!.port, millis: () => processorMillis(proxies[0]!.pid) }],
  ["nginx", { port: proxies[1]!.port, millis: () => processorMillis(proxies[1]!.pid) }]
])
const rates = new Map<string, Array<number>>([...subjects.keys()].map((name) => [name, []]))

const take = async (name: string, round: number): Promise<number> => {
  const { millis, port } = subjects.get(name)!
  const before = millis()
  const { stdout } = await promisify(execFile)("wrk", ["-t1", "-c16", "-d2s", `http://127.0.0.1:${port}/small`])
  const took = millis() - before
  if (round > 0) rates.get(name)!.push(Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)![1]))
  return took * 1e6 / Number(/(\d+) requests in/.exec(stdout)![1])
}

const times = await Effect.runPromise(
  inTurn(
    { subjects: [...subjects.keys()], warmup: 1, rounds: 6 },
    (name, round) => Effect.promise(() => take(name, round))
  )
)
print([
  ...times.map(({ name, value }) => ({ name: `${name}, processor`, value })),
  ...Array.from(rates, ([name, all]) => ({ name: `${name}, a second`, value: Math.max(...all) }))
])
await Promise.all(proxies.map((proxy) => proxy.stop()))
process.exit(0)
