/** Explicit writes: `set`, with and without a condition. */
import { warnOfValue } from "#platform/engine/request/unfit"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../../CacheEntry.ts"
import { StoreError } from "../../../CacheError.ts"
import type { SetCondition } from "../../../ports/store.ts"
import { idOf, type Key, ownKey, tagsOf, tagsWith } from "../../key/ofKey.ts"
import { holdsFor } from "../../store/conditions.ts"
import { only } from "../../store/many.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import * as Turns from "../../time/turns.ts"
import { forEachWave } from "../../time/waves.ts"
import type { Engine } from "../engine.ts"
import { detach } from "../flight/ending.ts"
import { replaceInStore } from "../invalidation/inStore.ts"
import { change, forget, forgetOthers, invalidateIds } from "../invalidation/invalidate.ts"
import { isStuck, sendAgain, unacknowledged } from "../invalidation/strictReads.ts"
import { sendTogether } from "../invalidation/together.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import * as Policy from "../request/callPolicy.ts"
import { strictly } from "../request/strict.ts"
import { ask, type Asking, budgetOf } from "../storeTier/ask.ts"
import { encode, encodeForCaller } from "../storeTier/codec.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Budget, Fault, StoreTier } from "../storeTier/storeTier.ts"
import * as Written from "../storeTier/written.ts"
import { emitValue } from "../telemetry/events.ts"
import { countersOf } from "../telemetry/stats.ts"
import { lookupUnrecorded } from "./lookup.ts"

export interface SetOptions {
  readonly ttlMillis: number
  readonly tags: ReadonlyArray<string> | undefined
  readonly keepTtl: boolean
  readonly etag: string | undefined
  readonly condition: SetCondition | undefined
  /** The budget that is left after an earlier try with the condition. */
  readonly budget?: Budget
}

/** Returns `false` if the condition does not hold. If there is a store, it alone decides; its faults are failures. */
export const set = Effect.fnUntraced(function*(
  self: Engine,
  key: Key,
  value: unknown,
  options: SetOptions
): Effect.fn.Return<boolean, StoreError, any> {
  const given = yield* Policy.Current
  const id = idOf(ownKey(key))
  const { condition } = options
  const { storeTier: tier } = self
  if (options.ttlMillis <= 0 && condition === undefined) {
    yield* invalidateIds(self, [id])
    return true
  }
  const clock = yield* Clock.Clock
  // On the scale of `WallTime`, because the wall clock may be set back before the entry is made.
  const endsAt = self.time.now(clock) + self.time.setBackMillis + options.ttlMillis
  const unsent = unsentOf(self, key, options)
  const policy = unsent.length === 0 ? given : yield* sendAgain(tier!, given, unsent)
  const isUndone = isStuck(unsent, unsentOf(self, key, options))
  // `keepTtl` reads the entry as part of the write, so the policy's restrictions on reads do not apply.
  const reading: Policy.Policy = { ...policy, readsEntries: true, invalidate: undefined }
  const existing = options.keepTtl
    ? yield* Effect.provideService(lookupUnrecorded(self, key), Policy.Current, reading)
    : undefined
  const { mutations } = self
  const now = self.time.now(clock)
  const expiresAt = existing?.expiresAt ?? endsAt - self.time.setBackMillis
  const entry = entryToSet(self, key, value, { ...options, now, expiresAt })
  const emitSet = () => emitValue(self, key, entry, { _tag: "Set" })
  if (condition !== undefined) {
    if (tier === undefined) {
      if (!holdsInMemory(self, id, condition, now)) return false
    } else {
      const { budget = budgetOf(tier, policy) } = options
      const done = yield* setIf(self, { tier, budget }, { key, entry, condition })
      if (done === undefined) return yield* set(self, key, value, { ...options, budget })
      if (!done) {
        forgetWrongCopy(self, id, condition)
        return false
      }
    }
    // Apply pending changes by other processes now, so that the check below takes them into account.
    self.tagEpochs.ensureTracking?.()
    // Another write or invalidation happened meanwhile. Only the store knows the order, so memory drops the value.
    if (tier !== undefined && self.mutations !== mutations) {
      forget(self, id)
      emitSet()
      return true
    }
  }
  // The `memoryTtl` of the next reader decides how long the entry stays in memory.
  if (tier !== undefined) entry.memoryExpiresAt = -Infinity
  const setHere = () => {
    warnOfValue(self, { key }, entry.exit)
    put(self, entry, now)
    emitSet()
  }
  if (tier === undefined || condition !== undefined) {
    setHere()
    return true
  }
  const asking = { tier, budget: budgetOf(tier, policy) }
  const write = Written.make(tier, key, entry)
  const replacing = replaceInStore(tier, [write], setHere, toStored(asking, [key], [entry]))
  const replaced = Effect.ensuring(replacing, afterWrite(self, [entry]))
  const [stored] = yield* policy === given ? replaced : Effect.provideService(replaced, Policy.Current, policy)
  // An earlier invalidation of a tag may have been acknowledged only now, which has removed the new value.
  if (stored === undefined && unsent.length > 0) Written.lost(tier, write)
  if (isFault(stored) && policy.strict) yield* strictly(stored)
  if (isUndone && policy.strict) yield* strictly(unacknowledged(tier, "set"))
  return true
})

