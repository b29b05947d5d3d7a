/** Writes inside a transaction. They are invisible outside until the commit. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import type { SetCondition } from "../../../ports/store.ts"
import { idOf, type Key } from "../../key/ofKey.ts"
import * as Invalidate from "../invalidation/invalidate.ts"
import { copyOf, type Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as Entries from "../operations/set.ts"
import { wallNow } from "../request/context.ts"
import { addCount } from "./counts.ts"
import { lock } from "./locks.ts"
import { endOf, type Life, loadedHere, nextOrder, type Overlay, rebase } from "./overlay.ts"
import { liveIn, look } from "./reads.ts"
import { remove } from "./removals.ts"

export const set = (
  self: Overlay,
  key: Key,
  value: unknown,
  options: Entries.SetOptions
): Effect.Effect<boolean, StoreError, any> => {
  const { condition, keepTtl } = options
  const locked = lock(self, [idOf(key)])
  const looked = condition === undefined && !keepTtl
    ? locked
    : Effect.andThen(locked, look(self, [key], condition === undefined ? "explicit" : "condition"))
  const written = Effect.withFiber((fiber) =>
    setNow(self, { key, value, options, now: wallNow(self.root.base, fiber) })
  )
  return looked === Effect.void ? written : Effect.andThen(looked, written)
}

export const setMany = (
  self: Overlay,
  pairs: ReadonlyArray<readonly [key: Key, value: unknown]>,
  options: Entries.SetOptions
): Effect.Effect<void, StoreError, any> =>
  Effect.forEach(pairs, ([key, value]) => set(self, key, value, options), { discard: true })

interface Setting {
  readonly key: Key
  readonly value: unknown
  readonly options: Entries.SetOptions
  readonly now: number
}

const setNow = (self: Overlay, { key, now, options, value }: Setting): Effect.Effect<boolean, StoreError, any> => {
  const id = idOf(key)
  const { condition, keepTtl, ttlMillis } = options
  const existing = condition !== undefined || keepTtl ? liveIn(self, key, now) : undefined
  if (condition !== undefined) {
    const holds = holdsFor(condition, existing)
    if (!isWritten(self, id)) rememberCondition(self, id, existing, condition)
    if (!holds) return Effect.succeed(false)
  }
  if (ttlMillis <= 0) return Effect.as(remove(self, [id]), true)
  const life: Life = keepTtl && existing !== undefined ? lifeOf(self, id, existing) : { ttlMillis }
  const entry = Entries.entryToSet(self.own, key, value, {
    ...options,
    now,
    expiresAt: Math.max(now + 1, endOf(life, now))
  })
  Entries.put(self.own, entry, now)
  self.writes.set(id, { _tag: "Set", key, entry, life, order: nextOrder(self) })
  return Effect.succeed(true)
}

const lifeOf = (self: Overlay, id: string, existing: Entry): Life => {
  for (let level: Overlay | undefined = self; level !== undefined; level = level.parent) {
    const write = level.writes.get(id)
    if (write?._tag === "Set") return write.life
    if (write?._tag === "Touch") return { ttlMillis: write.ttlMillis }
  }
  return { until: existing.expiresAt }
}

const holdsFor = (condition: SetCondition, entry: Entry | undefined): boolean => {
  switch (condition._tag) {
    case "IfAbsent":
      return entry === undefined
    case "IfPresent":
      return entry !== undefined
    case "IfUnchanged":
      return entry !== undefined && entry.writeId === condition.writeId
  }
}

/** Whether this transaction has written or loaded the entry. If so, changes by others do not affect what it sees. */
const isWritten = (self: Overlay, id: string): boolean => {
  for (let level: Overlay | undefined = self; level !== undefined; level = level.parent) {
    if (level.isCleared || loadedHere(level, id) !== undefined) return true
    const write = level.writes.get(id)
    if (write !== undefined && write._tag !== "Touch") return true
  }
  return false
}

/** Remembers whether a condition held. The condition must have the same outcome at the commit. */
const rememberCondition = (
  { root: { checks } }: Overlay,
  id: string,
  existing: Entry | undefined,
  condition: SetCondition
): void => {
  const ended = checks.ended.get(id)
  const told: SetCondition = existing === undefined
    ? ended === undefined ? { _tag: "IfAbsent" } : { _tag: "IfUnchanged", writeId: ended }
    : condition._tag === "IfUnchanged"
    ? { _tag: "IfUnchanged", writeId: existing.writeId! }
    : { _tag: "IfPresent" }
  checks.conditions.push({ _tag: "Entry", id, condition: told })
}

