/** Files that people read: restarts, damage, full disks, removed folders, two processes. */
import { describe, expect, it, vi } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { FilesStore } from "effect-cached/files"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import type { Stored } from "../../../src/CacheEntry.ts"
import { CacheConfigError } from "../../../src/CacheError.ts"
import * as Metadata from "../../../src/drivers/files/metadata.ts"
import { Serializer } from "../../../src/Serializer.ts"
import { singly } from "../../../src/testing/internal/singly.ts"
import { failing, writing } from "../../support/failingDisk.ts"
import { entry } from "../../support/stored.ts"
import { storeFrom } from "../../support/storeFrom.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"
import { test } from "../../support/tests.ts"

const plain = (stored: Stored | undefined) => stored && { ...stored, payload: Uint8Array.from(stored.payload) }

const Text = Serializer.of({ name: "text", contentType: "text/plain", extension: ".txt", make: undefined as never })

const open = (directory: string, options?: Partial<FilesStore.Options>) =>
  Effect.provideService(storeFrom(FilesStore.layer({ directory, ...options })), Serializer, Text)

type FilesStore = Effect.Success<ReturnType<typeof open>>

const read = (store: FilesStore, id: string) => plain(store.getUnsafe!(id, []).entry)

/** Names of files as they are, or without what keeps them apart. */
const list = (directory: string) => fs.readdirSync(directory).toSorted()
const listShort = (directory: string) => list(directory).map((name) => name.replace(/~[0-9a-f]{12}/, ""))

const fileOf = (directory: string, id: string, extension: string) =>
  join(directory, list(directory).find((name) => name.startsWith(`${id}~`) && name.endsWith(extension))!)
const payloadOf = (directory: string, id: string) => fileOf(directory, id, ".txt")
const metadataOf = (directory: string, id: string) => fileOf(directory, id, ".meta.json")

const sizeOf = (directory: string) =>
  list(directory).filter((name) => name.endsWith(".txt")).reduce(
    (size, name) => size + fs.statSync(join(directory, name)).size,
    0
  )

const stored = (store: FilesStore, ids: ReadonlyArray<string>) => ids.filter((id) => read(store, id) !== undefined)

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `id ${i}`)

describe("a person who looks into the folder", () => {
  test("finds what a release with another format has left, which is a miss until it is written again", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    yield* singly(store).set("a", entry(1))
    const file = metadataOf(directory, "a")
    const { check: _, ...shown } = JSON.parse(fs.readFileSync(file, "utf8"))
    const { bytes, id, meta, sha256 } = shown
    const checkOf = (format: number) =>
      crc32(JSON.stringify([format, id, shown.file, bytes, sha256, meta])).toString(16).padStart(8, "0")
    const writeAs = (format: number) =>
      fs.writeFileSync(file, JSON.stringify({ ...shown, check: checkOf(format) }, undefined, 2))
    writeAs(1)
    yield* Effect.forEach(numbered(200), (id) => singly(store).set(id, entry(2)))
    expect(stored(store, ["a"])).toEqual([])
    expect(fs.existsSync(payloadOf(directory, "a"))).toBe(true)
    writeAs(2)
    expect(stored(store, ["a"])).toEqual(["a"])
  })

  test("finds a file an entry, its metadata beside it, and what the folder is", function*() {
    const directory = join(yield* tempDirectory, "made", "for", "it")
    const store = yield* open(directory)
    const payload = new TextEncoder().encode("twenty degrees")
    yield* singly(store).set("weather:Berlin", {
      ...entry(7, 0, { createdAt: 1000, expiresAt: 61_000, loadMillis: 12 }),
      payload
    })
    expect(listShort(directory)).toEqual([
      "CACHEDIR.TAG",
      "counters",
      "tags",
      "weather=Berlin.meta.json",
      "weather=Berlin.txt"
    ])
    const file = payloadOf(directory, "weather=Berlin")
    expect(fs.readFileSync(file, "utf8")).toBe("twenty degrees")
    expect(fs.readFileSync(join(directory, "CACHEDIR.TAG"), "utf8")).toMatch(
      /^Signature: 8a477f597d28d172789f06886806bc55\n/
    )
    expect(JSON.parse(fs.readFileSync(metadataOf(directory, "weather=Berlin"), "utf8"))).toEqual({
      id: "weather:Berlin",
      file: file.slice(directory.length + 1),
      created: "1970-01-01T00:00:01.000Z",
      stale: "never",
      expires: "1970-01-01T00:01:01.000Z",
      bytes: 14,
      sha256: "f73d9c8e9adccba6a05e2401db2902e3955f5c10cfca681c529d0e9a1b19b0be",
      meta: {
        createdAt: 1000,
        softExpiresAt: null,
        expiresAt: 61_000,
        loadMillis: 12,
        outcome: "success",
        serializer: 1,
        writeId: "00000000000000000000000000000007",
        tags: []
      },
      check: expect.stringMatching(/^[0-9a-f]{8}$/)
    })
  })

  test("can remove any of the files: that entry is a miss, the others are not", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    for (const id of ["a", "b", "c"]) yield* singly(store).set(id, entry(1))
    fs.rmSync(payloadOf(directory, "a"))
    fs.rmSync(metadataOf(directory, "b"))
    expect(stored(store, ["a", "b", "c"])).toEqual(["c"])
    for (const id of ["a", "b"]) yield* singly(store).set(id, entry(2))
    expect(stored(store, ["a", "b", "c"])).toEqual(["a", "b", "c"])
  })
})

