/**
 * The costs of an inspector to the program that it looks into: `inspector.ts <hits|turns|bytes>`. Those who look are
 * other processes.
 */
import { type Context, Effect, Layer, ManagedRuntime } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { CacheInspector } from "effect-cached/inspector"
import { HttpRouter, HttpServer } from "effect/http"
import { type ChildProcess, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { serving, token } from "../../../inspector/serving.ts"
import { type Body, bytesUsed, inTurn, nanos, print, repeat, type Row, watchTurns } from "../measure.ts"

const [what] = process.argv.slice(2)
const keys = 100
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)
const lookup = Effect.sync(() => 1)

const hit: Body = (i) => Cached.softTtl(lookup, ids[i % keys]!, { ttl: "10 minutes", softTtl: "7 minutes" })

/** A process that reads an answer to its end. */
const look = (port: number, endpoint: string, body: object) =>
  spawn(
    process.execPath,
    [join(import.meta.dirname, "inspectorReader.ts"), token, String(port), endpoint, JSON.stringify(body)],
    { stdio: ["ignore", "pipe", "inherit"] }
  )

/** Reads the stream of a page until it is killed. It is ready once it has its first beat. */
const reader = (port: number, body: object): Promise<ChildProcess> =>
  new Promise((resolve, reject) => {
    const child = look(port, "live", body)
    child.once("exit", (code) => reject(new Error(`the reader ended with ${code}`)))
    child.stdout.once("data", () => resolve(child))
  })

const looking: { readonly [name: string]: object | undefined } = {
  "mounted": undefined,
  "overview open": {},
  "tail open": { tail: 0 }
}

interface Subject {
  readonly cache: Context.Context<Caching.Caching>
  readonly end: () => Promise<void>
}

const inspected = async (
  name: string,
  options: { readonly capacity?: number } = {}
): Promise<Subject & { port: number }> => {
  const one = await serving({}, { cache: CacheLayer.memory(options) })
  const body = looking[name]
  const child = body && await reader(one.port, body)
  return {
    port: one.port,
    cache: await one.runtime.context() as Context.Context<Caching.Caching>,
    end: async () => {
      child?.kill()
      await one.stop()
    }
  }
}

const plain = async (): Promise<Subject> => {
  const runtime = ManagedRuntime.make(CacheLayer.memory())
  return { cache: await runtime.context(), end: () => runtime.dispose() }
}

const subjects = async (): Promise<ReadonlyMap<string, Subject>> => {
  const all = new Map<string, Subject>([["no inspector", await plain()]])
  for (const name of Object.keys(looking)) all.set(name, await inspected(name))
  return all
}

/** A program with a hundred hits and some work of its own in each turn. */
const turnOf = Effect.andThen(
  repeat(hit, 100),
  Effect.sync(() => {
    for (let i = 0; i < 200; i++) createHash("sha256").update(ids[i % keys]!).digest()
  })
)

const hits = async (): Promise<ReadonlyArray<Row>> => {
  const all = await subjects()
  const timed = (calls: number, effect: Effect.Effect<unknown, unknown, Caching.Caching>) =>
    inTurn({ subjects: [...all.keys()], warmup: 40, rounds: 120 }, (name) =>
      Effect.gen(function*() {
        // Listeners have their turn between the rounds.
        yield* Effect.sleep(1)
        const start = nanos()
        yield* Effect.provide(effect, all.get(name)!.cache)
        return (nanos() - start) / calls
      }))
  const program = Effect.gen(function*() {
    for (const { cache } of all.values()) yield* Effect.provide(repeat(hit, keys), cache)
    const rows = yield* timed(2500, repeat(hit, 2500))
    const working = yield* timed(20, repeat(() => Effect.andThen(turnOf, Effect.yieldNow), 20))
    return [...rows, ...working.map(({ name, value }) => ({ name: `beside work, ${name}`, value }))]
  })
  const rows = await Effect.runPromise(program)
  for (const { end } of all.values()) await end()
  return rows
}

const million = 1_000_000

/** The longest turn of a program that serves hits while somebody looks at a million entries. */
const turns = async (): Promise<ReadonlyArray<Row>> => {
  const { cache, end, port } = await inspected("mounted", { capacity: million })
  const run = <A>(effect: Effect.Effect<A, unknown, Caching.Caching>) =>
    Effect.runPromise(Effect.provide(effect, cache))
  for (let from = 0; from < million; from += 10_000) {
    await run(Cached.setMany(Array.from({ length: 10_000 }, (_, i) => [`user:${from + i}`, i] as const)))
  }
  globalThis.gc!()
  const looks: { readonly [name: string]: readonly [endpoint: string, body: object] } = {
    "a page of 100": ["entries", { cache: 0 }],
    "a filter": ["pass", { cache: 0, order: "memory", pattern: "user:77*" }],
    "the 100 most read": ["pass", { cache: 0, order: "hottest" }]
  }
  const watching = watchTurns()
  const rows: Array<Row> = []
  for (const [name, [endpoint, body]] of Object.entries(looks)) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    watching.longest()
    let isDone = false
    const serve = run(Effect.whileLoop({
      while: () => !isDone,
      body: () => Effect.andThen(repeat(hit, 100), Effect.yieldNow),
      step: () => {}
    }))
    // The first look counts, too.
    for (let i = 0; i < 3; i++) {
      const code = await new Promise((resolve) => look(port, endpoint, body).once("exit", resolve))
      if (code !== 0) throw new Error(`a look at ${endpoint} ended with ${code}`)
    }
    isDone = true
    await serve
    await new Promise((resolve) => setTimeout(resolve, 200))
    rows.push({ name, value: watching.longest().longest * 1e6 })
  }
  watching.end()
  await end()
  return [...rows, { name: "20 ms", value: 20e6 }]
}

/** The bytes that stay after a program has made its layers a hundred times, and closed them again. */
const bytes = async (): Promise<ReadonlyArray<Row>> => {
  const inspector = CacheInspector.layerHttp({ path: "/cache", hosts: ["localhost"], token })
  const mounted = async (): Promise<void> => {
    const app = Layer.provide(inspector, [CacheLayer.memory(), HttpServer.layerServices])
    const { dispose, handler } = HttpRouter.toWebHandler(app as never, { disableLogger: true })
    await handler(new Request("http://localhost/none"))
    await dispose()
  }
  await mounted()
  const before = bytesUsed()
  for (let i = 0; i < 100; i++) await mounted()
  return [{ name: "mounted 100 times", value: bytesUsed() - before }, { name: "6.4 MiB", value: 6.4 * 1024 ** 2 }]
}

const cases: { readonly [name: string]: () => Promise<ReadonlyArray<Row>> } = { hits, turns, bytes }
print(await cases[what!]!())
process.exit(0)