/**
 * The unsent invalidations that would remove the value if sent after it: a `clear`, and those of the value's tags. The
 * write itself replaces an invalidation of its id. Empty for a conditional write, because `isReplayed` sends them.
 */
const unsentOf = (
  { storeTier: tier }: Engine,
  key: Key,
  { condition, tags }: SetOptions
): ReadonlyArray<Pending.Item> =>
  tier === undefined || condition !== undefined || tier.pending.unsent.size === 0
    ? []
    : Pending.unsentOf(tier.pending, "", tagsOfValue(key, tags))

/** Sets values in waves. If a wave must first read entries or send invalidations, its values are set separately. */
export const setMany = (
  self: Engine,
  pairs: ReadonlyArray<readonly [key: Key, value: unknown]>,
  options: SetOptions
): Effect.Effect<void, StoreError, any> => {
  if (options.ttlMillis <= 0) return Effect.asVoid(invalidateIds(self, pairs.map(([key]) => idOf(key))))
  return Effect.clockWith((clock) => {
    const endsAt = monotonicMillis(clock) + options.ttlMillis
    const setSome = (wave: typeof pairs, inTurn: Effect.Effect<void>): Effect.Effect<unknown, StoreError, any> => {
      // The lifetime of all values begins with the call, however long the earlier waves have taken.
      const left = { ...options, ttlMillis: endsAt - monotonicMillis(clock) }
      if (left.ttlMillis <= 0) return invalidateIds(self, wave.map(([key]) => idOf(key)))
      const isPlain = !options.keepTtl && wave.every(([key]) => unsentOf(self, key, options).length === 0)
      if (isPlain) return setWave(self, wave, left, inTurn)
      const setting = wave.map(([key, value]) => Effect.exit(set(self, key, value, left)))
      return Effect.flatMap(Effect.all(setting, { concurrency: "unbounded" }), Exit.asVoidAll)
    }
    // If a wave fails, the other ids must not keep older values, so all waves are set before the call fails.
    const exits: Array<Exit.Exit<unknown, StoreError>> = []
    const all = forEachWave(
      pairs,
      (wave, _, inTurn) => Effect.map(Effect.exit(setSome(wave, inTurn)), (exit) => void exits.push(exit))
    )
    return Effect.andThen(all, Effect.suspend(() => Exit.asVoidAll(exits)))
  })
}