describe("a restart", () => {
  test("keeps numbers", function*() {
    const directory = yield* tempDirectory
    yield* Effect.flatMap(open(directory), (store) => store.increment("n", 41))
    expect(yield* Effect.flatMap(open(directory), (store) => store.increment("n", 1))).toBe(42)
  })

  test("with another serializer finds the entries of the former, and leaves no file of it behind when they go", function*() {
    const directory = yield* tempDirectory
    const before = yield* Effect.provideService(storeFrom(FilesStore.layer({ directory })), Serializer, {
      ...Text,
      extension: ".old"
    })
    for (const id of ["a", "b"]) yield* singly(before).set(id, entry(1))
    const after = yield* open(directory)
    expect(read(after, "a")).toEqual(entry(1))
    expect(yield* singly(after).remove("a")).toBe(true)
    yield* singly(after).set("b", entry(2))
    expect(read(after, "b")).toEqual(entry(2))
    yield* after.clear
    expect(list(directory)).toEqual(["CACHEDIR.TAG", "counters", "tags"])
  })
})

describe("a file that is not as it was written", () => {
  test("is a miss, whichever byte is missing or changed, and the next write replaces it", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    const full = entry(1, 40, { tags: [{ tag: "tag", version: "ab".repeat(12) }], createdAt: 1.5, expiresAt: 9e12 })
    yield* singly(store).set("id", full)
    const damaged = (bytes: Buffer): Array<Buffer> => [
      ...Array.from(bytes, (_, length) => bytes.subarray(0, length)),
      ...Array.from(bytes, (byte, i) => Buffer.from(bytes.with(i, byte ^ 1))),
      Buffer.concat([bytes, bytes]),
      Buffer.alloc(bytes.length)
    ]
    for (const file of [payloadOf(directory, "id"), metadataOf(directory, "id")]) {
      const bytes = fs.readFileSync(file)
      let misses = 0
      for (const other of damaged(bytes)) {
        fs.writeFileSync(file, other)
        const found = read(store, "id")
        if (found === undefined) misses++
        // The times that are texts are for people: they may say anything.
        else expect(found).toEqual(full)
      }
      expect(misses).toBeGreaterThan(bytes.length * 1.5)
      fs.writeFileSync(file, bytes)
    }
    expect(read(store, "id")).toEqual(full)
    fs.writeFileSync(metadataOf(directory, "id"), "{}")
    yield* singly(store).set("id", entry(2))
    expect(read(store, "id")).toEqual(entry(2))
  })

  test("is a miss where payload and metadata are of two writes", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    yield* singly(store).set("id", entry(1))
    const [payload, metadata] = [payloadOf(directory, "id"), metadataOf(directory, "id")].map((file) =>
      fs.readFileSync(file)
    )
    yield* singly(store).set("id", entry(2))
    fs.writeFileSync(payloadOf(directory, "id"), payload!)
    expect(read(store, "id")).toBeUndefined()
    fs.writeFileSync(metadataOf(directory, "id"), metadata!)
    expect(read(store, "id")).toEqual(entry(1))
  })

  test("is a miss under the name of another entry", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    yield* singly(store).set("a", entry(1))
    yield* singly(store).set("b", entry(2))
    fs.copyFileSync(metadataOf(directory, "a"), metadataOf(directory, "b"))
    expect(read(store, "b")).toBeUndefined()
    fs.copyFileSync(payloadOf(directory, "a"), payloadOf(directory, "b"))
    expect(read(store, "b")).toBeUndefined()
    expect(read(store, "a")).toEqual(entry(1))
  })

  test("is a miss where its metadata speaks of another id", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    yield* singly(store).set("id", entry(1))
    const file = payloadOf(directory, "id").slice(directory.length + 1)
    fs.writeFileSync(metadataOf(directory, "id"), Metadata.render(Metadata.make("another", file, entry(1))))
    expect(read(store, "id")).toBeUndefined()
    expect(yield* Stream.runCollect(store.scan())).toEqual([])
  })

  test("never leads out of the folder", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(join(directory, "cache"))
    yield* singly(store).set("id", entry(1))
    fs.writeFileSync(join(directory, "secret.txt"), entry(1).payload)
    const metadata = metadataOf(join(directory, "cache"), "id")
    fs.writeFileSync(metadata, Metadata.render(Metadata.make("id", "../secret.txt", entry(1))))
    expect(read(store, "id")).toBeUndefined()
    yield* singly(store).remove("id")
    expect(list(directory)).toEqual(["cache", "secret.txt"])
  })

  test("is no hindrance where it is a folder, noise, or a marker that cannot be read", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    yield* singly(store).set("a", entry(1))
    yield* singly(store).set("b", entry(2))
    const metadata = metadataOf(directory, "a")
    fs.rmSync(metadata)
    fs.mkdirSync(metadata)
    expect(read(store, "a")).toBeUndefined()
    expect((yield* Effect.flip(singly(store).set("a", entry(1))))._tag).toBe("StoreError")
    expect(read(store, "b")).toEqual(entry(2))

    const first = yield* store.markers(["tag"])
    const marker = join(directory, "tags", list(join(directory, "tags")).find((name) => name.startsWith("tag~"))!)
    for (
      const noise of [
        "",
        "{",
        "null",
        "[]",
        "{\"tag\":\"tag\"}",
        fs.readFileSync(marker, "utf8").replace("\"tag\"", "\"gat\"")
      ]
    ) {
      fs.writeFileSync(marker, noise)
      expect(store.getUnsafe!("b", ["tag"]).versions).toEqual([undefined])
      const again = yield* store.markers(["tag"])
      expect(again.markers[0]!.version).not.toBe(first.markers[0]!.version)
      expect(store.getUnsafe!("b", ["tag"]).versions).toEqual([again.markers[0]!.version])
    }
    yield* store.increment("n", 5)
    fs.writeFileSync(join(directory, "counters", list(join(directory, "counters"))[0]!), "noise")
    expect(yield* store.increment("n", 1)).toBe(1)
  })

  test("is never touched where another process owns it", function*() {
    const directory = yield* tempDirectory
    const others = ["notes.json", "a.txt", "a.meta.json", "b~1.txt", "draft.tmp", ".hidden"]
    for (const name of others) fs.writeFileSync(join(directory, name), "x".repeat(5000))
    const store = yield* open(directory, { maxSize: 1000 })
    for (const id of ["a", "b", ...numbered(200)]) yield* singly(store).set(id, entry(1, 400, { expiresAt: -1 }))
    expect(sizeOf(directory)).toBeGreaterThan(0)
    yield* store.clear
    expect(yield* store.size).toBe(0)
    for (const name of others) expect(fs.readFileSync(join(directory, name), "utf8")).toBe("x".repeat(5000))
  })
})

