/** How a folder with very many files is measured, and how room is made in it. */
import { describe, expect, it } from "@effect/vitest"
import type { Folder } from "../../../src/drivers/files/folder.ts"
import * as Name from "../../../src/drivers/files/name.ts"
import type * as RoomModule from "../../../src/drivers/files/room.ts"
import { importAgain } from "../../support/importAgain.ts"
import type { FakeFolder } from "./fakeFolder.ts"

const bytes = 100

const Room = await importAgain<typeof RoomModule>(import.meta.resolve("../../../src/drivers/files/room.ts"), {
  "./folder.ts": import.meta.resolve("./fakeFolder.ts")
})

/** A folder with so many entries, of which the first was used longest ago. It counts how often it is asked. */
const folderWith = (entries: number) => {
  const files = new Map<string, { size: number; mtimeMs: number }>()
  const asked = { stats: 0 }
  const put = (i: number) => {
    const stem = Name.stemOf(`id ${i}`)
    files.set(`${stem}.json`, { size: bytes, mtimeMs: i })
    files.set(Name.metadataOf(stem), { size: 600, mtimeMs: i })
    return stem
  }
  for (let i = 0; i < entries; i++) put(i)
  const folder = { files, asked } satisfies FakeFolder as unknown as Folder
  const has = (i: number) => files.has(`${Name.stemOf(`id ${i}`)}.json`)
  return { asked, files, folder, has, put }
}

const millis = 20_000

describe("a folder with twenty thousand entries", () => {
  it("is measured in steps: no write looks at more than some hundred files", { timeout: millis }, () => {
    const { asked, folder, put } = folderWith(20_000)
    const room = Room.make(folder, 10_000_000)
    for (let i = 20_000; i < 20_400; i++) {
      asked.stats = 0
      Room.reserve(room, put(i), bytes)
      expect(asked.stats).toBeLessThanOrEqual(2 * 256)
    }
  })

  it("comes within its limit when it has been measured, the oldest first", { timeout: millis }, () => {
    const { files, folder, has, put } = folderWith(20_000)
    const room = Room.make(folder, 1_900_000)
    for (let i = 20_000; i < 20_400; i++) Room.reserve(room, put(i), bytes)
    expect(files.size / 2 * bytes).toBeLessThanOrEqual(1_900_000)
    expect(files.size / 2 * bytes).toBeGreaterThan(1_700_000)
    expect([has(0), has(500), has(10_000), has(20_399)]).toEqual([false, false, true, true])
  })

  it("does not lose what was used since it was measured", { timeout: millis }, () => {
    const { files, folder, has, put } = folderWith(1000)
    const room = Room.make(folder, 100_000)
    Room.reserve(room, put(1000), 0)
    files.get(Name.metadataOf(Name.stemOf("id 0")))!.mtimeMs = 5000
    for (let i = 1001; i < 1400; i++) Room.reserve(room, put(i), bytes)
    expect([has(0), has(1), has(1399)]).toEqual([true, false, true])
  })

  it("is cleared in steps", () => {
    const { files, folder } = folderWith(2000)
    const steps = Room.clear(Room.make(folder, 1_000_000))
    let left = files.size
    for (let turns = 0;; turns++) {
      if (steps.next().done === true) {
        expect(turns).toBeGreaterThan(10)
        break
      }
      expect(left - files.size).toBeLessThanOrEqual(256)
      left = files.size
    }
    expect(files.size).toBe(0)
  })
})
