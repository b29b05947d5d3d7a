/** Which rows go when room is made. */
import { describe, expect, it } from "@effect/vitest"
import { DatabaseSync } from "node:sqlite"
import * as Room from "../../../../src/drivers/sqlite/tables/makeRoom.ts"

const kibibyte = 1024

/** A room of which nothing is wanted but some pages, with so many entries of so many bytes: `0`, `1`, … */
const roomWith = (entries: number, size: number) => {
  const database = new DatabaseSync(":memory:")
  database.exec(
    "CREATE TABLE entry (seq INTEGER PRIMARY KEY, id NOT NULL UNIQUE, frame BLOB NOT NULL, expires_at REAL NOT NULL)"
  )
  const insert = database.prepare("INSERT INTO entry (id, frame, expires_at) VALUES (?, ?, ?)")
  const room = Room.make(database, 1, () => {})
  for (let i = 0; i < entries; i++) insert.run(String(i), new Uint8Array(size), i === 0 ? 1000 : Infinity)
  const oldestFirst = () => database.prepare("SELECT id FROM entry ORDER BY seq").all().map(({ id }) => Number(id))
  const read = (...ids: ReadonlyArray<number>) => {
    for (const id of ids) Room.noteRead(room, String(id))
  }
  return { database, oldestFirst, read, room }
}

describe("making room (PE-12)", () => {
  it("drops what was written longest ago, and moves behind what was read", () => {
    const { oldestFirst, read, room } = roomWith(6, 16 * kibibyte)
    read(1, 0, 5)
    Room.free(room, 1, 0)
    expect(oldestFirst()).toEqual([4, 5, 0, 1])
    Room.free(room, 1, 0)
    expect(oldestFirst()).toEqual([1, 5])
  })

  it("drops what has expired first, read or not, and looks no further where that is enough", () => {
    const { oldestFirst, read, room } = roomWith(4, 32 * kibibyte)
    read(0, 1)
    Room.free(room, 1, 1000)
    expect(oldestFirst()).toEqual([1, 2, 3])
    Room.free(room, 1, 1000)
    expect(oldestFirst()).toEqual([3, 1])
  })

  it("drops the oldest where all were read, at once", () => {
    const { oldestFirst, read, room } = roomWith(5, 16 * kibibyte)
    read(4, 3, 2, 1, 0)
    Room.free(room, 1, 0)
    expect(oldestFirst()).toEqual([2, 3, 4])
    Room.free(room, 1, 0)
    expect(oldestFirst()).toEqual([4])
  })

  it("ends where more is wanted than there is", () => {
    const { oldestFirst, read, room } = roomWith(5, 16 * kibibyte)
    read(1, 2)
    Room.free(room, 10_000 * kibibyte, 0)
    expect(oldestFirst()).toEqual([])
    Room.free(room, 1, 0)
  })

  it("moves so much at once, and the others keep their chance", () => {
    const mebibyte = 1024 * kibibyte
    const { oldestFirst, read, room } = roomWith(9, mebibyte)
    read(0, 1, 2, 3, 4, 5)
    Room.free(room, 1, 0)
    expect(oldestFirst()).toEqual([4, 5, 7, 8, 0, 1, 2, 3])
    Room.free(room, 1, 0)
    expect(oldestFirst()).toEqual([8, 0, 1, 2, 3, 4, 5])
  })

  it("moves one that is larger than all that, too", () => {
    const { oldestFirst, read, room } = roomWith(3, 5000 * kibibyte)
    read(0, 1)
    Room.free(room, 1, 0)
    expect(oldestFirst()).toEqual([1, 0])
  })

  it("remembers the reads of ten thousand, the latest", () => {
    const { oldestFirst, read, room } = roomWith(10_009, 2000)
    read(...Array.from({ length: 10_009 }, (_, i) => i))
    Room.free(room, 1, 0)
    // The first nine reads are forgotten, and that is room enough: nothing else is looked at.
    expect(oldestFirst()).toHaveLength(10_000)
    expect(oldestFirst()[0]).toBe(9)
  })

  it("is made though nothing can be moved", () => {
    const { database, oldestFirst, read, room } = roomWith(4, 32 * kibibyte)
    database.exec("CREATE TRIGGER refuse BEFORE UPDATE ON entry BEGIN SELECT raise(ABORT, 'full'); END")
    read(0)
    Room.free(room, 1, 0)
    expect(oldestFirst()).toEqual([0, 2, 3])
    Room.free(room, 1, 0)
    expect(oldestFirst()).toEqual([2, 3])
  })
})