describe("maxSize", () => {
  test("measures the content: with room for 5000 bytes two results of 2 KB stay (F21)", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory, { maxSize: 5000 })
    for (const id of numbered(10)) yield* singly(store).set(id, entry(1, 2048))
    expect(stored(store, numbered(10))).toEqual(["id 8", "id 9"])
  })

  test("is never exceeded, and mostly used, whatever is written", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory, { maxSize: "100 KiB" })
    for (const [i, id] of numbered(200).entries()) {
      yield* singly(store).set(i % 3 === 0 ? "same" : id, entry(i, (i * 7919) % 6000))
      if (i % 10 === 0) expect(sizeOf(directory)).toBeLessThanOrEqual(100 * 1024)
    }
    expect(sizeOf(directory)).toBeGreaterThan(85 * 1024)
  })

  test("has room for an entry that is written again", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory, { maxSize: 5000 })
    for (const id of ["a", "b"]) yield* singly(store).set(id, entry(1, 2500))
    for (let i = 0; i < 10; i++) yield* singly(store).set("a", entry(i, 2500))
    expect(stored(store, ["a", "b"])).toEqual(["a", "b"])
  })

  test("lets go what was read or written longest ago, also before a restart", function*() {
    const directory = yield* tempDirectory
    const before = yield* open(directory, { maxSize: 4100 })
    for (const id of ["a", "b", "c", "d"]) yield* singly(before).set(id, entry(1, 1000))
    expect(stored(before, ["b", "a"])).toEqual(["b", "a"])
    const after = yield* open(directory, { maxSize: 4100 })
    yield* singly(after).set("e", entry(1, 1000))
    expect(list(directory).filter((name) => name.endsWith(".txt")).map((name) => name[0])).toEqual(["a", "b", "e"])
    expect(read(after, "b")).toBeDefined()
    for (const id of ["f", "g"]) yield* singly(after).set(id, entry(1, 1000))
    expect(stored(after, ["a", "b", "c", "d", "e", "f", "g"])).toEqual(["b", "f", "g"])
  })

  test("counts what others write", function*() {
    const directory = yield* tempDirectory
    const a = yield* open(directory, { maxSize: 100_000 })
    const b = yield* open(directory, { maxSize: 100_000 })
    let largest = 0
    for (const id of numbered(60)) {
      yield* singly(a).set(`a ${id}`, entry(1, 3000))
      yield* singly(b).set(`b ${id}`, entry(1, 3000))
      largest = Math.max(largest, sizeOf(directory))
    }
    expect(largest).toBeGreaterThan(90_000)
    expect(largest).toBeLessThan(115_000)
  })

  test("refuses a value larger than all of it, and drops nothing for it", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory, { maxSize: 5000 })
    yield* singly(store).set("id", entry(1))
    expect(yield* Effect.flip(singly(store).set("large", entry(2, 5001)))).toMatchObject({
      _tag: "StoreError",
      reason: "TooLarge"
    })
    expect(read(store, "id")).toEqual(entry(1))
    yield* singly(store).set("large", entry(2, 5000))
    expect(stored(store, ["id", "large"])).toEqual(["large"])
  })

  test("an expired entry goes in time, also where there is room", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    for (const id of numbered(100)) yield* singly(store).set(id, entry(1, 8, { expiresAt: 1000 }))
    yield* store.increment("gone", 1, { expiresAt: 1000 })
    yield* store.increment("stays", 1)
    yield* TestClock.adjust("1 hour")
    for (let i = 0; i < 192; i++) yield* singly(store).set("same", entry(1))
    expect(yield* store.size).toBe(1)
    expect(listShort(join(directory, "counters"))).toEqual(["stays.json"])
  })
})

