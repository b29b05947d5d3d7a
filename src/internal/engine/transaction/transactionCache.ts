/** The cache inside a transaction: its operations are those of the overlay. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { CacheConfigError } from "../../../CacheError.ts"
import { type Cache, cacheOf, type Operation, TypeId } from "../boundCache.ts"
import type { Engine } from "../engine.ts"
import { currentOf } from "../operations/current.ts"
import * as Operations from "../operationTable.ts"
import * as Counts from "./counts.ts"
import * as Listings from "./listings.ts"
import { guarded, type Overlay, requireOpen } from "./overlay.ts"
import * as Reads from "./reads.ts"
import { remove } from "./removals.ts"
import * as Writes from "./writes.ts"

/** Returns the engine of a cache, or the current level if the cache is inside a transaction. */
export const enter: Operation<[], Engine | Overlay | undefined> = {
  over: (engine) => engine,
  without: () => undefined,
  needsOne:
    "A transaction changes one cache, and CacheLayer.routed has several whose default is disabled: name the one " +
    "whose entries it changes (CacheLayer.named), and put Cached.withCache around the transaction"
}

export const isOverlay = (entered: Engine | Overlay | undefined): entered is Overlay =>
  entered !== undefined && "root" in entered

type Inside = (self: Overlay, ...args: ReadonlyArray<any>) => unknown

const effect = <Args extends ReadonlyArray<any>, A>(
  operation: Operation<Args, A>,
  inside: (self: Overlay, ...args: Args) => A
): readonly [Operation<any, any>, Inside] => [
  operation,
  (self, ...args) => guarded(self, () => inside(self, ...args as unknown as Args) as Effect.Effect<unknown>)
]

const stream = <Args extends ReadonlyArray<any>, A>(
  operation: Operation<Args, A>,
  inside: (self: Overlay, ...args: Args) => A
): readonly [Operation<any, any>, Inside] => [
  operation,
  (self, ...args) =>
    Stream.suspend(() => {
      requireOpen(self)
      return inside(self, ...args as unknown as Args) as Stream.Stream<unknown>
    })
]

const operations = new Map<Operation<any, any>, Inside>([
  effect(Operations.readMany, (self, _, many) => Reads.readMany(self, many)),
  effect(Operations.lookup, (self, key) => Effect.map(Reads.lookupMany(self, [key]), ([entry]) => entry)),
  effect(
    Operations.find,
    (self, key) => Effect.map(Reads.lookupMany(self, [key]), ([entry]) => withWriteId(self, entry))
  ),
  effect(
    Operations.current,
    (self, key) => Effect.map(Reads.current(self, key), (entry) => currentOf(withWriteId(self, entry)))
  ),
  effect(Operations.lookupMany, Reads.lookupMany),
  effect(Operations.set, Writes.set),
  effect(Operations.setMany, Writes.setMany),
  effect(Operations.touch, Writes.touch),
  effect(Operations.increment, Counts.increment),
  effect(Operations.counter, Counts.counter),
  effect(Operations.touchCounter, Counts.touchCounter),
  effect(Operations.removeCounter, Counts.removeCounter),
  stream(Operations.counters, Counts.counters),
  // The entry is removed even in mode `soft`, because the commit could not mark it in one step with the writes.
  effect(Operations.invalidate, (self, ids) => remove(self, ids)),
  effect(Operations.invalidateTags, (self, tags, mode = "hard") => Writes.invalidateTags(self, tags, mode)),
  stream(Operations.invalidateMatching, (self, glob) => Listings.invalidateMatching(self, glob)),
  effect(Operations.clear, Writes.clear),
  stream(Operations.entries, Listings.entries),
  effect(Operations.size, Listings.size),
  // A stream's run is shared by its consumers and cannot be undone, so inside a transaction, streams are not cached.
  stream(Operations.stream, (_, streaming) => Operations.stream.without(streaming))
])

const withWriteId = (self: Overlay, entry: any) => {
  if (entry !== undefined) entry.writeId ??= self.root.base.tokens.next(16)
  return entry
}

/** Operations that a transaction refuses on other caches, because it could not undo them. */
const writing: ReadonlySet<Operation<any, any>> = new Set<Operation<any, any>>([
  Operations.set,
  Operations.setMany,
  Operations.touch,
  Operations.increment,
  Operations.touchCounter,
  Operations.removeCounter,
  Operations.invalidate,
  Operations.invalidateTags,
  Operations.clear,
  enter
])

export const make = (self: Overlay): Cache => {
  const { outer } = self.root
  const cache: Cache = {
    [TypeId]: TypeId,
    strategy: outer.strategy,
    copy: outer.copy,
    read: (fiber, request) => Reads.read(self, fiber, request),
    perform: (operation, ...args) => {
      // Once an SQL transaction has ended, further operations of its effect use the outer cache.
      if (self.root.bypasses && !self.isOpen) return outer.perform(operation, ...args)
      if (operation as unknown === enter) return self as never
      const inside = operations.get(operation)
      if (inside === undefined) return outer.perform(operation, ...args)
      return inside(self, ...args) as never
    },
    beside: (other) => other === outer || other === cache ? cache : elsewhere(cacheOf(other))
  }
  return cache
}

const elsewhere = (other: Cache): Cache => ({
  ...other,
  perform: (operation, ...args) => {
    if (operation === Operations.invalidateMatching as unknown) return Stream.die(refused()) as never
    if (!writing.has(operation)) return other.perform(operation, ...args)
    if (operation as unknown === enter) throw refused()
    return Effect.die(refused()) as never
  }
})

const refused = () =>
  new CacheConfigError({
    message: "A transaction writes to one cache: write to the other one (Cached.withCache) outside of it"
  })
