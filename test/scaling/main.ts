/**
 * The costs of a Redis server and its fleet: unit costs of this machine, the load of fleets that follows from them, and
 * schedules of 100 processes on a simulated server. Writes them into docs/scaling.md.
 *
 *     npm run scaling
 */
import { Effect, Layer } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, loadavg } from "node:os"
import { createClient } from "redis"
import { simulateFleet } from "../simulation/fleet.ts"
import { type Server, startServer } from "../support/redis.ts"

// ---------------------------------------------------------------------------------------------------------------------
// unit costs
// ---------------------------------------------------------------------------------------------------------------------

/** Work of the server since its start. */
interface Used {
  /** Time of its processor, in microseconds. */
  readonly micros: number
  readonly commands: number
  /** Bytes that it has received and sent. */
  readonly received: number
  readonly sent: number
}

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
const record = { text: "x".repeat(280) }

/** One call after the other, and many at once, which share round trips. */
const atOnce = { alone: 1, together: 50 } as const

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
  Cached.ttl(Effect.succeed(record), key, { ttl: "1 hour" }) as Effect.Effect<unknown, never, Caching.Caching>

const unitCosts = async (concurrency: number) => {
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

type Costs = Awaited<ReturnType<typeof unitCosts>>

// ---------------------------------------------------------------------------------------------------------------------
// fleets
// ---------------------------------------------------------------------------------------------------------------------

interface Kind {
  readonly processes: number
  /** Reads of each process, a second. */
  readonly reads: number
  /** How many of the reads memory answers, and of the others the server. */
  readonly inMemory: number
  readonly onServer: number
  /** Invalidations and sets of each process, a second. */
  readonly writes: number
  readonly memory: "on" | "off"
}

const kinds: ReadonlyArray<Kind> = [10, 100, 1000, 10_000].flatMap((processes): ReadonlyArray<Kind> =>
  ([[0.99, 0.9, 0.1], [0.9, 0.9, 1]] as const).flatMap(([inMemory, onServer, writes]) =>
    (["on", "off"] as const).map((memory): Kind => ({
      processes,
      reads: 200,
      inMemory,
      onServer,
      writes,
      memory
    }))
  )
)

const loadOf = (costs: Costs, { inMemory, memory, onServer, processes, reads, writes }: Kind) => {
  const asked = processes * reads * (memory === "off" ? 1 : 1 - inMemory)
  // A key that memory lacks is as often missing on the server with memory as without.
  const loads = processes * reads * (1 - inMemory) * (1 - onServer)
  const changes = processes * writes
  const pushes = (loads + changes) * (memory === "off" ? 0 : processes)
  const sum = (of: (used: Used) => number) =>
    (asked - loads) * of(costs.hit) + loads * of(costs.load) + changes * of(costs.removal) + pushes * of(costs.push)
  return {
    commands: sum(({ commands }) => Math.max(0, commands)),
    pushes,
    bytes: sum(({ received, sent }) => received + sent),
    core: sum(({ micros }) => micros) / 1e6
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// what is written
// ---------------------------------------------------------------------------------------------------------------------

const round = (value: number): string =>
  value >= 1e6 ? `${(value / 1e6).toFixed(1)} M` : value >= 10_000 ? `${Math.round(value / 1000)} k` : value.toFixed(0)

const tableOf = (rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [rows[0]!, rows[0]!.map(() => "---"), ...rows.slice(1)].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const costsTable = (alone: Costs, together: Costs): string =>
  tableOf([
    [
      "operation",
      "processor time, alone",
      `${atOnce.together} at once`,
      "commands, scripts included",
      "bytes received",
      "bytes sent"
    ],
    ...([
      ["a hit", "hit"],
      ["a miss, with its lease and its write", "load"],
      ["an invalidated id, or a value set by hand", "removal"],
      ["an invalidated tag", "tag"],
      ["one change reported to one process", "push"]
    ] as const).map(([what, cost]) => {
      const { commands, micros, received, sent } = alone[cost]
      return [
        what,
        `${micros.toFixed(1)} µs`,
        `${together[cost].micros.toFixed(1)} µs`,
        Math.max(0, commands).toFixed(0),
        Math.max(0, received).toFixed(0),
        sent.toFixed(0)
      ]
    })
  ])

const fleetsTable = (alone: Costs, together: Costs): string =>
  tableOf([
    ["processes", "memory answers", "writes", "memory tier", "commands/s", "pushes/s", "MB/s", "cores of the server"],
    ...kinds.map((kind) => {
      const { bytes, commands, core, pushes } = loadOf(alone, kind)
      return [
        String(kind.processes),
        `${kind.inMemory * 100} %`,
        `${kind.writes}/s`,
        kind.memory,
        round(commands),
        round(pushes),
        (bytes / 1e6).toFixed(1),
        `${loadOf(together, kind).core.toFixed(2)} to ${core.toFixed(2)}`
      ]
    })
  ])

/** A thousand processes take minutes. */
const schedules = [...[1, 2, 3].map((seed) => ({ seed, processes: 100 })), { seed: 3, processes: 1000 }]

const schedulesTable = (): string =>
  tableOf([
    [
      "processes",
      "seed",
      "reads",
      "loads",
      "pushes",
      "lost connections",
      "promises broken"
    ],
    ...schedules.map(({ processes, seed }) => {
      const { counts, violations } = simulateFleet({ seed, processes, with: ["pushes"] })
      if (violations.length > 0) process.exitCode = 1
      for (const violation of violations.slice(0, 3)) console.log(`seed ${seed}: ${violation}`)
      const { loads, lostConnections, pushes, reads } = counts
      return [processes, seed, reads, loads, pushes, lostConnections, violations.length].map(String)
    })
  ])

const write = (name: string, text: string): void => {
  const file = new URL("../../docs/scaling.md", import.meta.url)
  const document = readFileSync(file, "utf8")
  const [start, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`]
  const [from, to] = [document.indexOf(start), document.indexOf(end)]
  if (from < 0 || to < 0) throw new Error(`docs/scaling.md has no place for the ${name}`)
  writeFileSync(file, `${document.slice(0, from + start.length)}\n${text}\n${document.slice(to)}`)
}

const [alone, together] = [await unitCosts(atOnce.alone), await unitCosts(atOnce.together)]
const machine =
  `Measured with Redis ${alone.version} and its clients on one machine of ${availableParallelism()} cores, with ${
    loadavg()[0]!.toFixed(0)
  } runnable processes on average. An idle machine needs less.`
const ofSchedules = schedulesTable()
const tables = {
  "unit costs": `${machine}\n\n${costsTable(alone, together)}`,
  "fleets": fleetsTable(alone, together),
  schedules: ofSchedules
}
for (const [name, text] of Object.entries(tables)) {
  console.log(text)
  if (process.exitCode !== 1) write(name, text)
}
process.exit()