describe("a full disk", () => {
  test("is given room by what was used longest ago, and the write is done", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    for (const id of numbered(20)) yield* singly(store).set(id, entry(1, 100))
    yield* Effect.scoped(
      Effect.andThen(failing(writing, "ENOSPC", (call) => call === 1), singly(store).set("new", entry(2, 100)))
    )
    expect(read(store, "new")).toEqual(entry(2, 100))
    expect(stored(store, numbered(20))).toEqual(numbered(20).slice(4))
    yield* Effect.scoped(
      Effect.andThen(failing(writing, "ENOSPC", (call) => call === 0), store.invalidateTags(["tag"]))
    )
  })

  test("that stays full fails the write, and takes it when there is room again", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    yield* singly(store).set("old", entry(1))
    yield* singly(store).set("id", entry(1))
    const before = yield* store.markers(["tag"])
    yield* Effect.scoped(Effect.gen(function*() {
      yield* failing(writing, "ENOSPC")
      expect(yield* Effect.flip(singly(store).set("id", entry(2)))).toMatchObject({
        reason: "Full",
        operation: "set",
        store: "files"
      })
      expect(yield* Effect.flip(store.invalidateTags(["tag"]))).toMatchObject({ reason: "Full" })
      // An invalidation that could not be written has been made by removing the marker (F28).
      expect(store.getUnsafe!("id", ["tag"]).versions).toEqual([undefined])
      yield* singly(store).remove("old")
    }))
    expect(read(store, "old")).toBeUndefined()
    expect((yield* store.markers(["tag"])).markers[0]!.version).not.toBe(before.markers[0]!.version)
    expect(list(directory).filter((name) => name.endsWith(".tmp"))).toEqual([])
    yield* singly(store).set("id", entry(3))
    expect(read(store, "id")).toEqual(entry(3))
  })
})

