/**
 * The costs of a Redis server and its fleet: unit costs of this machine, and schedules of 100 processes on a simulated
 * server. Records them, and `npm run generate` writes docs/scaling.md.
 */
import { Effect, Layer } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { availableParallelism, loadavg } from "node:os"
import { createClient } from "redis"
import { simulateFleet } from "../../simulation/fleet.ts"
import { record } from "../../support/measured.ts"
import { type Server, startServer } from "../../support/redis.ts"
import { atOnce, type Costs, type Schedule, tables, type Used } from "./report.ts"

// ---------------------------------------------------------------------------------------------------------------------
// unit costs
// ---------------------------------------------------------------------------------------------------------------------

const usedBy = async (server: Server): Promise<Used> => {
  const info = String(await server.ask("INFO", "everything"))
  const of = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1] ?? NaN)
  return {
    micros: (of("used_cpu_user") + of("used_cpu_sys")) * 1e6,
    commands: of("total_commands_processed"),
    received: of("total_net_input_bytes"),
    sent: of("total_net_output_bytes")
  }
}

const each = (before: Used, after: Used, count: number): Used => ({
  micros: (after.micros - before.micros) / count,
  commands: (after.commands - before.commands) / count,
  received: (after.received - before.received) / count,
  sent: (after.sent - before.sent) / count
})

const prefix = "scaling"
const value = { text: "x".repeat(280) }

interface Measuring {
  readonly concurrency: number
  readonly count: number
}

const measure = async (
  server: Server,
  { concurrency, count }: Measuring,
  run: (i: number) => Effect.Effect<unknown, never, Caching.Caching>
) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const context = yield* Layer.build(
      CacheLayer.redis({ url: server.url, prefix, memory: false, connect: "required" })
    )
    const all = (from: number, to: number) =>
      Effect.forEach(Array.from({ length: to - from }, (_, i) => from + i), run, { concurrency, discard: true })
    // Compilation by the first calls is no cost of theirs.
    yield* Effect.provideContext(all(0, 500), context)
    const before = yield* Effect.promise(() => usedBy(server))
    yield* Effect.provideContext(all(500, 500 + count), context)
    return each(before, yield* Effect.promise(() => usedBy(server)), count)
  })))

/** Clients that receive every change, as each process does, and do nothing else. */
const listeners = async (server: Server, count: number) => {
  const clients = await Promise.all(Array.from({ length: count }, async () => {
    const client = createClient({ url: server.url, RESP: 3 })
    client.on("error", () => {})
    await client.connect()
    await client.subscribe(`${prefix}:m`, () => {})
    return client
  }))
  return () => clients.forEach((client) => client.destroy())
}

const read = (key: string) =>
  Cached.ttl(Effect.succeed(value), key, { ttl: "1 hour" }) as Effect.Effect<unknown, never, Caching.Caching>

const unitCosts = async (concurrency: number): Promise<Costs> => {
  const server = await startServer()
  const how = { concurrency, count: 5000 }
  try {
    const hit = await measure(server, how, (i) => read(`hit ${i % 500}`))
    const load = await measure(server, how, (i) => read(`miss ${i}`))
    const removal = await measure(server, how, (i) => Cached.invalidate(`remove ${i}`))
    const tag = await measure(server, how, () => Cached.invalidate({ tag: "tag" }))
    const count = 20
    const end = await listeners(server, count)
    const heard = await measure(server, how, (i) => Cached.invalidate(`heard ${i}`))
    end()
    const push: Used = each(removal, heard, count)
    const version = /^redis_version:(\S+)/m.exec(String(await server.ask("INFO", "server")))?.[1] ?? ""
    return { hit, load, removal, tag, push, version }
  } finally {
    await server.end()
  }
}

/** A thousand processes take minutes. */
const schedules = [...[1, 2, 3].map((seed) => ({ seed, processes: 100 })), { seed: 3, processes: 1000 }]

const ofSchedules = (): ReadonlyArray<Schedule> =>
  schedules.map(({ processes, seed }) => {
    const { counts, violations } = simulateFleet({ seed, processes, with: ["pushes"] })
    if (violations.length > 0) process.exitCode = 1
    for (const violation of violations.slice(0, 3)) console.log(`seed ${seed}: ${violation}`)
    const { loads, lostConnections, pushes, reads } = counts
    return { processes, seed, reads, loads, pushes, lostConnections, violations: violations.length }
  })

const scaling = {
  alone: await unitCosts(atOnce.alone),
  together: await unitCosts(atOnce.together),
  cores: availableParallelism(),
  runnable: loadavg()[0]!,
  schedules: ofSchedules()
}
for (const table of tables(scaling).values()) console.log(table)
if (process.exitCode !== 1) record("scaling", { scaling })
process.exit()