export const touch = Effect.fnUntraced(function*(
  self: Overlay,
  key: Key,
  ttlMillis: number
): Effect.fn.Return<boolean, never, any> {
  const id = idOf(key)
  yield* lock(self, [id])
  yield* look(self, [key], "explicit")
  const now = self.root.base.time.now(yield* Clock.Clock)
  const entry = liveIn(self, key, now)
  if (ttlMillis <= 0) {
    yield* remove(self, [id])
    return entry !== undefined
  }
  if (entry === undefined) return false
  const write = self.writes.get(id)
  if (write?._tag === "Set") self.writes.set(id, { ...write, life: { ttlMillis } })
  // A value loaded in this transaction is not stored yet: it will be stored with the deadline that is set below.
  else if (loadedHere(self, id) !== entry) {
    self.writes.set(id, { _tag: "Touch", ttlMillis, order: nextOrder(self) })
  }
  Memory.setDeadlines(self.own.memory, entry, now + ttlMillis)
  rebase(self, id, now)
  return true
})

export const invalidateTags = (
  self: Overlay,
  tags: ReadonlyArray<string>,
  mode: "hard" | "soft"
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const order = nextOrder(self)
    if (mode === "hard") {
      for (const [id, write] of self.writes) {
        if (write._tag === "Set" && write.entry.tags.some((tag) => tags.includes(tag))) {
          self.writes.set(id, { _tag: "Remove", order })
        }
      }
    }
    self.sweeps.push({ _tag: "Tags", tags, mode, order })
    return Invalidate.invalidateTags(self.own, tags, mode)
  })

export const clear = (self: Overlay): Effect.Effect<void> =>
  Effect.suspend(() => {
    self.writes.clear()
    self.readChecks.clear()
    self.counts.clear()
    self.sweeps.length = 0
    self.sweeps.push({ _tag: "Clear", order: nextOrder(self) })
    self.isCleared = true
    return Invalidate.clear(self.own)
  })

export const merge = (from: Overlay, into: Overlay, now: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const writes = Array.from(from.writes, ([id, write]) => ({ id, write, order: write.order }))
    const sweeps = from.sweeps.map((sweep) => ({ sweep, order: sweep.order }))
    for (const step of [...writes, ...sweeps].sort((a, b) => a.order - b.order)) {
      if ("sweep" in step) {
        const { sweep } = step
        yield* sweep._tag === "Clear" ? clear(into) : invalidateTags(into, sweep.tags, sweep.mode)
        continue
      }
      const { id, write } = step
      switch (write._tag) {
        case "Remove":
          yield* Invalidate.invalidateIds(into.own, [id])
          into.writes.set(id, { _tag: "Remove", order: nextOrder(into) })
          break
        case "Touch":
          touchMerged(into, id, { ttlMillis: write.ttlMillis, now })
          break
        case "Set": {
          yield* Invalidate.invalidateIds(into.own, [id])
          const entry = copyOf(write.entry, { bornAt: into.own.tagEpochs.epoch })
          Memory.put(into.own.memory, entry, now)
          into.writes.set(id, { ...write, entry, order: nextOrder(into) })
        }
      }
    }
    for (const [id, readCheck] of from.readChecks) {
      const entry = loadedHere(from, id)
      if (entry === undefined || into.writes.has(id)) continue
      into.readChecks.set(id, readCheck)
      Memory.put(into.own.memory, entry, now)
    }
    for (const counts of from.counts.values()) for (const count of counts) addCount(into, count)
  })

const touchMerged = (
  into: Overlay,
  id: string,
  { now, ttlMillis }: { readonly ttlMillis: number; readonly now: number }
): void => {
  const write = into.writes.get(id)
  const loaded = loadedHere(into, id)
  if (write?._tag === "Remove") return
  if (write?._tag === "Set") into.writes.set(id, { ...write, life: { ttlMillis } })
  else if (loaded !== undefined) Memory.setDeadlines(into.own.memory, loaded, now + ttlMillis)
  else into.writes.set(id, { _tag: "Touch", ttlMillis, order: nextOrder(into) })
}