describe("a write that fails or ends at any step", () => {
  for (const code of ["ENOSPC", "EIO", "EACCES"]) {
    test(`leaves the former entry, the new one or a miss, and no draft (${code})`, function*() {
      const directory = yield* tempDirectory
      const store = yield* open(directory)
      const found = new Set<unknown>()
      for (let step = 0; step < 10; step++) {
        yield* singly(store).set("id", entry(1))
        yield* Effect.scoped(Effect.gen(function*() {
          yield* failing(writing, code, (call) => call >= step)
          yield* Effect.exit(singly(store).set("id", entry(2)))
          found.add(read(store, "id")?.payload[0])
        }))
        expect(list(directory).filter((name) => name.endsWith(".tmp"))).toEqual([])
      }
      // A full disk is given room by the former entry.
      expect(found).toEqual(new Set(code === "ENOSPC" ? [undefined, 2] : [undefined, 1, 2]))
    })
  }
})

describe("a folder that is read-only", () => {
  for (const code of ["EROFS", "EACCES", "EPERM"]) {
    test(`answers, and refuses writes as Denied (${code})`, function*() {
      const directory = yield* tempDirectory
      const store = yield* open(directory)
      yield* singly(store).set("id", entry(1))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* failing([...writing, "unlinkSync"], code)
        expect(read(store, "id")).toEqual(entry(1))
        expect(yield* store.size).toBe(1)
        for (
          const write of [
            singly(store).set("id", entry(2)),
            singly(store).remove("id"),
            store.increment("n", 1),
            store.invalidateTags(["t"])
          ]
        ) {
          expect(yield* Effect.flip(write as Effect.Effect<unknown, unknown>)).toMatchObject({
            _tag: "StoreError",
            reason: "Denied"
          })
        }
        expect(yield* Effect.flip(open(directory))).toMatchObject({ reason: "Denied", operation: "open" })
      }))
      expect(read(store, "id")).toEqual(entry(1))
    })
  }
})

describe("a folder that is removed under a running program", () => {
  test("makes no invalidation by another process look older than a load that began before it", function*() {
    for (const later of [1, 5]) {
      const directory = join(yield* tempDirectory, "cache")
      const [store, other] = [yield* open(directory), yield* open(directory)]
      for (let i = 0; i < 3; i++) yield* store.invalidateTags(["before"])
      const { seq } = yield* store.markers([])
      fs.rmSync(directory, { recursive: true })
      for (let i = 0; i < later; i++) yield* other.invalidateTags([`tag ${i}`])
      expect((yield* store.markers(["tag 0"])).markers[0]!.seq).toBeGreaterThan(seq)
      // A load that begins now may have the tag.
      const now = yield* store.markers(["tag 0"])
      expect(now.markers[0]!.seq).toBeLessThanOrEqual(now.seq)
    }
  })

  test("is empty then, and made again by the next write", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const store = yield* open(directory)
    yield* singly(store).set("id", entry(1))
    const { seq } = yield* store.markers(["tag"])
    for (let i = 0; i < 3; i++) yield* store.invalidateTags(["tag"])
    fs.rmSync(directory, { recursive: true })
    expect(read(store, "id")).toBeUndefined()
    expect(store.getUnsafe!("id", ["tag"]).versions).toEqual([undefined])
    expect(yield* store.size).toBe(0)
    expect(yield* singly(store).remove("id")).toBe(false)
    yield* store.clear
    yield* store.invalidateTags(["tag"])
    // Invalidations before and after must still look later than a load that began earlier.
    expect((yield* store.markers(["tag"])).markers[0]!.seq).toBeGreaterThan(seq + 3)
    fs.rmSync(directory, { recursive: true })
    yield* singly(store).set("id", entry(2))
    expect(read(store, "id")).toEqual(entry(2))
    fs.rmSync(directory, { recursive: true })
    expect(yield* store.increment("n", 1)).toBe(1)
    expect(list(directory)).toContain("CACHEDIR.TAG")
  })

  test("and replaced by a file fails writes, not reads", function*() {
    const directory = join(yield* tempDirectory, "cache")
    const store = yield* open(directory)
    yield* singly(store).set("id", entry(1))
    fs.rmSync(directory, { recursive: true })
    fs.writeFileSync(directory, "")
    expect(read(store, "id")).toBeUndefined()
    expect(yield* store.size).toBe(0)
    expect(yield* Effect.flip(singly(store).set("id", entry(1)))).toMatchObject({
      _tag: "StoreError",
      reason: "Unavailable"
    })
  })
})

