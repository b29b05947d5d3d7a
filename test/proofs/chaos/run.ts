/** Runs one attack, and judges what the processes wrote down meanwhile. */
import { type ChildProcess, fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { clock, type Line, linesOf, recorder } from "../../processes/recording.ts"
import { check, concerns, groupBy } from "../consistency/check.ts"
import { checkWhole } from "../consistency/checkBank.ts"
import { checkLocked } from "../consistency/checkGuards.ts"
import { dice } from "../consistency/random.ts"
import { calmWork, type Plan } from "./plan.ts"
import { servedTooLong, waitedTooLong } from "./promises.ts"
import { type Arena, type Attack, type Crowd, sleep, type Target } from "./target.ts"

/** The observations of all processes that used the store. */
export interface Outcome {
  readonly attack: string
  readonly reads: number
  readonly loads: number
  /** Loads that began while another process loaded the same key, which had not changed meanwhile. */
  readonly doubled: number
  /** The oldest value that was served after an acknowledged invalidation elsewhere, in milliseconds. */
  readonly staleMillis: number
  /** Reads that gave what was invalidated while their process was stopped, and how many stops there were. */
  readonly staleAfterStop: number
  readonly stops: number
  readonly kills: number
  /** The longest that a caller has waited, less the time in which its process could not run. */
  readonly slowestMillis: number
  /** The longest that a process has not followed what others change. */
  readonly untrackedMillis: number
  /** The longest turn of an event loop, and the most that one has worked itself. */
  readonly turnMillis: number
  readonly turnCpuMillis: number
  /** Reads that gave no value. */
  readonly failed: number
  /** Strict invalidations that were not acknowledged. */
  readonly refused: number
  readonly bytes: number
  /** Violations. */
  readonly faults: ReadonlyArray<string>
}

interface Run {
  readonly target: Target
  readonly attack: Attack
  readonly seconds: number
  readonly seed: number
}

const program = fileURLToPath(new URL("worker.ts", import.meta.url))

/** The outcome of an attack; `undefined` where this machine does not let it happen. */
export const run = async ({ attack, seconds, seed, target }: Run): Promise<Outcome | undefined> => {
  const arena = await attack.arena()
  if (arena === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
  const file = join(folder, "recording.jsonl")
  const { write: note } = recorder(file, "chaos")
  const crowd = makeCrowd({ arena, attack, file, note, seed, target })
  let bytes = 0
  let lookedAt = clock()
  const look = setInterval(() => {
    bytes = Math.max(bytes, arena.bytes())
    // Proxies are in this process.
    if (clock() - lookedAt > 40) note("lag", { at: lookedAt })
    lookedAt = clock()
  }, 20)
  try {
    await crowd.start()
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) await attack.strike(arena, crowd)
    await attack.relent?.(arena)
    const late = await crowd.end()
    clearInterval(look)
    const left = await attack.leaves?.(arena) ?? []
    const works = await target.works(arena.where)
    const judged = judge(linesOf(file), attack)
    return {
      attack: attack.name,
      ...judged,
      bytes,
      faults: [
        ...judged.faults,
        ...late.map((name) => `${name} has not ended`),
        ...left.map((one) => `left behind: ${one}`),
        ...works ? [] : ["what is stored afterwards is not shared"],
        ...bytes > (attack.mostBytes ?? Infinity) ? [`${bytes} bytes, at most ${attack.mostBytes}`] : []
      ]
    }
  } finally {
    clearInterval(look)
    crowd.killAll()
    await arena.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Parts {
  readonly target: Target
  readonly attack: Attack
  readonly arena: Arena
  readonly file: string
  readonly note: Crowd["note"]
  readonly seed: number
}

/** How long a process may take to end by itself, on a busy machine too. */
const endMillis = 30_000

const makeCrowd = ({ arena, attack, file, note, seed, target }: Parts) => {
  const { processes = 4, through, work } = attack
  const random = dice(seed)
  const children = new Map<number, { readonly name: string; readonly child: ChildProcess }>()
  const stopped = new Set<number>()
  let started = 0

  const startAt = (place: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const name = `p${++started}`
      const plan: Plan = {
        name,
        store: target.store,
        where: attack.whereOf?.(arena, place) ?? arena.where,
        file,
        seed: seed * 1000 + started,
        isWitnessed: attack.unheardMillis === undefined,
        work: { ...calmWork, ...work }
      }
      const [execPath, ...args] = [...through?.(place, arena) ?? [], process.execPath]
      const child = fork(program, [JSON.stringify(plan)], {
        execPath: execPath!,
        execArgv: [...args, "--conditions=effect-cached-source", "--no-warnings"],
        stdio: ["ignore", "ignore", "inherit", "ipc"]
      })
      children.set(place, { name, child })
      child.once("error", reject)
      child.once("message", () => resolve())
      child.once("exit", (code) => {
        if (code !== 0 && code !== null) note("died", { process: name, cause: `it ended with ${code}` })
        resolve()
      })
    })

  const all = Array.from({ length: processes }, (_, place) => place)

  const runningPlace = (): number | undefined => {
    const running = all.filter((place) => !stopped.has(place))
    return running.length === 0 ? undefined : random.pick(running)
  }

  return {
    dice: random,
    note,
    start: () => Promise.all(all.map(startAt)),
    async killOne() {
      const place = runningPlace()
      if (place === undefined) return
      const { child, name } = children.get(place)!
      child.kill("SIGKILL")
      note("killed", { process: name })
      await startAt(place)
    },
    async closeOne() {
      const place = runningPlace()
      if (place === undefined) return
      await new Promise<void>((resolve) => {
        const { child, name } = children.get(place)!
        const timer = setTimeout(() => {
          note("died", { process: name, cause: "it does not close" })
          child.kill("SIGKILL")
        }, endMillis)
        child.once("exit", () => {
          clearTimeout(timer)
          resolve()
        })
        child.send("close")
      })
      await startAt(place)
    },
    async stopOne(millis: number) {
      const place = runningPlace()
      if (place === undefined) return
      const { child, name } = children.get(place)!
      const at = clock()
      stopped.add(place)
      child.kill("SIGSTOP")
      await sleep(millis)
      child.kill("SIGCONT")
      stopped.delete(place)
      note("stopped", { process: name, at })
    },
    /** The names of the processes that have to be killed in the end. */
    async end(): Promise<ReadonlyArray<string>> {
      const late: Array<string> = []
      await Promise.all(Array.from(children.values(), ({ child, name }) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null || !child.connected) return resolve()
          const timer = setTimeout(() => {
            late.push(name)
            child.kill("SIGKILL")
          }, endMillis)
          child.once("exit", () => {
            clearTimeout(timer)
            resolve()
          })
          child.send("end")
        })))
      return late
    },
    killAll() {
      for (const { child } of children.values()) child.kill("SIGKILL")
    }
  }
}

