/**
 * The page `docs/failure.md` shows the view of a user when something goes wrong: two of its tables are computed here.
 * `UPDATE_DOCS=1` writes them.
 */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Layer, Logger, ManagedRuntime } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError, type StoreErrorReason } from "effect-cached/CacheError"
import { SqliteStore } from "effect-cached/sqlite"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { singly } from "../../src/testing/internal/singly.ts"
import { pool, sleep, until, type Worker } from "../processes/processes.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { storeFrom } from "../support/storeFrom.ts"

const timeout = 180_000
const { end, open } = pool()
const root = mkdtempSync(join(tmpdir(), "effect-cached-"))
afterAll(end)
afterAll(() => rmSync(root, { recursive: true, force: true }))

const page = new URL("../../docs/failure.md", import.meta.url)

/** Compares a table with the one on the page, or writes it there. */
const documented = (name: string, table: ReadonlyArray<ReadonlyArray<string>>): void => {
  const [head, ...rows] = table
  const lines = [head!, head!.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
  const text = readFileSync(page, "utf8")
  const [start, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`]
  expect(text).toContain(start)
  expect(text).toContain(end)
  const updated = text.slice(0, text.indexOf(start) + start.length) + lines + text.slice(text.indexOf(end))
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, updated)
  else expect(text).toBe(updated)
}

// ---------------------------------------------------------------------------------------------------------------------
// the folder
// ---------------------------------------------------------------------------------------------------------------------

const storeTimeout = 150

/** Trouble with the store of one of two programs. */
interface Trouble {
  fails: StoreErrorReason | undefined
  /** Only what writes fails. */
  onlyWrites: boolean
  hangs: boolean
  slowMillis: number
  clockMillis: number
  readonly directory: string
}

const troubled = (trouble: Trouble, store: Store.Store): Store.Store => {
  const through = <A>(operation: string, effect: Effect.Effect<A, StoreError>, reads = false) =>
    Effect.suspend(() => {
      const { fails, hangs, onlyWrites, slowMillis } = trouble
      if (hangs) return Effect.never
      if (fails !== undefined && !(reads && onlyWrites)) {
        return Effect.fail(new StoreError({ store: store.name, operation, reason: fails }))
      }
      return slowMillis > 0 ? Effect.delay(effect, slowMillis) : effect
    })
  return {
    ...store,
    // The time of the program counts: a store that hangs here does not work.
    workedMillis: undefined,
    changesUnsafe() {
      if (trouble.hangs || (trouble.fails !== undefined && !trouble.onlyWrites)) throw new Error("cannot tell")
      return store.changesUnsafe!()
    },
    getUnsafe(id, tags) {
      const { fails, hangs, onlyWrites, slowMillis } = trouble
      // Asked once more, as an effect.
      if (hangs || slowMillis > 0 || (fails !== undefined && !onlyWrites)) throw new Error("later")
      return store.getUnsafe!(id, tags)
    },
    get: (id, tags) => through("get", store.get(id, tags), true),
    set: pluralOf.set((...asked) => through("set", singly(store).set(...asked))),
    remove: pluralOf.remove((id) => through("remove", singly(store).remove(id), trouble.fails === "Full")),
    acquire: pluralOf.acquire((...asked) =>
      through("acquire", singly(store).acquire(...asked), trouble.fails === "Full")
    ),
    commit: pluralOf.commit((...asked) => through("commit", singly(store).commit(...asked))),
    renew: pluralOf.renew((...asked) => through("renew", singly(store).renew(...asked))),
    release: (...asked) => through("release", store.release(...asked), trouble.fails === "Full")
  }
}

const shifted = (trouble: Trouble): Clock.Clock => {
  const real = Clock.Clock.defaultValue()
  const currentTimeMillisUnsafe = () => real.currentTimeMillisUnsafe() + trouble.clockMillis
  return {
    ...real,
    currentTimeMillisUnsafe,
    currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
    monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe(),
    sleep: (duration) => real.sleep(duration)
  }
}

const program = (name: string, trouble: Trouble) => {
  const store = Effect.map(
    storeFrom(SqliteStore.layer({ directory: trouble.directory })),
    (store) => troubled(trouble, store)
  )
  const layer = Layer.provide(CacheLayer.layer({ storeTimeout }), Layer.effect(Store.Store, store))
  const around = Layer.mergeAll(Layer.succeed(Clock.Clock, shifted(trouble)), Logger.layer([]))
  const runtime = ManagedRuntime.make(Layer.provideMerge(layer, around))
  let loads = 0
  const run = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>) => runtime.runPromise(effect)
  const value = (key: string) =>
    run(Effect.sync(() => `${name} ${++loads}`).pipe(Cached.ttl(key, { ttl: "10 minutes" })))
  return {
    run,
    dispose: () => runtime.dispose(),
    value,
    /** How a read of a key was answered. */
    read: async (key: string): Promise<string> => {
      const before = loads
      const startedAt = performance.now()
      await value(key)
      const millis = performance.now() - startedAt
      expect(millis).toBeLessThan(5000)
      const isLate = millis > storeTimeout * 0.8
      return (loads === before ? "served" : "loads") + (isLate ? ", after `storeTimeout`" : "")
    }
  }
}

const calm = (directory: string): Trouble => ({
  fails: undefined,
  onlyWrites: false,
  hangs: false,
  slowMillis: 0,
  clockMillis: 0,
  directory
})

const fileOf = (directory: string) =>
  join(directory, readdirSync(directory).filter((name) => /^cache\.v2\.\d+\.db$/.test(name)).toSorted().at(-1)!)

type Begin = (trouble: Trouble) => (() => void) | void

const failing = (reason: StoreErrorReason, onlyWrites = false): Begin => (trouble) => {
  Object.assign(trouble, { fails: reason, onlyWrites })
  return () => Object.assign(trouble, { fails: undefined })
}

const troubles: ReadonlyArray<readonly [what: string, begin: Begin]> = [
  ["nothing", () => {}],
  ["the store is slow: 20 ms for every answer", (trouble) => void (trouble.slowMillis = 20)],
  ["the store is down: everything fails", failing("Unavailable")],
  ["the store hangs: nothing is answered", (trouble) => {
    trouble.hangs = true
    return () => void (trouble.hangs = false)
  }],
  ["the disk is full", failing("Full", true)],
  ["the folder is read-only", failing("Denied", true)],
  ["another program locks the database", ({ directory }) => {
    const database = new DatabaseSync(fileOf(directory))
    database.exec("BEGIN IMMEDIATE")
    return () => database.close()
  }],
  ["the file is damaged", ({ directory }) => {
    const database = new DatabaseSync(fileOf(directory))
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    writeFileSync(fileOf(directory), readFileSync(fileOf(directory)).fill(0xAA))
  }],
  ["the folder is deleted", ({ directory }) => rmSync(directory, { recursive: true })],
  ["the clock is set forward, by an hour", (trouble) => void (trouble.clockMillis = 3_600_000)],
  ["the clock is set back, by an hour", (trouble) => void (trouble.clockMillis = -3_600_000)],
  ["a release with another format uses the folder", ({ directory }) => {
    writeFileSync(join(directory, "cache.v3.1.db"), "of another format")
    writeFileSync(join(directory, "cache.v3.current"), "1\n")
  }]
]

interface Seen {
  readonly reads: ReadonlyArray<string>
  /** The second read of a key that was nowhere. */
  readonly again: string
  /** Whether an invalidation takes effect in its program at once, and in the other before the trouble ends. */
  readonly holds: boolean
  readonly isHeard: boolean
}

/** Two programs on one folder, as two processes would be; the trouble is the first one's. */
const seen = async (begin: Begin, directory: string): Promise<Seen> => {
  const trouble = calm(directory)
  const here = program("here", trouble)
  const there = program("there", calm(directory))
  try {
    await there.read("in the folder")
    await here.read("in memory")
    const old = await there.value("in memory")
    // Writes by others are polled, and their entries are read once more.
    await sleep(200)
    await here.read("in memory")
    await there.read("in memory")
    const finish = begin(trouble)
    // A pause, so that the next read asks first what has happened.
    await sleep(200)
    const reads = []
    for (const key of ["in memory", "in the folder", "new"]) reads.push(await here.read(key))
    const again = await here.read("new")
    await here.run(Cached.invalidate("in memory"))
    const holds = await here.value("in memory") !== old
    await sleep(300)
    const isHeard = await there.value("in memory") !== old
    finish?.()
    await until("the other has polled", async () => await there.value("in memory") !== old)
    return { reads, again, holds, isHeard }
  } finally {
    await here.dispose()
    await there.dispose()
  }
}

describe("the view of a program", () => {
  it("of a folder that goes wrong is in docs/failure.md", { timeout }, async () => {
    const rows: Array<ReadonlyArray<string>> = []
    for (const [i, [what, begin]] of troubles.entries()) {
      const { again, holds, ...shown } = await seen(begin, join(root, String(i)))
      // Alike in all troubles, so the table does not show it.
      expect({ what, again, holds }).toEqual({ what, again: "served", holds: true })
      rows.push([what, ...shown.reads, shown.isHeard ? "at once" : "when it is over"])
    }
    documented("the folder", [
      [
        "what goes wrong",
        "read: in memory",
        "read: in the folder",
        "read: nowhere",
        "others see an invalidation"
      ],
      ...rows
    ])
  })

  it("when the folder cannot be used from the beginning is a typed failure of the layer", async () => {
    const file = join(root, "file")
    writeFileSync(file, "")
    const build = Layer.build(CacheLayer.disk({ directory: join(file, "cache") }))
    const exit = await Effect.runPromise(Effect.exit(Effect.scoped(build)))
    expect(Exit.isFailure(exit) && String(exit.cause)).toContain("StoreError")
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// the process that loads
// ---------------------------------------------------------------------------------------------------------------------

const lease = 600

interface Scene {
  readonly leader: Worker
  readonly other: Worker
}

const scenes: ReadonlyArray<readonly [what: string, play: (scene: Scene) => Promise<unknown>]> = [
  ["nothing", async () => {}],
  ["it is killed", async ({ leader }) => leader.signal("SIGKILL")],
  ["it is stopped beyond its lease, and continued", async ({ leader, other }) => {
    leader.signal("SIGSTOP")
    await until("the other has stored", async () => (await other.ask({ do: "stats" })).loads === 1)
    await sleep(300)
    leader.signal("SIGCONT")
  }],
  ["it is blocked for longer than its lease", ({ leader }) => leader.ask({ do: "block", millis: 3 * lease })],
  ["it closes its cache", ({ leader }) => leader.ask({ do: "close" })],
  ["another process invalidates what it loads", ({ other }) => other.ask({ do: "invalidate", key: "k" })]
]

describe("the outcome of a load", () => {
  it("whose process goes wrong is in docs/failure.md", { timeout }, async () => {
    const rows: Array<ReadonlyArray<string>> = []
    for (const [what, play] of scenes) {
      const { lines, loads, workers } = await open(2, { lease, wait: 30_000, shutdownTimeout: 50 })
      const [leader, other] = workers as [Worker, Worker]
      const leading = leader.ask({ do: "read", key: "k", load: { sleepMillis: 400 } }).catch(() => undefined)
      await until("its load", () => loads().length === 1)
      const waiting = other.ask({ do: "read", key: "k", load: { sleepMillis: 10 } })
      await sleep(100)
      const startedAt = performance.now()
      const played = play({ leader, other })
      const own = (await leading)?.values[0]
      const got = (await waiting).values[0]
      await played
      const [first, second] = loads()
      const isEarly = second !== undefined && second.at - first!.at < lease - 50
      const late = lines("commit").find((line) => line.process === leader.name)
      rows.push([
        what,
        String(loads().length),
        own === first!["value"] ? "its value" : own === undefined ? "nothing" : "an interruption",
        got === first!["value"]
          ? "its value"
          : isEarly
          ? "their own load's, at once"
          : "their own load's, after the lease",
        late?.["answer"] === true ? "is stored" : "is not stored"
      ])
      expect(performance.now() - startedAt).toBeLessThan(10_000)
    }
    documented("the process that loads", [
      ["what happens to it", "total loads", "its callers get", "callers elsewhere get", "its value"],
      ...rows
    ])
  })
})