describe("two processes on one folder", () => {
  const writer = join(import.meta.dirname, "../../support", "filesWriter.ts")

  const run = (directory: string, offset: number) =>
    Effect.promise(async () => {
      const child = spawn(
        process.execPath,
        ["--conditions=effect-cached-source", "--no-warnings", writer, directory, "5", "60", String(offset)],
        { stdio: ["ignore", "inherit", "inherit"] }
      )
      const [code] = await once(child, "exit")
      return code as number
    })

  test.live("read whole entries or none of each other, lose no invalidation, and leave no draft", function*() {
    const directory = yield* tempDirectory
    const store = yield* open(directory)
    let hits = 0
    const look = Effect.gen(function*() {
      for (const id of numbered(5)) {
        const found = read(store, id)
        if (found === undefined) continue
        hits++
        const n = found.meta.loadMillis
        expect(found.payload).toEqual(new Uint8Array(3000 + n).fill(n % 256))
      }
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    })
    const writers = Effect.all([run(directory, 0), run(directory, 100)], { concurrency: 2 })
    const codes = yield* Effect.raceFirst(writers, Effect.forever(look))
    expect(codes).toEqual([0, 0])
    expect(hits).toBeGreaterThan(0)
    expect((yield* store.markers(["tag"])).seq).toBe(120)
    expect(list(directory).filter((name) => name.endsWith(".tmp"))).toEqual([])
  })

  test("a draft whose process died is removed when it is an hour old, no sooner", function*() {
    const directory = yield* tempDirectory
    yield* open(directory)
    const [old, young] = ["0123456789abcdef-1-1.tmp", "0123456789abcdef-1-2.tmp"]
    for (const name of [old!, young!]) fs.writeFileSync(join(directory, name), "half")
    const hourAgo = fs.statSync(join(directory, old!)).mtimeMs / 1000 - 3700
    fs.utimesSync(join(directory, old!), hourAgo, hourAgo)
    yield* open(directory)
    expect(list(directory).filter((name) => name.endsWith(".tmp"))).toEqual([young])
  })

  test("a draft that a process with the same number has left keeps nothing from being written", function*() {
    const directory = yield* tempDirectory
    const draft = `${process.pid}.tmp`
    fs.writeFileSync(join(directory, draft), "half")
    const store = yield* open(directory)
    yield* singly(store).set("a", entry(1))
    expect(yield* store.size).toBe(1)
    expect(list(directory)).toContain(draft)
  })

  test("a file system without hard links does as well", function*() {
    const directory = yield* tempDirectory
    yield* failing(["linkSync"], "ENOTSUP")
    const [a, b] = [yield* open(directory), yield* open(directory)]
    expect(yield* b.markers(["tag"])).toEqual(yield* a.markers(["tag"]))
    expect(list(directory)).toEqual(["CACHEDIR.TAG", "counters", "tags"])
  })
})

describe("FilesStore.layer", () => {
  test("closes the folder when its scope ends: a listing continues from write to write", function*() {
    const directory = yield* tempDirectory
    const read = vi.spyOn(fs.Dir.prototype, "readSync")
    yield* Effect.scoped(Effect.gen(function*() {
      const store = yield* open(directory)
      for (const id of numbered(300)) yield* singly(store).set(id, entry(1))
    }))
    const seen = read.mock.contexts as ReadonlyArray<fs.Dir>
    read.mockRestore()
    expect(seen.length).toBeGreaterThan(0)
    for (const dir of seen) expect(() => dir.readSync()).toThrow(/closed/)
  })

  it("refuses options that make no sense", () => {
    const make = (options: object) => () => storeFrom(FilesStore.layer({ directory: "never made", ...options }))
    expect(make({ dir: "x" })).toThrow(/no option "dir"/)
    expect(make({ directory: 1 })).toThrow(CacheConfigError)
    expect(make({ directory: "" })).toThrow(CacheConfigError)
    expect(make({ maxSize: "lots" })).toThrow(/"maxSize"/)
    expect(make({ maxSize: 0 })).toThrow(/"maxSize"/)
    expect(fs.existsSync("never made")).toBe(false)
  })
})
