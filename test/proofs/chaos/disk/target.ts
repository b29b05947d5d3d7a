/** Attacks on `CacheLayer.disk`: damage to its folder. */
import { SqliteStore } from "effect-cached/sqlite"
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, truncateSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { clock } from "../../../processes/recording.ts"
import { fillDisk } from "../../../support/fullDisk.ts"
import { copyOf, databaseIn } from "../../../support/olderCopy.ts"
import { smallDisk } from "../../../support/smallDisk.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import type { Dice } from "../../consistency/random.ts"
import { calmly, clocksApart, kills, share, stops } from "../shared.ts"
import { type Arena, type Attack, attack, sleep, type Target } from "../target.ts"

interface Folder extends Arena {
  readonly where: { readonly directory: string; readonly maxSize: string }
  /** Beside the folder, on the same disk. */
  readonly root: string
}

const bytesIn = (directory: string): number => {
  try {
    return readdirSync(directory).reduce(
      (sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0),
      0
    )
  } catch {
    // It is deleted at the moment.
    return 0
  }
}

const folderIn = (root: string, maxSize: string, end: () => void): Folder => {
  const directory = join(root, "cache")
  return { root, where: { directory, maxSize }, bytes: () => bytesIn(directory), end }
}

const folder = (maxSize = "20 MB") => (): Folder => {
  const root = mkdtempSync(join(tmpdir(), "effect-cached-chaos-"))
  return folderIn(root, maxSize, () => rmSync(root, { recursive: true, force: true }))
}

const onSmallDisk = (megabytes: number) => (): Folder | undefined => {
  const disk = smallDisk(megabytes)
  return disk && folderIn(disk.directory, "1 GiB", disk.end)
}

/** Between two of its steps processes may have removed what it needs. */
const attempt = (step: () => void): void => {
  try {
    step()
  } catch {
    // The next one may succeed.
  }
}

/** Does something to the folder now and then. */
const nowAndThen =
  (step: (folder: Folder, dice: Dice) => void): Attack<Folder>["strike"] => async (folder, { dice }) => {
    await sleep(200 + dice.below(400))
    attempt(() => step(folder, dice))
  }

/** Another program fills the disk for a while. */
const fill = async ({ root }: Folder, millis: number): Promise<void> => {
  const empty = fillDisk(join(root, "others"))
  await sleep(millis)
  empty()
}

const databaseOf = ({ where }: Folder): string => databaseIn(where.directory)

const damage = (folder: Folder, { below, next, pick }: Dice): void => {
  const name = databaseOf(folder) + pick(["", "", "-wal"])
  const file = openSync(name, "r+")
  try {
    const at = below(Math.max(1, statSync(name).size))
    writeSync(
      file,
      Buffer.from(Array.from({ length: 1 + below(next() < 0.5 ? 64 : 8192) }, () => below(256))),
      0,
      null,
      at
    )
  } finally {
    closeSync(file)
  }
}

const removeAll = ({ where }: Folder) => rmSync(where.directory, { recursive: true, force: true })

/** An older copy takes the place of the folder, as when a backup is played back. */
const replace: Attack<Folder>["strike"] = async ({ where }, { dice, note }) => {
  await sleep(200)
  const at = clock()
  let playBack = () => {}
  attempt(() => playBack = copyOf(where.directory))
  await sleep(200 + dice.below(1500))
  attempt(() => {
    playBack()
    note("replaced", { at })
  })
}

/** Another program has the lock for writing, or reads one state of the database, for a while. */
const hold = (sql: string, shortest: number, longest: number): Attack<Folder>["strike"] => async (folder, { dice }) => {
  await sleep(200)
  let database: DatabaseSync | undefined
  attempt(() => {
    database = new DatabaseSync(databaseOf(folder), { timeout: 200 })
    database.exec(sql)
  })
  await sleep(shortest + dice.below(longest - shortest))
  database?.close()
}

const mebibyte = 1024 ** 2

/** The log is bounded by 2 MiB, and each writer may be in the middle of a transaction. */
const mostBytes = 20e6 + 6 * mebibyte

const attacks: ReadonlyArray<Attack> = [
  attack({ name: "nothing", arena: folder(), mostBytes, strike: calmly }),
  attack({ name: "kills", arena: folder(), mostBytes, strike: kills }),
  attack({ name: "stops", arena: folder(), mostBytes, strike: stops }),
  ...[4, 24].flatMap((megabytes) => [
    attack({
      name: `a disk of ${megabytes} MB that the cache fills`,
      arena: onSmallDisk(megabytes),
      work: { writers: 1 },
      strike: calmly
    }),
    attack({
      name: `a disk of ${megabytes} MB that others fill`,
      arena: onSmallDisk(megabytes),
      work: { writers: 1 },
      strike: async (folder, { dice, stopOne }) => {
        await sleep(200)
        await Promise.all([fill(folder, 500 + dice.below(500)), dice.next() < 0.5 ? stopOne(700) : undefined])
      }
    })
  ]),
  attack({ name: "random bytes in database and log", arena: folder(), strike: nowAndThen(damage) }),
  attack({
    name: "a log or its index removed",
    arena: folder(),
    strike: nowAndThen((folder, { pick }) => rmSync(databaseOf(folder) + pick(["-wal", "-shm"]), { force: true }))
  }),
  attack({
    name: "a database cut to zero bytes",
    arena: folder(),
    strike: nowAndThen((folder) => truncateSync(databaseOf(folder), 0))
  }),
  attack({ name: "the folder deleted", arena: folder(), strike: nowAndThen(removeAll) }),
  attack({
    name: "the folder deleted in a loop",
    arena: folder(),
    strike: async (folder) => {
      await sleep(5)
      attempt(() => removeAll(folder))
    }
  }),
  attack({ name: "an older copy in place of the folder", arena: folder(), strike: replace }),
  attack({
    name: "eight writers at full speed",
    arena: folder(),
    processes: 8,
    work: { writers: 4 },
    mostBytes: mostBytes + 8 * mebibyte,
    strike: calmly
  }),
  attack({
    name: "a program that holds the lock, 2,000 misses at once",
    arena: folder(),
    work: { herd: 2000, valueBytes: 200 },
    mostBytes,
    strike: hold("BEGIN IMMEDIATE", 300, 1500)
  }),
  attack({
    name: "a program that reads for long, two writers",
    arena: folder(),
    processes: 2,
    work: { writers: 1 },
    mostBytes: mostBytes + 16 * mebibyte,
    strike: hold("BEGIN; SELECT count(*) FROM entry", 500, 3000)
  }),
  attack({
    name: "clocks an hour apart, loads of 200 ms",
    ...clocksApart(folder()),
    work: { loadMillis: 200 },
    mostBytes,
    strike: calmly
  })
]

export const target: Target = {
  name: "disk",
  unmeasured: ["slowest read", "followed nothing"],
  store: "./disk/store.ts",
  attacks,
  works: (where) => share(storeFrom(SqliteStore.layer(where as unknown as SqliteStore.Options)))
}
