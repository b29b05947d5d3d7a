import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { Stored } from "../../CacheEntry.ts"
import { tokenUnsafe } from "../token.ts"
import { ask, type Budget, encode, fetch, isFault, versionsOf } from "./backend.ts"
import { Entry } from "./entry.ts"
import type { Fault } from "./flight.ts"
import { invalidateIds, replaceInStore } from "./invalidate.ts"
import { idOf, type Key, tagsOf } from "./keys.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import * as Policy from "./policy.ts"
import { detach } from "./refresh.ts"
import { strictly } from "./strict.ts"
import * as Tags from "./tags.ts"
import { nowOf } from "./waiting.ts"

const budgetOf = (self: Engine, policy: Policy.Policy): Budget => ({
  leftMillis: policy.storeTimeoutMillis ?? self.backend!.budgetMillis
})

/** What is cached under a key and within its ttl, without loading: the way of `getOption`, `has`, `expiresIn`. */
export const lookup = (self: Engine, key: Key): Effect.Effect<Entry | undefined, never, any> =>
  Effect.withFiber((fiber) => {
    const policy = fiber.getRef(Policy.Current)
    const id = idOf(key)
    if (policy.readsMemory) {
      const entry = Memory.peek(self.memory, self.tags, id)
      if (entry !== undefined && nowOf(fiber) < entry.expiresAt) {
        self.memory.policy.read(entry)
        return Effect.succeed(entry)
      }
    }
    if (self.backend === undefined || !policy.readsStore) return Effect.undefined
    const { mutations } = self
    return Effect.flatMap(fetch(self, budgetOf(self, policy), key, id, tagsOf(key)), (found) => {
      if (isFault(found)) return policy.strict ? strictly(found) : Effect.undefined
      if (!(found instanceof Entry)) return Effect.undefined
      // what was written or invalidated meanwhile is newer than this answer
      if (policy.writes && self.mutations === mutations && !self.flights.has(id)) Memory.put(self.memory, found)
      return Effect.succeed(found)
    })
  })

export interface SetOptions {
  readonly ttlMillis: number
  readonly tags: ReadonlyArray<string>
  readonly keepTtl: boolean
}

/** Puts a value in, in place of what is there and of what is being loaded. */
export const set = Effect.fnUntraced(function*(
  self: Engine,
  key: Key,
  value: unknown,
  options: SetOptions
): Effect.fn.Return<void, never, any> {
  const policy = yield* Policy.Current
  const id = idOf(key)
  if (options.ttlMillis <= 0) return void (yield* invalidateIds(self, [id]))
  // a part of the write, whatever the policy says about reads
  const reading: Policy.Policy = { ...policy, readsMemory: true, readsStore: true }
  const kept = options.keepTtl ? yield* Effect.provideService(lookup(self, key), Policy.Current, reading) : undefined
  const now = (yield* Clock.Clock).currentTimeMillisUnsafe()
  const entry = new Entry({
    id,
    exit: Exit.succeed(value),
    createdAt: now,
    softExpiresAt: kept?.softExpiresAt ?? now + options.ttlMillis,
    expiresAt: kept?.expiresAt ?? now + options.ttlMillis,
    loadMillis: 0,
    tags: options.tags,
    bornAt: self.tags.epoch,
    writeId: tokenUnsafe(yield* Random.Random, 16)
  })
  put(self, entry)
  if (self.backend === undefined) return
  const stored = yield* replaceInStore(self, id, toStored(self, key, entry, budgetOf(self, policy)))
  if (isFault(stored) && policy.strict) yield* strictly(stored)
})

/** An explicit value as the store takes it, `undefined` or a fault where it cannot be stored. */
const toStored = Effect.fnUntraced(function*(
  self: Engine,
  key: Key,
  entry: Entry,
  budget: Budget
): Effect.fn.Return<Stored | undefined | Fault, never, any> {
  const markers = entry.tags.length === 0
    ? { seq: 0, markers: [] }
    : yield* ask(self, budget, "markers", self.backend!.store.markers(entry.tags))
  const tags = isFault(markers) ? markers : yield* versionsOf(self, budget, entry.tags, entry.tags, markers)
  if (isFault(tags) || tags === undefined) return tags
  const stored = yield* encode(self, key, entry, tags)
  return Tags.changedSince(self.tags, entry.tags, entry.bornAt) ? undefined : stored
})

const put = (self: Engine, entry: Entry): void => {
  self.mutations++
  detach(self, entry.id)
  self.retryAt.delete(entry.id)
  Memory.put(self.memory, entry)
}
