/** Reads inside a transaction: a level looks at its own writes, then at the level below, and remembers the result. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { idOf, type Key, ownKey } from "../../key/ofKey.ts"
import * as Turns from "../../time/turns.ts"
import type { ManyRequest } from "../batch/reading.ts"
import { readMany as readManyOver } from "../batch/readMany.ts"
import { loadWithoutCache } from "../batch/withoutCache.ts"
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as Lookup from "../operations/lookup.ts"
import * as Read from "../read/read.ts"
import { Within } from "../request/attempt.ts"
import * as Policy from "../request/callPolicy.ts"
import { provided, wallNow } from "../request/context.ts"
import type { Request } from "../state.ts"
import type { Fault } from "../storeTier/storeTier.ts"
import { cycleOf } from "./loads.ts"
import { fail, lock } from "./locks.ts"
import { guarded, type Overlay, rebase, see, touch } from "./overlay.ts"
import { remove } from "./removals.ts"

/** The reason for a lookup. It decides whether the commit checks the answer. */
type Purpose = "explicit" | "condition" | "cached"

/** Whether this level can answer without the level below. A touch is not enough: the touched entry may be gone. */
const isKnown = (self: Overlay, id: string): boolean =>
  self.isCleared || (self.writes.get(id) ?? touch)._tag !== "Touch" || self.own.flights.has(id) ||
  Memory.peek(self.own.memory, self.own.tagEpochs, id) !== undefined

export const look = (self: Overlay, keys: ReadonlyArray<Key>, purpose: Purpose): Effect.Effect<void, never, any> =>
  Effect.withFiber((fiber) => {
    const rebaseAll = () => {
      for (const key of keys) rebase(self, idOf(key), wallNow(self.root.base, fiber))
    }
    const missing = keys.filter((key) => !isKnown(self, idOf(key)))
    if (missing.length === 0) return Effect.sync(rebaseAll)
    if (purpose === "cached") missing.forEach(ownKey)
    return Effect.map(below(self, missing, purpose), (found) => {
      for (const [i, entry] of found.entries()) {
        // Another fiber of the transaction has written the id in the meantime.
        if (entry === undefined || isKnown(self, idOf(missing[i]!))) continue
        const isSeen = see(self, entry, wallNow(self.root.base, fiber))
        if (!isSeen && entry.writeId !== undefined) self.root.checks.ended.set(entry.id, entry.writeId)
      }
      // The store may have taken longer than the ttl of a write.
      rebaseAll()
    })
  })

const below = (
  self: Overlay,
  keys: ReadonlyArray<Key>,
  purpose: Purpose
): Effect.Effect<ReadonlyArray<Entry | undefined>, never, any> => {
  const { parent, root } = self
  if (parent !== undefined) {
    return Effect.andThen(
      look(parent, keys, purpose),
      Effect.sync(() => keys.map(peekIn(parent)))
    )
  }
  const { base } = root
  // If the store cannot answer, the read fails, because "not found" could be wrong. A cached effect loads instead.
  const onFault = purpose === "cached" || root.bypasses ? undefined : (fault: Fault) => fail(root, fault)
  // Reads the base's memory and store under every policy, because loads in the transaction use the copy made here.
  const lookedUp = Effect.updateService(Lookup.storedMany(base, keys, onFault), Policy.Current, Policy.readingAll)
  return Effect.map(lookedUp, (found) => {
    for (const [i, entry] of found.entries()) {
      if (entry !== undefined) entry.writeId ??= base.tokens.next(16)
      if (root.isolation === "serializable" || (root.isolation === "locked" && purpose !== "cached")) {
        remember(self, idOf(keys[i]!), entry)
      }
    }
    return found
  })
}

/** Remembers the first entry found for an id, or that there was none. The commit checks that this still holds. */
const remember = ({ root: { checks } }: Overlay, id: string, entry: Entry | undefined): void => {
  if (checks.ids.has(id)) return
  checks.ids.set(id, {
    _tag: "Entry",
    id,
    condition: entry === undefined ? { _tag: "IfAbsent" } : { _tag: "IfUnchanged", writeId: entry.writeId! }
  })
}

