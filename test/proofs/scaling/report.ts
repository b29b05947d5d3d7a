/** The tables of docs/scaling.md, from what was measured. */

/** Work of the server since its start. */
export interface Used {
  /** Time of its processor, in microseconds. */
  readonly micros: number
  readonly commands: number
  /** Bytes that it has received and sent. */
  readonly received: number
  readonly sent: number
}

export interface Costs {
  readonly hit: Used
  readonly load: Used
  readonly removal: Used
  readonly tag: Used
  readonly push: Used
  /** That of Redis. */
  readonly version: string
}

/** The counts of a schedule of many processes. */
export interface Schedule {
  readonly processes: number
  readonly seed: number
  readonly reads: number
  readonly loads: number
  readonly pushes: number
  readonly lostConnections: number
  readonly violations: number
}

export interface Scaling {
  readonly alone: Costs
  readonly together: Costs
  readonly cores: number
  /** How many processes could run, on average. */
  readonly runnable: number
  readonly schedules: ReadonlyArray<Schedule>
}

/** One call after the other, and many at once, which share round trips. */
export const atOnce = { alone: 1, together: 50 } as const

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

/** Ten processes need hardly anything. */
const kinds: ReadonlyArray<Kind> = [100, 1000, 10_000].flatMap((processes): ReadonlyArray<Kind> =>
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
    ["processes", "memory answers", "writes", "memory tier", "reports/s", "MB/s", "cores of the server"],
    ...kinds.map((kind) => {
      const { bytes, core, pushes } = loadOf(alone, kind)
      return [
        String(kind.processes),
        `${kind.inMemory * 100} %`,
        `${kind.writes}/s`,
        kind.memory,
        round(pushes),
        (bytes / 1e6).toFixed(1),
        `${loadOf(together, kind).core.toFixed(2)} to ${core.toFixed(2)}`
      ]
    })
  ])

const schedulesTable = (schedules: ReadonlyArray<Schedule>): string =>
  tableOf([
    ["processes", "seed", "reads", "loads", "pushes", "lost connections", "promises broken"],
    ...schedules.map(({ loads, lostConnections, processes, pushes, reads, seed, violations }) =>
      [processes, seed, reads, loads, pushes, lostConnections, violations].map(String)
    )
  ])

const machineOf = ({ alone: { version }, cores, runnable }: Scaling): string =>
  `Measured with Redis ${version} and its clients on one machine of ${cores} cores, with ${
    runnable.toFixed(0)
  } runnable processes on average. An idle machine needs less.`

/** By the names of their places. */
export const tables = (scaling: Scaling): ReadonlyMap<string, string> => {
  const { alone, schedules, together } = scaling
  return new Map([
    ["unit costs", `${machineOf(scaling)}\n\n${costsTable(alone, together)}`],
    ["fleets", fleetsTable(alone, together)],
    ["schedules", schedulesTable(schedules)]
  ])
}

/** Those for users. The command prints the schedules too. */
const onPage = new Set(["unit costs", "fleets"])

/** The page with these tables at their places. */
export const withTables = (page: string, scaling: Scaling): string => {
  let text = page
  for (const [name, table] of tables(scaling)) {
    if (!onPage.has(name)) continue
    const [start, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`]
    const [from, to] = [text.indexOf(start), text.indexOf(end)]
    if (from < 0 || to < 0) throw new Error(`the page has no place for the ${name}`)
    text = `${text.slice(0, from + start.length)}\n${table}\n${text.slice(to)}`
  }
  return text
}