const setWave = Effect.fnUntraced(function*(
  self: Engine,
  wave: ReadonlyArray<readonly [key: Key, value: unknown]>,
  options: SetOptions,
  inTurn: Effect.Effect<void>
): Effect.fn.Return<void, never, any> {
  for (const [key] of wave) ownKey(key)
  const policy = yield* Policy.Current
  const { storeTier: tier } = self
  const now = self.time.now(yield* Clock.Clock)
  const expiresAt = now + options.ttlMillis
  const entries = wave.map(([key, value]) => entryToSet(self, key, value, { ...options, now, expiresAt }))
  const setHere = () =>
    entries.forEach((entry, i) => {
      const key = wave[i]![0]
      if (tier !== undefined) entry.memoryExpiresAt = -Infinity
      warnOfValue(self, { key }, entry.exit)
      put(self, entry, now)
      emitValue(self, key, entry, { _tag: "Set" })
    })
  if (tier === undefined) return setHere()
  const keys = wave.map(([key]) => key)
  const writes = entries.map((entry, i) => Written.make(tier, keys[i]!, entry))
  const encoded = toStored({ tier, budget: { ...budgetOf(tier, policy), inTurn } }, keys, entries)
  const stored = yield* Effect.ensuring(
    replaceInStore(tier, writes, setHere, encoded),
    afterWrite(self, entries)
  )
  const fault = policy.strict ? stored.find(isFault) : undefined
  if (fault !== undefined) yield* strictly(fault)
})

/** Repeats steps of `put`: an entry derived from an old value may have been read before the store answered. */
const afterWrite = (self: Engine, entries: ReadonlyArray<Entry>): Effect.Effect<void> =>
  Effect.sync(() => {
    self.mutations++
    for (const entry of entries) {
      TagEpochs.idChanged(self.tagEpochs, entry.id)
      if (!Pending.isPending(self.storeTier!.pending, entry.id)) dropOthers(self, entry)
    }
  })

/** Removes the result of a refresh that began during the write, because the store refuses that result. */
const dropOthers = (self: Engine, { id, writeId }: Entry): void => {
  detach(self, id)
  const copy = self.memory.entries.get(id)
  if (copy !== undefined && copy.writeId !== writeId) Memory.remove(self.memory, id, "replaced")
}

interface EntryOptions extends Pick<SetOptions, "tags" | "etag"> {
  readonly now: number
  readonly expiresAt: number
}

export const entryToSet = (
  self: Engine,
  key: Key,
  value: unknown,
  { etag, expiresAt, now, tags }: EntryOptions
): Entry =>
  new Entry({
    id: idOf(key),
    exit: Exit.succeed(value),
    createdAt: now,
    softExpiresAt: expiresAt,
    expiresAt,
    loadMillis: 0,
    tags: tagsOfValue(key, tags),
    bornAt: TagEpochs.epochNow(self.tagEpochs),
    writeId: self.storeTier === undefined ? undefined : self.tokens.next(16),
    etag,
    constant: undefined,
    counters: countersOf(self, key),
    time: self.time
  })

