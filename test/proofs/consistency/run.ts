/** Runs processes on one folder for a while, and kills, stops and robs them. */
import { type ChildProcess, fork } from "node:child_process"
import { mkdirSync, rmSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { clock, type Recorder, recorder } from "../../processes/recording.ts"
import { fillDisk } from "../../support/fullDisk.ts"
import { copyOf, databaseIn } from "../../support/olderCopy.ts"
import { startPostgres } from "../../support/postgres.ts"
import { programOf } from "../../support/program.ts"
import { type Server, startEither } from "../../support/redis.ts"
import { listen, make as makeS3 } from "../../support/s3.ts"
import { smallDisk } from "../../support/smallDisk.ts"
import { robObjects } from "./objects.ts"
import { type Plan, prefix } from "./plan.ts"
import { deafenPostgres, robPostgres } from "./postgres.ts"
import { type Dice, dice } from "./random.ts"

export interface RunOptions {
  readonly seed: number
  readonly seconds: number
  readonly processes: number
  /** The place that the processes share: a folder, a server, or a server behind the folders of two machines. */
  readonly store?: "cluster" | "disk" | "objects" | "postgres" | "redis" | "tiers" | undefined
  /** A folder of its own, for the cache and the log. */
  readonly folder: string
  /**
   * The database and its files are removed and replaced too, and the disk is filled. Leases are lost with them, so P1
   * cannot be judged
   */
  readonly removes?: boolean | undefined
  /** Asked every two seconds with the log so far: no more is needed. */
  readonly isEnough?: ((file: string) => boolean) | undefined
}

export interface Ran {
  /** The file with the records of all processes. */
  readonly file: string
  readonly kills: number
  readonly stops: number
  readonly thefts: number
  readonly removals: number
  /** Older copies that took the place of the folder. */
  readonly copies: number
  /** How often the disk was full. */
  readonly fills: number
  /** How often a server pushed no changes for a while. */
  readonly silences: number
}

const module = fileURLToPath(new URL("worker.ts", import.meta.url))

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Data that a store may lose at any time: a loss must cost a load, and never a stale read. */
const thefts: ReadonlyArray<string> = [
  "DELETE FROM marker",
  "DELETE FROM marker WHERE tag = 'a'",
  "DELETE FROM entry",
  "DELETE FROM entry WHERE id IN ('plain', 'both')",
  "DELETE FROM change"
]

const rob = (directory: string, { pick }: Dice): number => {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(databaseIn(directory), { timeout: 50 })
    database.exec(pick(thefts))
    return 1
  } catch {
    // Another was writing for too long, or the folder or the tables are not there yet.
    return 0
  } finally {
    database?.close()
  }
}

/** The same of a Redis server, which also loses its scripts and its connections. */
const theftsOfRedis: ReadonlyArray<(server: Server, thrown: Dice) => Promise<unknown>> = [
  (server) => unlink(server, `${prefix}:t:*`),
  (server) => unlink(server, `${prefix}:v:*`),
  (server) => unlink(server, `${prefix}:v:*}plain`),
  (server) => server.ask("SCRIPT", "FLUSH"),
  (server) => hangUp(server),
  (server, thrown) => hangUpOne(server, thrown)
]

const hangUpOne = async (server: Server, { pick }: Dice): Promise<void> => {
  const clients = String(await server.ask("CLIENT", "LIST")).split("\n")
  const one = pick(clients.filter((line) => !line.includes("cmd=client|list")))
  await server.ask("CLIENT", "KILL", "ID", /^id=(\d+)/.exec(one)?.[1] ?? "0")
}

const hangUp = async (server: Server): Promise<unknown> => {
  await server.ask("CLIENT", "KILL", "TYPE", "pubsub")
  return server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
}

const robServer = (server: Server, thrown: Dice): Promise<number> =>
  // Another theft may have cut the connection of this one.
  thrown.pick(theftsOfRedis)(server, thrown).then(() => 1, () => 0)

const unlink = async (server: Server, pattern: string): Promise<void> => {
  const keys = await server.ask("KEYS", pattern) as ReadonlyArray<unknown>
  if (keys.length > 0) await server.ask("UNLINK", ...keys.map(String))
}

/** For a while no process may subscribe to changes. */
const deafen = async (server: Server, { below }: Dice): Promise<number> => {
  try {
    await server.ask("ACL", "SETUSER", "default", "-subscribe", "-ssubscribe")
    await hangUp(server)
    await sleep(200 + below(1000))
    return 1
  } catch {
    // A theft has cut this connection, too.
    return 0
  } finally {
    await giveBack(server)
  }
}

const giveBack = (server: Server): Promise<unknown> =>
  server.ask("ACL", "SETUSER", "default", "+subscribe", "+ssubscribe").catch(() => giveBack(server))

/** Removals by clean-up jobs, or by hand. */
const removals: ReadonlyArray<(directory: string, database: string) => void> = [
  (directory) => rmSync(directory, { recursive: true, force: true }),
  (_, database) => rmSync(`${database}-wal`, { force: true }),
  (_, database) => rmSync(`${database}-shm`, { force: true }),
  (_, database) => truncateSync(database, 0)
]

const removeFiles = (directory: string, { pick }: Dice): number => {
  try {
    pick(removals)(directory, databaseIn(directory))
    return 1
  } catch {
    // A process has just made a file again, or the folder is not there yet.
    return 0
  }
}

/** An older copy takes the place of the folder, as when a backup is played back. */
const replace = async (directory: string, { below }: Dice, note: Recorder["write"]): Promise<number> => {
  const at = clock()
  try {
    const playBack = copyOf(directory)
    await sleep(below(3000))
    playBack()
    note("replaced", { at })
    return 1
  } catch {
    // Another was writing for too long, the disk is full, or the folder is not there.
    return 0
  }
}

