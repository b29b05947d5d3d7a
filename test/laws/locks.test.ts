/** The laws of locks hold for those of this package, and find what is wrong with others. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Lock } from "effect-cached/adapters"
import { SqliteGuards } from "effect-cached/sqlite"
import { lockLaws, withTimePassing } from "effect-cached/testing"
import { lockOf, processLock } from "../support/services.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

const processLocks = Effect.sync(() => {
  const lock = processLock()
  return [lock, lock] as const
})

const sqliteLocks = Effect.gen(function*() {
  const directory = yield* tempDirectory
  return [yield* lockOf(SqliteGuards.layer({ directory })), yield* lockOf(SqliteGuards.layer({ directory }))] as const
})

describe("the process lock", () => {
  for (const { name, run } of lockLaws(processLocks)) it.effect(name, () => withTimePassing(run))
})

describe("the SQLite lock, two on one directory", () => {
  for (const { name, run } of lockLaws(sqliteLocks)) it.effect(name, () => withTimePassing(run))
})

// ---------------------------------------------------------------------------------------------------------------------
// the laws find these faults
// ---------------------------------------------------------------------------------------------------------------------

/** A backend of locks that faults can be put into. */
const place = () => {
  const held = new Map<string, { token: bigint; until: number }>()
  let last = 0n
  const backend: Lock.Backend = {
    name: "place",
    pollMillis: 50,
    tryAcquire: (name, leaseMillis) =>
      Effect.clockWith((clock) =>
        Effect.sync((): Lock.Acquired => {
          const now = clock.currentTimeMillisUnsafe()
          const leftMillis = (held.get(name)?.until ?? 0) - now
          if (leftMillis > 0) return { _tag: "Wait", leftMillis }
          held.set(name, { token: ++last, until: now + leaseMillis })
          return { _tag: "Held", token: last }
        })
      ),
    renew: (name, token, leaseMillis) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          if (held.get(name)?.token !== token) return false
          held.set(name, { token, until: clock.currentTimeMillisUnsafe() + leaseMillis })
          return true
        })
      ),
    release: (name, token) => Effect.sync(() => void (held.get(name)?.token === token && held.delete(name)))
  }
  return { backend, held }
}

type Faulty = (one: ReturnType<typeof place>) => Partial<Lock.Backend>

const faults: ReadonlyArray<readonly [fault: string, law: string, faulty: Faulty]> = [
  ["lets all in", "there is never more than one holder", ({ backend, held }) => ({
    tryAcquire: (name, leaseMillis) => Effect.suspend(() => (held.delete(name), backend.tryAcquire(name, leaseMillis)))
  })],
  ["gives nothing back", "a lock has one holder, and is free when its scope is closed", () => ({
    release: () => Effect.void
  })],
  [
    "gives back whosever it is",
    "a stopped holder loses the lock to one other at the end of its lease",
    ({ held }) => ({ release: (name) => Effect.sync(() => void held.delete(name)) })
  ],
  ["keeps whosever it is", "a stopped holder loses the lock to one other at the end of its lease", () => ({
    renew: () => Effect.succeed(true)
  })],
  ["never keeps", "a running holder keeps the lock beyond its lease", () => ({
    renew: () => Effect.succeed(false)
  })],
  ["has no end", "a stopped holder loses the lock to one other at the end of its lease", ({ backend }) => ({
    tryAcquire: (name) => backend.tryAcquire(name, 1e9)
  })],
  ["gives everyone the same token", "tokens grow from holder to holder", ({ backend }) => ({
    tryAcquire: (name, leaseMillis) =>
      Effect.map(
        backend.tryAcquire(name, leaseMillis),
        (taken) => taken._tag === "Held" ? { ...taken, token: 1n } : taken
      ),
    release: (name) => backend.release(name, 1n)
  })],
  ["joins names", "locks of different names are independent, unusual names too", ({ backend }) => ({
    tryAcquire: (name, leaseMillis) => backend.tryAcquire(Buffer.from(name).toString(), leaseMillis)
  })]
]

describe("the laws of locks find a lock that", () => {
  for (const [fault, broken, faulty] of faults) {
    test(fault, function*() {
      const run = (make: Faulty) => {
        const laws = lockLaws(Effect.sync(() => {
          const one = place()
          const backend = { ...one.backend, ...make(one) }
          return [Lock.make(backend), Lock.make(backend)] as const
        }))
        return withTimePassing(Effect.exit(laws.find(({ name }) => name === broken)!.run))
      }
      expect(Exit.isSuccess(yield* run(() => ({})))).toBe(true)
      expect(Exit.isSuccess(yield* run(faulty))).toBe(false)
    })
  }
})
