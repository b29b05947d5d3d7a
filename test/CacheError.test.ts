/** The messages of the errors of the cache. */
import { describe, expect, it } from "@effect/vitest"
import { CacheError } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { bucket } from "../src/internal/guard/bucket.ts"
import { circuit } from "../src/internal/guard/circuit.ts"
import { fixedWindow } from "../src/internal/guard/fixedWindow.ts"
import { slidingCounter } from "../src/internal/guard/slidingCounter.ts"
import { slidingLog } from "../src/internal/guard/slidingLog.ts"

const storeError = (operation: string, reason: CacheError.StoreErrorReason, cause?: unknown) =>
  new CacheError.StoreError({ store: "s", operation, reason, cause }).message

describe("a StoreError says what the store could not do, and why", () => {
  // Not an operation of a store.
  const others = new Set(["name", "capabilities", "isWhole", "workedMillis", "maxSize", "getUnsafe", "getCallback"])
  const operations = [
    ...Object.keys(MemoryStore.make()).filter((name) => !others.has(name) && name !== "changesUnsafe"),
    ...[bucket, circuit, fixedWindow, slidingCounter, slidingLog].map(({ name }) => name),
    ...["readBits", "mergeBits", "removeBits", "transact", "open", "listen", "ping"]
  ]

  it.each(operations)("%s has a phrase of its own", (operation) => {
    expect(storeError(operation, "Timeout")).toMatch(/^The store "s" could not [a-z ]+: it did not answer in time$/)
    expect(storeError(operation, "Timeout")).not.toBe(`The store "s" could not ${operation}: it did not answer in time`)
  })

  it("another operation is named as it is", () => {
    expect(storeError("defrost", "Full")).toBe(`The store "s" could not carry out "defrost": it is full`)
    expect(storeError("constructor", "Full")).toBe(`The store "s" could not carry out "constructor": it is full`)
  })

  it("a cause is named once, in place of a reason that it explains", () => {
    expect(storeError("get", "Unavailable", new Error("ECONNREFUSED"))).toBe(
      `The store "s" could not read an entry: it is unavailable (ECONNREFUSED)`
    )
    expect(storeError("transact", "Unsupported", new TypeError("no slots"))).toBe(
      `The store "s" could not commit a transaction: TypeError: no slots`
    )
    expect(storeError("set", "TooLarge", new Error(""))).toBe(
      `The store "s" could not write an entry: the value is too large`
    )
    expect(storeError("get", "Unavailable", "down")).toBe(`The store "s" could not read an entry: it is unavailable`)
  })

  it("a cause whose getters throw is left out", () => {
    const cause = new Error("x")
    Object.defineProperty(cause, "message", {
      get() {
        throw new Error("never")
      }
    })
    expect(storeError("get", "Denied", cause)).toBe(`The store "s" could not read an entry: it refuses access`)
  })
})

describe("a LockError says what became of the lock, and why", () => {
  const lockError = (error: Omit<ConstructorParameters<typeof CacheError.LockError>[0], "lock">) =>
    new CacheError.LockError({ lock: "door", ...error }).message

  it("each reason", () => {
    expect(lockError({ reason: "Timeout", retryAfterMillis: 1200 })).toBe(
      `The lock "door" was not acquired: another holder kept it for all of \`wait\`. Try again after 1200 ms`
    )
    expect(lockError({ reason: "Lost" })).toBe(
      `The lock "door" was lost: its lease ended before it was renewed, and another holder may have it now. ` +
        "Use a longer `lease` if the process is often blocked or suspended"
    )
    expect(lockError({ reason: "Unsupported" })).toBe(
      `The lock "door" has no known state: its backend has no \`isHeld\`. Add it to the backend`
    )
  })

  it("its cause", () => {
    expect(lockError({ reason: "Unavailable" })).toBe(
      `The lock "door" is not held: its backend is unavailable. Try again later`
    )
    expect(lockError({ reason: "Unavailable", cause: new Error("disk I/O error") })).toBe(
      `The lock "door" is not held: its backend is unavailable (disk I/O error). Try again later`
    )
  })
})