/** Another program fills the disk for a while. */
const fill = async (root: string, { below }: Dice): Promise<number> => {
  const empty = fillDisk(join(root, "others"))
  await sleep(200 + below(1500))
  empty()
  return 1
}

/** The cache is on a disk of its own where it is to be full, if this machine lets it be mounted. */
const diskMegabytes = 16

export const run = async (
  { folder, isEnough = () => false, processes, removes = false, seconds, seed, store = "disk" }: RunOptions
): Promise<Ran> => {
  const program = await programOf(module)
  const thrown = dice(seed)
  const { below, next } = thrown
  const disk = removes ? smallDisk(diskMegabytes) : undefined
  const root = disk?.directory ?? folder
  const directory = join(root, "cache")
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const machines = store === "tiers" ? ["near", "far"].map((name) => join(root, name)) : []
  const redis = store === "redis" || store === "tiers"
    ? await startEither("server")
    : store === "cluster"
    ? await startEither("cluster")
    : undefined
  const postgres = store === "postgres" ? await startPostgres() : undefined
  const s3 = makeS3()
  const bucket = store === "objects" ? await listen(s3) : undefined
  const file = join(folder, "log.jsonl")
  const { write: note } = recorder(file, "check")
  const children = new Map<number, ChildProcess>()
  const names = new Map<number, string>()
  const stopped = new Set<number>()
  let started = 0
  let [kills, stops, robbed, removed, copies, fills, silences] = [0, 0, 0, 0, 0, 0, 0]

  const start = (place: number): Promise<void> =>
    new Promise((resolve) => {
      const plan: Plan = {
        name: `p${++started}`,
        directory,
        url: redis?.servers[0]!.url ?? postgres?.url ?? bucket?.endpoint,
        nodes: store === "cluster" ? redis?.servers.map(({ url }) => url) : undefined,
        machine: machines[(place >> 1) % 2],
        file,
        seed: seed * 1000 + started,
        delays: place % 2 === 1,
        hasMemory: place % 4 >= 2
      }
      const child = fork(program, [JSON.stringify(plan)], {
        execArgv: [],
        stdio: ["ignore", "ignore", "inherit", "ipc"]
      })
      children.set(place, child)
      names.set(place, plan.name)
      child.once("message", () => resolve())
      child.once("exit", () => resolve())
    })

  const kill = async (place: number): Promise<void> => {
    kills++
    stopped.delete(place)
    children.get(place)!.kill("SIGKILL")
    note("killed", { process: names.get(place) })
    await start(place)
  }

  const stop = async (place: number, millis: number): Promise<void> => {
    stops++
    const child = children.get(place)!
    const process = names.get(place)
    stopped.add(place)
    const at = clock()
    child.kill("SIGSTOP")
    await sleep(millis)
    child.kill("SIGCONT")
    stopped.delete(place)
    // A process that is killed meanwhile cannot record that it did nothing.
    note("stopped", { process, at })
  }

  await Promise.all(Array.from({ length: processes }, (_, place) => start(place)))
  const end = performance.now() + seconds * 1000
  let lookAt = performance.now() + 2000
  const under: Array<Promise<void>> = []
  let [replacing, filling, deafening] = [Promise.resolve(), Promise.resolve(), Promise.resolve()]
  // On a busy machine, the first removal or silence may take longer.
  const isDone = () => removes ? removed > 0 : redis === undefined || silences > 0
  const isOver = () => performance.now() > end && (isDone() || performance.now() > end + 20_000)
  while (!isOver()) {
    await sleep(50 + below(300))
    if (performance.now() > lookAt) {
      if (isEnough(file)) break
      lookAt = performance.now() + 2000
    }
    const place = below(processes)
    const roll = next()
    if (removes && roll < 0.15) removed += removeFiles(directory, thrown)
    else if (removes && roll < 0.25) {
      replacing = replacing.then(async () => {
        copies += await replace(directory, thrown, note)
      })
    } else if (disk !== undefined && roll < 0.3) {
      filling = filling.then(async () => {
        fills += await fill(root, thrown)
      })
    } else if (roll < 0.08 && redis !== undefined) {
      deafening = deafening.then(async () => {
        silences += await deafen(thrown.pick(redis.servers), thrown)
      })
    } else if (roll < 0.08 && postgres !== undefined) silences += await deafenPostgres(postgres)
    else if (roll < 0.5 && bucket !== undefined) robbed += robObjects(s3, bucket, thrown)
    else if (roll < 0.5 && postgres !== undefined) robbed += await robPostgres(postgres, thrown)
    else if (roll < 0.3 && machines.length > 0) robbed += rob(thrown.pick(machines), thrown)
    else if (roll < 0.5 && redis !== undefined) robbed += await robServer(thrown.pick(redis.servers), thrown)
    else if (roll < 0.5) robbed += rob(directory, thrown)
    else if (stopped.has(place)) continue
    else if (roll < 0.65) await kill(place)
    else under.push(stop(place, 50 + below(next() < 0.3 ? 2000 : 400)))
  }
  await Promise.all([...under, replacing, filling, deafening])
  await Promise.all(Array.from(children.values(), (child) =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || !child.connected) return resolve()
      // A process that does not end by itself is noticed: it leaves no statistics.
      const timer = setTimeout(() => child.kill("SIGKILL"), 15_000)
      child.once("exit", () => {
        clearTimeout(timer)
        resolve()
      })
      child.send("end")
    })))
  disk?.end()
  await redis?.end()
  await postgres?.end()
  await bucket?.stop()
  return { file, kills, stops, thefts: robbed, removals: removed, copies, fills, silences }
}