const tagsOfValue = (key: Key, tags: ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  tags === undefined ? tagsOf(key) : tagsWith(key, tags)

export const holdsInMemory = (self: Engine, id: string, condition: SetCondition, now: number): boolean => {
  const entry = Memory.peek(self.memory, self.tagEpochs, id)
  return holdsFor(condition, entry !== undefined && now < entry.expiresAt, entry?.writeId)
}

/** Removes the copy in memory if the condition holds for it: the store, which knows better, has refused the write. */
const forgetWrongCopy = (self: Engine, id: string, condition: SetCondition): void => {
  const copy = self.memory.entries.get(id)
  if (copy === undefined || condition._tag === "IfAbsent") return
  if (condition._tag === "IfPresent" || copy.writeId === condition.writeId) Memory.remove(self.memory, id, "unverified")
}

/**
 * Atomically sets the value if the condition holds. Fails if the outcome is unknown. Returns `undefined` if a tag was
 * invalidated before the store was asked. The value would be invalid from the start, so `set` tries again.
 */
const setIf = Effect.fnUntraced(function*(
  self: Engine,
  asking: Asking,
  { condition, entry, key }: { readonly key: Key; readonly entry: Entry; readonly condition: SetCondition }
): Effect.fn.Return<boolean | undefined, StoreError, any> {
  const { budget, tier } = asking
  const { store } = tier
  const unknown = { store: store.name, operation: "set", reason: "Unavailable" } as const
  if (!(yield* isReplayed(asking, entry))) return yield* new StoreError(unknown)
  const [stored] = yield* toStored(asking, [key], [entry], encodeForCaller)
  if (stored === undefined || TagEpochs.changedSince(self.tagEpochs, entry.tags, entry.checkedAt)) return undefined
  if (isFault(stored)) {
    // The store works, but cannot take this value, so another try would not help.
    return yield* stored instanceof StoreError
      ? stored
      : new StoreError({ ...unknown, reason: "Unsupported", cause: stored })
  }
  // After a fault or an interruption the store may still set the value, so memory must not keep an older one.
  const forgetEntry = Effect.sync(() => forget(self, entry.id))
  const answer = yield* Effect.onInterrupt(
    ask(tier, budget, "set", only(store.set([{ id: entry.id, entry: stored, condition }]))),
    () => forgetEntry
  )
  if (!isFault(answer)) return answer
  yield* forgetEntry
  return yield* answer
})

/** Sends unsent invalidations of the entry before the store checks the condition. Returns whether that succeeded. */
const isReplayed = ({ budget, tier }: Asking, { id, tags }: Entry): Effect.Effect<boolean> => {
  const unsentOf = () => Pending.unsentOf(tier.pending, id, tags)
  return Effect.map(sendTogether(tier, budget, unsentOf()), () => unsentOf().length === 0)
}

const toStored = Effect.fnUntraced(function*(
  { budget, tier }: Asking,
  keys: ReadonlyArray<Key>,
  entries: ReadonlyArray<Entry>,
  encoded = encode
): Effect.fn.Return<ReadonlyArray<Stored | undefined | Fault>, never, any> {
  const names = Array.from(new Set(entries.flatMap(({ tags }) => tags)))
  const answer = names.length === 0
    ? undefined
    : yield* ask(tier, budget, "markers", tier.store.markers(names))
  if (isFault(answer)) return entries.map(() => answer)
  yield* budget.inTurn ?? Effect.void
  const versions = new Map(names.map((tag, i) => [tag, answer!.markers[i]!.version]))
  const encodings: Array<Effect.Effect<Stored | undefined | Fault, never, any>> = []
  yield* Turns.forEach(entries, (entry) => {
    const tags = entry.tags.map((tag) => ({ tag, version: versions.get(tag)! }))
    encodings.push(encoded(tier, keys[encodings.length]!, entry, tags))
  })
  // If all codecs have answered synchronously, as most do, nothing needs to run concurrently.
  const isAlone = encodings.length === 1 || encodings.every(Exit.isExit)
  const stored = yield* Effect.all(encodings, { concurrency: isAlone ? 1 : "unbounded" })
  return stored.map((one, i) => isOutrun(tier, entries[i]!) ? undefined : one)
})

/**
 * Whether this process has invalidated a tag of the entry during the write. An invalidation that the store has reported
 * does not count: it may precede the write, and if it followed, the versions of the entry's tags are outdated.
 */
const isOutrun = ({ front: { tagEpochs } }: StoreTier, { checkedAt, tags }: Entry): boolean =>
  TagEpochs.ownSince(tagEpochs, tags, checkedAt)

export const put = (self: Engine, entry: Entry, now: number): void => {
  forgetOthers(self, entry.id)
  change(self, entry.id, "set")
  Memory.put(self.memory, entry, now)
}
