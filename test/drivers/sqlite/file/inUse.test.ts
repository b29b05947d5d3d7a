/**
 * The look whether a database is still the one in use: what it finds, and that a quiet folder hides nothing from it.
 */
import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as InUse from "../../../../src/drivers/sqlite/file/inUse.ts"

const patched: { statSync: unknown } = fs

const { statSync } = fs

let directory = ""
let asked: Array<string> = []
/** The times of folders are as exact as this, in milliseconds. */
let exactness = 0

const coarse = (millis: number) => exactness === 0 ? millis : millis - millis % exactness

/** Looks that are asked for are noted, and folders have coarse times. */
const watched = (path: string, options: fs.StatSyncOptions) => {
  const stat = statSync(path, options) as fs.Stats | undefined
  asked.push(path)
  if (stat?.isDirectory() === true) {
    stat.mtimeMs = coarse(stat.mtimeMs)
    stat.ctimeMs = coarse(stat.ctimeMs)
  }
  return stat
}

beforeEach(() => {
  exactness = 0
  directory = join(fs.mkdtempSync(join(tmpdir(), "cache-")), "cache")
  fs.mkdirSync(directory)
  for (const name of ["1", "1-wal", "1-shm"]) fs.writeFileSync(join(directory, name), "")
  setTime()
  patched.statSync = watched
  syncBuiltinESMExports()
})

afterEach(() => {
  patched.statSync = statSync
  syncBuiltinESMExports()
  fs.rmSync(join(directory, ".."), { recursive: true })
})

/** A time that it can be given again: the one that it was made at is too exact. */
const setTime = () => fs.utimesSync(directory, 1000, 1000)

const pathOf = (name: string) => join(directory, name)

/** The log is written so many seconds after the folder has changed last. */
const writtenAfter = (seconds: number) => {
  const at = statSync(directory).ctimeMs / 1000 + seconds
  fs.utimesSync(pathOf("1-wal"), at, at)
}

/** `seen` gets the size of the log, where it is wanted. */
type Look = (seen?: (bytes: number) => void) => InUse.State

const open = (): Look => {
  const self = InUse.make({ directory, file: pathOf("1"), next: pathOf("2") })
  return (seen) => {
    const state = InUse.stateOf(self)
    if (state === "current") seen?.(InUse.logBytes(self))
    return state
  }
}

/** Until a change gets another time, as exact as they are here. */
const tick = () => new Promise((resolve) => setTimeout(resolve, 30))

const asking = (look: Look) => {
  asked = []
  look()
  return asked.map((path) => path.slice(directory.length + 1))
}

/** A folder in which nothing has changed for long, and whose files have been looked at since. */
const quiet = async () => {
  const look = open()
  writtenAfter(3)
  expect(look()).toBe("current")
  await tick()
  return look
}

const remove = (name: string) => fs.rmSync(pathOf(name))

const changes: ReadonlyArray<readonly [name: string, state: InUse.State, change: () => void]> = [
  ["the database is removed", "replaced", () => remove("1")],
  ["the database is replaced", "replaced", () => {
    fs.writeFileSync(pathOf("new"), "")
    fs.renameSync(pathOf("new"), pathOf("1"))
  }],
  ["there is a next one", "replaced", () => fs.writeFileSync(pathOf("2"), "")],
  ["the log is removed", "split", () => remove("1-wal")],
  ["the index of the log is removed", "split", () => remove("1-shm")],
  ["the folder is removed", "replaced", () => fs.rmSync(directory, { recursive: true })],
  ["a copy takes the place of the folder", "replaced", () => {
    fs.cpSync(directory, `${directory}-copy`, { recursive: true, preserveTimestamps: true })
    fs.renameSync(directory, `${directory}-former`)
    fs.renameSync(`${directory}-copy`, directory)
    setTime()
  }],
  ["something is removed, and the folder gets its former time back", "split", () => {
    remove("1-shm")
    setTime()
  }],
  ["another file appears", "current", () => fs.writeFileSync(pathOf("other"), "")]
]

describe("a folder that has changed", () => {
  it.each(changes)("is looked through: %s", (_, state, change) => {
    const look = open()
    expect(look()).toBe("current")
    change()
    expect(look()).toBe(state)
  })

  it("is asked itself once in a while alone", () => {
    const look = open()
    expect(asking(look)).toEqual(["1", "2", "1-wal", "1-shm", ""])
    expect(asking(look)).toEqual(["1", "2", "1-wal", "1-shm"])
  })

  it("counts as changed for as long as another change may have the same time", () => {
    exactness = 2000
    fs.writeFileSync(pathOf("other"), "")
    const look = open()
    writtenAfter(0.5)
    expect(look()).toBe("current")
    remove("1-shm")
    expect(look()).toBe("split")
  })
})

describe("a folder that has not changed for long", () => {
  it.each(changes)("reports that %s", async (_, state, change) => {
    const look = await quiet()
    change()
    expect(look()).toBe(state)
  })

  it("is all that is asked, and the log where its size is wanted", async () => {
    const look = await quiet()
    expect(asking(look)).toEqual([""])
    expect(asking(() => look(() => {}))).toEqual(["", "1-wal"])
  })

  it("is asked alone again when it has not changed for long again", async () => {
    const look = await quiet()
    fs.writeFileSync(pathOf("other"), "")
    expect(asking(look)).toEqual(["", "1", "2", "1-wal", "1-shm", ""])
    writtenAfter(3)
    look()
    expect(asking(look)).toEqual([""])
  })

  it("has a log that grows", async () => {
    const look = await quiet()
    let bytes = -1
    fs.writeFileSync(pathOf("1-wal"), "12345")
    expect(look((now) => bytes = now)).toBe("current")
    expect(bytes).toBe(5)
  })
})