const peekIn = (self: Overlay) => (key: Key): Entry | undefined =>
  Memory.peek(self.own.memory, self.own.tagEpochs, idOf(key))

export const liveIn = (self: Overlay, key: Key, now: number): Entry | undefined => {
  const entry = peekIn(self)(key)
  return entry !== undefined && now < entry.expiresAt ? entry : undefined
}

/** Answers a cached effect with an entry written at this level, a hit at a lower level, or a load at this level. */
export const read = <A, E>(
  self: Overlay,
  fiber: Fiber.Fiber<any, any>,
  request: Request<A, E>
): Effect.Effect<A, E> => {
  if (!self.isOpen && self.root.bypasses) return self.root.outer.read(fiber, request)
  return guarded(self, () => {
    if (self.root.bypasses) return Read.bypass(request)
    const policy = fiber.getRef(Policy.Current)
    const rest = Effect.withFiber<A, E>((fiber) =>
      circle(self, fiber, policy, request) ?? self.inside.read(fiber, request)
    )
    return provided(request, before(self, policy, [request.key], rest))
  }) as Effect.Effect<A, E>
}

/** Detects a cycle through a load whose result is not stored, because such a load bypasses the check in `loadsOf`. */
const circle = (
  self: Overlay,
  fiber: Fiber.Fiber<any, any>,
  policy: Policy.Policy,
  { key }: Request
): Effect.Effect<never> | undefined => {
  const around = policy.writes || policy.bypass ? undefined : fiber.getRef(Within)?.flight
  if (around === undefined || peekIn(self)(key) !== undefined) return undefined
  const cycle = cycleOf(around, { engine: self.own, id: idOf(key) })
  return cycle && Effect.die(cycle)
}

const before = <A, E>(
  self: Overlay,
  policy: Policy.Policy,
  keys: ReadonlyArray<Key>,
  rest: Effect.Effect<A, E, any>
): Effect.Effect<A, E, any> => {
  if (policy.bypass) return rest
  if (policy.invalidate !== undefined) {
    const ids = Array.from(new Set(keys.map(idOf)))
    return Effect.andThen(
      remove(self, ids),
      Effect.provideService(rest, Policy.Current, { ...policy, invalidate: undefined })
    )
  }
  return Policy.readsNormally(policy) ? Effect.andThen(look(self, keys, "cached"), rest) : rest
}

export const readMany = (
  self: Overlay,
  many: ManyRequest
): Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, unknown, any> =>
  self.root.bypasses
    ? loadWithoutCache(many)
    : Effect.flatMap(
      Policy.Current,
      (policy) => before(self, policy, many.keys, Effect.withFiber((fiber) => readManyOver(self.own, fiber, many)))
    )

/** Like `current` of a cache. The value is not served to a load, so no dependency is recorded. */
export const current = (self: Overlay, key: Key): Effect.Effect<Entry | undefined, never, any> =>
  Effect.updateService(
    Effect.map(lookupMany(self, [key], Lookup.storedMany), ([entry]) => entry),
    Policy.Current,
    Policy.readingAll
  )

export const lookupMany = (
  self: Overlay,
  keys: ReadonlyArray<Key>,
  lookup = Lookup.lookupMany
): Effect.Effect<ReadonlyArray<Entry | undefined>, never, any> =>
  Effect.flatMap(Policy.Current, (policy) => {
    const ids = keys.map(idOf)
    if (policy.invalidate !== undefined && !policy.bypass) {
      return Effect.as(
        remove(self, ids),
        keys.map(() => undefined)
      )
    }
    const own = (some: ReadonlyArray<Key>) => lookup(self.own, some)
    return Policy.readsNormally(policy)
      ? Effect.andThen(
        lock(self, ids),
        Turns.inParts(keys, (some) => Effect.andThen(look(self, some, "explicit"), own(some)))
      )
      : Turns.inParts(keys, own)
  })
