/**
 * A program that uses a cache in every way for minutes or hours, in memory, on disk and over a server, beside another
 * one that is killed every 20 seconds. Fails where heap, handles, connections, log or database still grow after the
 * first quarter, or where an operation fails.
 *
 *     npm run prove -- soak --minutes 10
 *     npm run prove -- soak --hours 8 --only redis
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { isMissing } from "../../../support/needs.ts"
import { program as redis, startServer } from "../../../support/redis.ts"
import type { Held, Plan, Where } from "./plan.ts"

type Sizes = Readonly<Record<string, number>>

interface Target {
  readonly where: Where
  /** The sizes of the storage itself. */
  readonly sizes: () => Promise<Sizes>
  readonly end: () => unknown
}

/** A disk may take half a second to write its log to the medium. A lock that is never released takes longer. */
const storeTimeout = "5 seconds"

const memory = async (): Promise<Target> => ({
  where: { _tag: "memory" },
  sizes: () => Promise.resolve({}),
  end: () => {}
})

const disk = async (): Promise<Target> => {
  const directory = mkdtempSync(join(tmpdir(), "effect-cached-soak-"))
  const megabytes = (isOne: (name: string) => boolean) =>
    readdirSync(directory).filter(isOne)
      .reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0) / 1e6
  return {
    where: { _tag: "disk", options: { directory, maxSize: "20 MB", storeTimeout } },
    sizes: () =>
      Promise.resolve({
        "database MB": megabytes((name) => name.endsWith(".db")),
        "log MB": megabytes((name) => name.endsWith("-wal")),
        "files in the folder": readdirSync(directory).length
      }),
    end: () => rmSync(directory, { recursive: true, force: true })
  }
}

const server = async (): Promise<Target | undefined> => {
  if (isMissing(redis)) return undefined
  const { ask, end, url } = await startServer()
  const told = async (section: string, name: string) =>
    Number(new RegExp(`^${name}:(\\d+)`, "m").exec(String(await ask("INFO", section)))?.[1])
  return {
    where: { _tag: "redis", options: { url, prefix: "soak", storeTimeout } },
    sizes: async () => ({
      "server MB": await told("memory", "used_memory") / 1e6,
      connections: await told("clients", "connected_clients")
    }),
    end
  }
}

export const targets = { memory, disk, redis: server }

const killMillis = 20_000

/** The allowed growth from the first quarter to the end: not the same runs at each moment. */
const slack: Sizes = {
  "heap MB": 5,
  handles: 4,
  "open files": 6,
  fibers: 10,
  "database MB": 2,
  "log MB": 2,
  "server MB": 2
}
const slackOf = (name: string) => slack[name] ?? 3

const start = (plan: Plan): ChildProcess =>
  fork(join(import.meta.dirname, "child.ts"), [JSON.stringify(plan)], {
    execArgv: ["--conditions=effect-cached-source", "--expose-gc", "--no-warnings"],
    stdio: ["ignore", "ignore", "inherit", "ipc"]
  })

const ask = async (child: ChildProcess): Promise<Held> => {
  child.send("held")
  return (await once(child, "message", { signal: AbortSignal.timeout(60_000) }))[0] as Held
}

const mean = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length

/** Soaks one target, prints a line each tenth, and answers what is wrong. */
const soak = async (name: string, target: Target, millis: number): Promise<ReadonlyArray<string>> => {
  let seed = 1
  const watched = start({ where: target.where, seed })
  let victim = start({ where: target.where, seed: ++seed })
  const kill = setInterval(() => {
    victim.kill("SIGKILL")
    victim = start({ where: target.where, seed: ++seed })
  }, killMillis)
  const samples: Array<Sizes> = []
  const count = 80
  let held: Held | undefined
  try {
    await sleep(Math.min(5000, millis / 10))
    for (let i = 1; i <= count; i++) {
      await sleep(millis / count)
      held = await ask(watched)
      samples.push({
        "heap MB": held.heap,
        handles: held.handles,
        "open files": held.files,
        fibers: held.fibers,
        ...await target.sizes()
      })
      if (i % 10 !== 0) continue
      const lately = samples.slice(-10)
      const shown = Object.keys(lately[0]!).map((key) => `${key} ${mean(lately.map((s) => s[key]!)).toFixed(1)}`)
      console.log(
        `${name.padEnd(7)} ${`${i / count * 100}`.padStart(5)} %  ${shown.join("  ")}  ${held.operations} operations`
      )
    }
  } finally {
    clearInterval(kill)
    victim.kill("SIGKILL")
    watched.kill("SIGKILL")
    await Promise.all([victim, watched].map((child) => child.exitCode ?? child.signalCode ?? once(child, "exit")))
    await target.end()
  }
  const second = samples.slice(count / 4, count / 2)
  const last = samples.slice(-count / 4)
  return [
    ...Object.keys(samples[0]!).flatMap((key) => {
      const [before, after] = [second, last].map((quarter) => mean(quarter.map((sample) => sample[key]!))) as [
        number,
        number
      ]
      return after <= before * 1.05 + slackOf(key)
        ? []
        : [`${key} has grown from ${before.toFixed(1)} to ${after.toFixed(1)}`]
    }),
    ...held!.failures === 0
      ? []
      : [`${held!.failures} of ${held!.operations} operations failed, the last with ${held!.lastFailure}`]
  ]
}

/** All targets whose name has the text, one after the other; answers how many have failed. */
export const soakFor = async (millis: number, only: string): Promise<number> => {
  let failed = 0
  for (const [name, make] of Object.entries(targets)) {
    if (!name.includes(only)) continue
    const target = await make()
    if (target === undefined) {
      console.log(`${name}: this machine has no ${redis}`)
      continue
    }
    const problems = await soak(name, target, millis)
    for (const problem of problems) console.log(`FAILED ${name}: ${problem}`)
    if (problems.length > 0) failed++
  }
  return failed
}
