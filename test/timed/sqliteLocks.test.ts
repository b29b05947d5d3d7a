/** Locks in SQLite files that processes wait for, in milliseconds. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { singly } from "../../src/testing/internal/singly.ts"
import { programOf } from "../support/program.ts"
import { lockOf } from "../support/services.ts"
import { connection, entry } from "../support/sqlite.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

const program = await programOf(join(import.meta.dirname, "../drivers/sqlite/worker.ts"))

const worker = (...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const ended = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => void child.once("exit", (code) => resume(Effect.succeed(code))))

const said = (child: ChildProcess) =>
  Effect.callback<string>((resume) => void child.stdout!.once("data", (bytes) => resume(Effect.succeed(String(bytes)))))

describe("locks of processes in a SQLite file", () => {
  it.live("exclude each other, each with a larger token", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const file = join(directory, "number")
      const rounds = 25
      const workers = yield* Effect.forEach(Array.from({ length: 8 }), () =>
        worker(directory, "count", file, `${rounds}`))
      expect(yield* Effect.forEach(workers, ended, { concurrency: "unbounded" })).toEqual(workers.map(() =>
        0
      ))
      expect(fs.readFileSync(file, "utf8")).toBe(String(8 * rounds))
      const tokens = fs.readFileSync(`${file}.tokens`, "utf8").trim().split("\n").map(BigInt)
      expect(tokens.length).toBe(8 * rounds)
      for (const [i, token] of tokens.entries()) expect(token > (tokens[i - 1] ?? 0n)).toBe(true)
    }), 60_000)

  it.live("take over from one that was killed, at the end of its lease", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const lock = yield* lockOf(SqliteGuards.layer({ directory }))
      const holder = yield* worker(directory, "hold", "1500")
      const token = BigInt(yield* said(holder))
      // It lives: it keeps the lock for longer than the lease.
      const options = { lease: "3 seconds", wait: "2500 millis" } as const
      expect((yield* Effect.flip(lock.acquire("counter", options))).reason).toBe("Timeout")
      holder.kill("SIGKILL")
      const [duration, lease] = yield* Effect.timed(lock.acquire("counter", options))
      expect(lease.token).toBeGreaterThan(token)
      // It had prolonged it up to 500 ms before.
      expect(Duration.toMillis(duration)).toBeGreaterThan(900)
      expect(Duration.toMillis(duration)).toBeLessThan(2500)
    }), 60_000)
})

describe("a lock on the file of a store that another process holds", () => {
  const locked = Effect.gen(function*() {
    const directory = yield* tempDirectory
    const a = yield* storeFrom(SqliteStore.layer({ directory }))
    const database = yield* connection(directory)
    database.exec("BEGIN IMMEDIATE")
    return { a, database, directory }
  })

  const inMillis = <A>(effect: Effect.Effect<A>) => {
    const start = performance.now()
    return Effect.map(effect, (answer) => [performance.now() - start, answer] as const)
  }

  test("blocks the event loop for some 5 ms at a time", function*() {
    const { a, directory } = yield* locked
    const plain = yield* connection(directory)
    plain.exec("PRAGMA busy_timeout = 5")
    const refused = Effect.sync(() => expect(() => plain.exec("BEGIN IMMEDIATE")).toThrow("locked"))
    const first: Array<number> = []
    const later: Array<number> = []
    const blocked: Array<number> = []
    // The shortest of many, compared with SQLite's own 5 ms: other programs use the processor too.
    for (let i = 0; i < 20; i++) {
      yield* TestClock.adjust("1 second")
      const [millis, set] = yield* inMillis(
        Effect.forkChild(singly(a).set("id", entry(1)), { startImmediately: true })
      )
      first.push(millis)
      yield* TestClock.adjust("1 millis")
      const [again] = yield* inMillis(TestClock.adjust("2 millis"))
      later.push(again)
      yield* Fiber.interrupt(set)
      blocked.push((yield* inMillis(refused))[0])
    }
    for (const millis of [Math.min(...first), Math.min(...later)]) {
      expect(millis).toBeGreaterThan(4)
      expect(millis).toBeLessThan(2 * Math.min(...blocked))
    }
  })

  test("is asked for by one of all waiting callers: two thousand block no longer than one", function*() {
    const { a, database } = yield* locked
    const begin = inMillis(Effect.forEach(
      Array.from({ length: 2000 }, (_, i) => i),
      (i) => Effect.forkChild(singly(a).set(`id ${i}`, entry(1)), { startImmediately: true })
    ))
    const [first, fibers] = yield* begin
    // Ten seconds, where each asked for itself.
    expect(first).toBeLessThan(1000)
    const [waiting] = yield* inMillis(TestClock.adjust("100 millis"))
    expect(waiting).toBeLessThan(2000)
    database.exec("ROLLBACK")
    yield* TestClock.adjust("200 millis")
    for (const fiber of fibers) expect(yield* Fiber.join(fiber)).toBe(true)
  })
})