const judge = (lines: ReadonlyArray<Line>, attack: Attack): Omit<Outcome, "attack" | "bytes"> => {
  const of = (what: string) => lines.filter((line) => line.what === what)
  const { latestMillis, reads, staleAfterStop, violations } = check(lines, true, attack.unheardMillis)
  const stops = of("stopped")
  const turns = of("turn").filter((turn) =>
    !stops.some((stop) => stop.process === turn.process && stop.at < turn.until && stop.until > turn.at)
  )
  const failed = of("failed")
  // A process that does not follow changes runs.
  const lags = [...of("lag").filter((lag) => lag["untracked"] !== true), ...stops]
  const lagged = ({ at, process, until }: Line) =>
    lags.reduce(
      (sum, lag) =>
        lag.process === process ? sum + Math.max(0, Math.min(until, lag.until) - Math.max(at, lag.at)) : sum,
      0
    )
  const answered = [...of("read"), ...of("miss"), ...of("herd"), ...of("brief"), ...failed]
  const isShared = of("read").some((read) => !String(read["value"]).startsWith(`${read.process} `))
  const most = (numbers: ReadonlyArray<number>) => numbers.reduce((most, number) => Math.max(most, number), 0)
  return {
    reads: reads + of("miss").length + of("herd").reduce((sum, line) => sum + Number(line["count"]), 0),
    loads: of("value").length,
    doubled: doubled(lines),
    staleMillis: latestMillis,
    staleAfterStop,
    stops: stops.length,
    kills: of("killed").length,
    slowestMillis: answered.reduce(
      (slowest, line) =>
        line.until - line.at <= slowest ? slowest : Math.max(slowest, line.until - line.at - lagged(line)),
      0
    ),
    untrackedMillis: most(of("tracked").map(({ at, until }) => until - at)),
    turnMillis: most(turns.map(({ at, until }) => until - at)),
    turnCpuMillis: most(turns.map((turn) => Number(turn["cpuMillis"]))),
    failed: failed.length,
    refused: of("changed").filter((line) => line["reached"] === false).length,
    faults: [
      ...violations,
      ...checkLocked(of),
      ...checkWhole(of),
      ...servedTooLong(of, lags),
      ...attack.longestMillis === undefined
        ? []
        : waitedTooLong(answered, of("struck"), lagsOf(of), attack.longestMillis),
      ...failed.slice(0, 3).map((line) => `${line.process} ${line.id}: ${String(line["cause"])}`),
      ...isShared || attack.isShared !== true ? [] : ["no process received what another process loaded"]
    ]
  }
}

/** The lateness of the machine, for any process that runs. */
const lagsOf = (of: (what: string) => ReadonlyArray<Line>): ReadonlyArray<Line> => {
  const stops = of("stopped")
  return of("lag").filter((lag) =>
    lag["untracked"] !== true &&
    !stops.some((stop) => stop.process === lag.process && stop.at < lag.until && stop.until > lag.at)
  )
}

/** Those of a process that was killed have no end, and count as none to wait for. */
const doubled = (lines: ReadonlyArray<Line>): number => {
  const nameOf = (line: Line) => `${line.id} ${String(line["value"])}`
  const endedAt = new Map(lines.filter(({ what }) => what === "loaded").map((line) => [nameOf(line), line.at]))
  const loads = lines.filter((line) => line.what === "value" && endedAt.has(nameOf(line)))
  const changes = lines.filter(({ what }) => what === "changed" || what === "changed begins")
  const isChanged = (id: string, from: number, to: number) =>
    changes.some((change) => concerns(change, id) && change.at < to && change.until > from)
  const byId = groupBy(loads, ({ id }) => id!)
  return loads.filter((load) =>
    byId.get(load.id!)!.some((other) =>
      other.at < load.at && endedAt.get(nameOf(other))! > load.at &&
      !isChanged(load.id!, other.at - changedMillis, load.at)
    )
  ).length
}

/** A process that has not received a change yet may begin, and then learns that it no longer leads. */
const changedMillis = 100
