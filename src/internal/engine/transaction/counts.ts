/** Counters inside a transaction: each level applies its operations to the counter's value at the level below. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { StoreError } from "../../../CacheError.ts"
import type { Counter, NamedCounter } from "../../../ports/store.ts"
import { counterChanges } from "../../store/transact.ts"
import * as Counters from "../operations/counters.ts"
import { lock } from "./locks.ts"
import { type Count, countStep, type Overlay } from "./overlay.ts"

/** The name of a counter's lock. The prefix distinguishes it from the lock of an id with the same text. */
const lockName = (name: string): string => `counter:${name}`

/** Adds a change. Merges consecutive increments, unless their sum is 0: adding 0 would not create the counter. */
export const addCount = (self: Overlay, count: Count): void => {
  const { name } = count
  const counts = self.counts.get(name) ?? []
  self.counts.set(name, counts)
  const last = counts.at(-1)
  if (last?._tag === "Increment" && count._tag === "Increment" && last.by + count.by !== 0) {
    // The first increment's ttl stays, because it applies when the counter is created.
    counts[counts.length - 1] = { ...last, by: last.by + count.by }
  } else if (count._tag === "RemoveCounter") counts.splice(0, counts.length, count)
  else counts.push(count)
}

const below = (self: Overlay, name: string): Effect.Effect<Counter | undefined, StoreError> => {
  const { isCleared, parent, root } = self
  if (isCleared || self.counts.get(name)?.[0]?._tag === "RemoveCounter") return Effect.undefined
  if (parent !== undefined) return present(parent, name)
  return Effect.map(Counters.counter(root.base, name), (counter) => {
    const { checks: { names }, isolation } = root
    if (isolation !== "fast" && !names.has(name)) names.set(name, { _tag: "Counter", name, value: counter?.value })
    return counter
  })
}

const present = (
  self: Overlay,
  name: string,
  more: ReadonlyArray<Count> = []
): Effect.Effect<Counter | undefined, StoreError> =>
  Effect.clockWith((clock) =>
    Effect.flatMap(below(self, name), (counter): Exit.Exit<Counter | undefined, StoreError> => {
      const now = self.root.base.time.now(clock)
      const steps = [...self.counts.get(name) ?? [], ...more].map((count) => countStep(count, now))
      const changes = counterChanges(nameOf(self), steps, () => counter)
      if (changes instanceof StoreError) return Exit.fail(changes)
      return Exit.succeed(changes.counters.has(name) ? changes.counters.get(name) : counter)
    })
  )

const nameOf = ({ root: { base } }: Overlay): string => base.storeTier?.store.name ?? "memory"

const locked = <A>(self: Overlay, name: string, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
  Effect.andThen(lock(self, [lockName(name)]), effect)

export const counter = (self: Overlay, name: string): Effect.Effect<Counter | undefined, StoreError> =>
  locked(self, name, present(self, name))

export const increment = (
  self: Overlay,
  name: string,
  by: number,
  ttlMillis: number
): Effect.Effect<number, StoreError> => {
  const count: Count = { _tag: "Increment", name, by, ttlMillis }
  return locked(
    self,
    name,
    Effect.map(present(self, name, [count]), (counter) => {
      if (by !== 0) addCount(self, count)
      return counter?.value ?? 0
    })
  )
}

export const touchCounter = (self: Overlay, name: string, ttlMillis: number): Effect.Effect<boolean, StoreError> =>
  ttlMillis <= 0 ? removeCounter(self, name) : changed(self, { _tag: "TouchCounter", name, ttlMillis })

export const removeCounter = (self: Overlay, name: string): Effect.Effect<boolean, StoreError> =>
  changed(self, { _tag: "RemoveCounter", name })

const changed = (self: Overlay, count: Count): Effect.Effect<boolean, StoreError> =>
  locked(
    self,
    count.name,
    Effect.map(present(self, count.name), (counter) => {
      if (counter !== undefined) addCount(self, count)
      return counter !== undefined
    })
  )

export const counters = (self: Overlay, prefix: string): Stream.Stream<NamedCounter, StoreError> => {
  const own = Stream.suspend(() => Stream.fromIterable(Array.from(self.counts.keys()))).pipe(
    Stream.filter((name) => name.startsWith(prefix)),
    Stream.mapEffect((name) => Effect.map(present(self, name), (counter) => counter && { name, ...counter })),
    Stream.filter((counter) => counter !== undefined)
  )
  if (self.isCleared) return own
  const all = self.parent === undefined ? Counters.counters(self.root.base, prefix) : counters(self.parent, prefix)
  return Stream.concat(Stream.filter(all, ({ name }) => !self.counts.has(name)), own)
}
