/** The commit of a transaction: either everything it has written becomes visible in one step, or nothing does. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored, TagVersion } from "../../../CacheEntry.ts"
import { SerializerError, StoreError, type StoreErrorReason, TransactionConflict } from "../../../CacheError.ts"
import type { TransactCheck, Transacted, TransactStep } from "../../../ports/store.ts"
import * as Counters from "../../store/counters.ts"
import { newVersion, nextVersion } from "../../store/markers/markers.ts"
import { conflictOf, counterChanges, sizeOf, tooLarge } from "../../store/transact.ts"
import * as Turns from "../../time/turns.ts"
import type { Engine } from "../engine.ts"
import { forget, forgetAll } from "../invalidation/invalidate.ts"
import { markUnsent } from "../invalidation/replay.ts"
import { sendTogether } from "../invalidation/together.ts"
import { copyOf, type Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { holdsInMemory, put } from "../operations/set.ts"
import * as Policy from "../request/callPolicy.ts"
import { provided } from "../request/context.ts"
import { ask, budgetOf } from "../storeTier/ask.ts"
import { encode, encodeForCaller } from "../storeTier/codec.ts"
import * as Commits from "../storeTier/commits.ts"
import { isFault } from "../storeTier/faults.ts"
import { addUnanswered } from "../storeTier/makeStoreTier.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Budget, StoreTier } from "../storeTier/storeTier.ts"
import { emitValue } from "../telemetry/events.ts"
import { tellInvalidated } from "../telemetry/tell.ts"
import { whileSame } from "./listed.ts"
import { isPublishable, type ReadCheck } from "./loads.ts"
import { type Checks, countStep, endOf, loadedHere, type Overlay, type Sweep, type Write } from "./overlay.ts"
import { inTurn } from "./turns.ts"

/** A change to commit. Among the items of a commit, results of loads come last. */
type Item =
  | { readonly _tag: "Write"; readonly id: string; readonly write: Write; readonly order: number }
  | { readonly _tag: "Sweep"; readonly sweep: Sweep; readonly order: number }
  | {
    readonly _tag: "Load"
    readonly id: string
    readonly entry: Entry
    readonly readCheck: ReadCheck
    readonly order: number
  }

type Failure = TransactionConflict | StoreError | SerializerError

export const commit = (self: Overlay): Effect.Effect<void, Failure, any> =>
  Effect.suspend(() => {
    const { base, checks } = self.root
    const items = itemsOf(self)
    const asked = [...checks.ids.values(), ...checks.conditions, ...checks.names.values()]
    const counts = Array.from(self.counts.values()).flat()
    if (
      items.length + counts.length + asked.length === 0 && checks.listed.size === 0 && checks.position === undefined
    ) {
      return Effect.void
    }
    const committing = { items, asked, counts, checks }
    return base.storeTier === undefined
      ? whileSame(base, checks.listed, (hasMoved) => inMemory(base, committing, hasMoved))
      // Commits run one at a time: until the store answers, no other commit may displace a commit's pending writes.
      : listingLoads(base.storeTier, items, inTurn(base, inStore(base, base.storeTier, committing)))
  })

/**
 * Keeps the ids of a commit's loads in `unanswered` while the commit runs, so that invalidations by pattern find them.
 * After a `StoreError` they stay there, because the store may still carry out the commit.
 */
const listingLoads = <A>(
  tier: StoreTier,
  items: ReadonlyArray<Item>,
  committed: Effect.Effect<A, Failure, any>
): Effect.Effect<A, Failure, any> => {
  const ids = items.flatMap((item) => item._tag === "Load" ? item.id : [])
  if (ids.length === 0) return committed
  for (const id of ids) addUnanswered(tier, id)
  return Effect.onExit(committed, (exit) =>
    Effect.sync(() => {
      if (Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof StoreError) return
      for (const id of ids) tier.unanswered.delete(id)
    }))
}

export const validate = (self: Overlay): Effect.Effect<void, TransactionConflict, any> =>
  Effect.suspend(() => {
    self.writes.clear()
    self.sweeps.length = 0
    self.readChecks.clear()
    self.counts.clear()
    return Effect.catch(
      commit(self),
      (error) => error instanceof TransactionConflict ? Effect.fail(error) : Effect.void
    )
  })

interface Committing {
  readonly items: ReadonlyArray<Item>
  readonly asked: ReadonlyArray<TransactCheck>
  readonly counts: ReadonlyArray<Parameters<typeof countStep>[0]>
  readonly checks: Checks
}

const itemsOf = (self: Overlay): ReadonlyArray<Item> => {
  const { base } = self.root
  const items: Array<Item> = []
  for (const [id, write] of self.writes) items.push({ _tag: "Write", id, write, order: write.order })
  for (const sweep of self.sweeps) items.push({ _tag: "Sweep", sweep, order: sweep.order })
  for (const [id, readCheck] of self.readChecks) {
    const entry = loadedHere(self, id)
    if (entry === undefined || self.writes.has(id)) continue
    // A result is not stored if this transaction invalidates its tag, whose new version would hide changes by others.
    const isSwept = self.sweeps.some((sweep) =>
      sweep._tag === "Clear" || entry.tags.some((tag) => sweep.tags.includes(tag))
    )
    if (!isSwept && isPublishable(base, readCheck)) items.push({ _tag: "Load", id, entry, readCheck, order: Infinity })
  }
  return items.sort((a, b) => a.order === b.order ? 0 : a.order - b.order)
}

const inMemory = (
  base: Engine,
  { asked, counts, items }: Committing,
  hasMoved: () => boolean
): Effect.Effect<void, Failure> =>
  Effect.clockWith((clock): Effect.Effect<void, Failure> => {
    const now = base.time.now(clock)
    const size = { steps: items.length + counts.length, bytes: 0 }
    const refusal = tooLarge("memory", size)
    if (refusal !== undefined) return Effect.fail(refusal)
    const live = (name: string) => Counters.live(base.counters, name, now)
    const conflict = conflictOf(asked, {
      holds: ({ condition, id }) => holdsInMemory(base, id, condition, now),
      counter: live,
      position: () => undefined
    })
    if (conflict !== undefined || hasMoved()) return Effect.fail(conflictOfTransaction(conflict))
    // Checked again, because other fibers may have run since the items were collected.
    const applied = items.filter((item) => item._tag !== "Load" || isPublishable(base, item.readCheck))
    const isCleared = items.some((item) => item._tag === "Sweep" && item.sweep._tag === "Clear")
    const counted = counterChanges("memory", counts.map((count) => countStep(count, now)), isCleared ? none : live)
    if (counted instanceof StoreError) return Effect.fail(counted)
    Memory.together(base.memory, () => {
      for (const item of applied) applyHere(base, item, now)
      if (isCleared) base.counters.clear()
      for (const [name, counter] of counted.counters) {
        if (counter === undefined) base.counters.remove(name)
        else base.counters.set(name, counter, now)
      }
    })
    tell(base, items)
    return Effect.void
  })

const none = () => undefined

const applyHere = (base: Engine, item: Item, now: number): void => {
  switch (item._tag) {
    case "Sweep":
      return sweepHere(base, item.sweep)
    case "Load":
      base.retryAt.delete(item.id)
      return Memory.put(base.memory, copyOf(item.entry, { bornAt: base.tagEpochs.epoch }), now)
    case "Write": {
      const { id, write } = item
      if (write._tag === "Remove") return void forget(base, id)
      if (write._tag === "Set") return put(base, committed(base, write, now), now)
      base.mutations++
      const entry = Memory.peek(base.memory, base.tagEpochs, id)
      if (entry !== undefined && now < entry.expiresAt) Memory.setDeadlines(base.memory, entry, now + write.ttlMillis)
    }
  }
}

const sweepHere = (base: Engine, sweep: Sweep): void => {
  if (sweep._tag === "Clear") return void forgetAll(base)
  base.mutations++
  TagEpochs.invalidate(base.tagEpochs, sweep.tags, sweep.mode)
}

/** A copy of an entry whose age and lifetime begin at the commit. */
const committed = (base: Engine, { entry, life }: Extract<Write, { readonly _tag: "Set" }>, now: number): Entry => {
  const expiresAt = endOf(life, now)
  const { storeTier, tagEpochs: { epoch: bornAt }, tokens } = base
  const writeId = entry.writeId ?? (storeTier && tokens.next(16))
  return copyOf(entry, { bornAt, createdAt: now, softExpiresAt: expiresAt, expiresAt, writeId })
}

const inStore = Effect.fnUntraced(function*(
  base: Engine,
  tier: StoreTier,
  { asked, checks, counts, items }: Committing
): Effect.fn.Return<void, Failure, any> {
  const { store } = tier
  const budget = budgetOf(tier, yield* Policy.Current)
  const clock = yield* Clock.Clock
  const now = base.time.now(clock)
  const entries = new Map<string, Entry>()
  const steps: Array<TransactStep> = []
  // Earlier invalidations are sent first, because a later replay would outdate the tag versions that entries get here.
  yield* replayed(tier, { counts, items }, budget)
  // Changes are noticed from here on, because the versions of tags may be outdated by then.
  const { mutations } = base
  const versions = yield* versionsFor(tier, items, budget)
  yield* Turns.forEachEffect(items, (item): Effect.Effect<void, Failure, any> | undefined => {
    if (item._tag === "Sweep") steps.push(sweepStep(base, item.sweep, versions))
    else if (item._tag === "Load") return Effect.map(loadStep(tier, item), (some) => void steps.push(...some))
    else if (item.write._tag === "Remove") steps.push({ _tag: "Remove", id: item.id })
    else if (item.write._tag === "Touch") {
      const expiresAt = now + item.write.ttlMillis
      steps.push({ _tag: "Touch", id: item.id, options: { softExpiresAt: expiresAt, expiresAt } })
    } else {
      const entry = committed(base, item.write, now)
      const tags = entry.tags.map((tag): TagVersion => ({ tag, version: versions.get(tag)! }))
      return Effect.flatMap(encodeForCaller(tier, item.write.key, entry, tags), (stored) => {
        if (stored instanceof StoreError || stored instanceof SerializerError) return Effect.fail(stored)
        entries.set(item.id, entry)
        steps.push({ _tag: "Set", id: item.id, entry: stored! })
        return Effect.void
      })
    }
    return undefined
  })
  for (const count of counts) steps.push(countStep(count, now))
  const request = {
    checks: checks.position === undefined
      ? asked
      : [...asked, { _tag: "Position" as const, position: checks.position }],
    steps
  }
  const refusal = tooLarge(store.name, sizeOf(steps))
  if (refusal !== undefined) return yield* refusal
  const carriedOut = Effect.suspend(() => {
    const sent = begin(tier, items)
    return Effect.flatMap(
      ask(tier, budget, "transact", store.transact!(request)),
      (answer): Effect.Effect<void, Failure> => {
        if (isFault(answer)) {
          if (isHarmless(answer)) undo(tier, sent)
          else doubt(base, tier, items, sent)
          return Effect.fail(answer as StoreError)
        }
        if (answer._tag === "Conflict") {
          undo(tier, sent)
          // Removes the conflicting copies from memory, so that the next try does not read them again.
          for (const id of answer.ids) Memory.remove(base.memory, id, "unverified")
          return Effect.fail(conflictOfTransaction(answer))
        }
        // Applies other processes' changes first, so that the comparison of `mutations` below includes them.
        base.tagEpochs.ensureTracking?.()
        const isAlone = base.mutations === mutations
        for (const [item, sending] of sent) if (!sending.displaced) Pending.acknowledge(tier.pending, item)
        Memory.together(base.memory, () => {
          for (const item of items) settle(base, item, { entries, isAlone, now })
        })
        for (const [item, sending] of sent) if (sending.displaced) markUnsent(tier, item)
        tell(base, items)
        return Effect.void
      }
    )
  })
  yield* Effect.uninterruptible(Commits.commit(tier, concernedBy(items), carriedOut))
})

/** The ids that a commit changes. `undefined` if it invalidates tags or everything: the ids are then unknown. */
const concernedBy = (items: ReadonlyArray<Item>): ReadonlySet<string> | undefined =>
  items.some(({ _tag }) => _tag === "Sweep")
    ? undefined
    : new Set(items.flatMap((item) => item._tag === "Write" ? item.id : []))

/** Reads the versions of tags that the commit needs. `sweepStep` advances those that the transaction invalidates. */
const versionsFor = Effect.fnUntraced(function*(
  tier: StoreTier,
  items: ReadonlyArray<Item>,
  budget: Budget
): Effect.fn.Return<Map<string, string>, StoreError> {
  const tags = Array.from(
    new Set(items.flatMap((item) => {
      if (item._tag === "Write") return item.write._tag === "Set" ? item.write.entry.tags : []
      return item._tag === "Sweep" && item.sweep._tag === "Tags" && item.sweep.mode === "soft" ? item.sweep.tags : []
    }))
  )
  if (tags.length === 0) return new Map()
  const answer = yield* ask(tier, budget, "markers", tier.store.markers(tags))
  if (isFault(answer)) return yield* answer as StoreError
  return new Map(tags.map((tag, i) => [tag, answer.markers[i]!.version]))
})

const sweepStep = ({ tokens }: Engine, sweep: Sweep, versions: Map<string, string>): TransactStep => {
  if (sweep._tag === "Clear") return { _tag: "Clear" }
  const { mode } = sweep
  const tags = sweep.tags.map((tag): TagVersion => {
    const version = nextVersion(versions.get(tag), mode, () => newVersion(tokens))
    versions.set(tag, version)
    return { tag, version }
  })
  return { _tag: "InvalidateTags", tags, mode }
}

/** Makes the step that stores a load's result: none if a tag was unknown before the load, or if encoding fails. */
const loadStep = Effect.fnUntraced(function*(
  tier: StoreTier,
  { entry, readCheck, id }: Extract<Item, { readonly _tag: "Load" }>
): Effect.fn.Return<ReadonlyArray<TransactStep>, never, any> {
  const { flight: { request }, generation, markers } = readCheck
  const declared = request.rules?.tags ?? []
  const tags = entry.tags.map((tag) => ({ tag, version: markers?.markers[declared.indexOf(tag)]?.version }))
  if (generation === undefined || tags.some(({ version }) => version === undefined)) return []
  const written = copyOf(entry, { writeId: tier.front.tokens.next(16) })
  const stored = yield* provided(request, encode(tier, request.key, written, tags as ReadonlyArray<TagVersion>))
  return stored === undefined || isFault(stored) ? [] : [{ _tag: "Commit", id, generation, entry: stored as Stored }]
})

/** Retries unsent invalidations that concern the transaction, because the store still has what they should remove. */
const replayed = (
  tier: StoreTier,
  { counts, items }: Pick<Committing, "counts" | "items">,
  budget: Budget
): Effect.Effect<void, StoreError> => {
  const { pending } = tier
  const unsentOf = (): ReadonlyArray<Pending.Item> => {
    if (pending.unsent.size === 0) return []
    const all = counts.length > 0 ? Pending.unsentOf(pending, "", []) : []
    return Array.from(new Set(items.flatMap((item) => unsentOfItem(pending, item)).concat(all)))
  }
  return Effect.suspend(() => {
    const unsent = unsentOf()
    if (unsent.length === 0) return Effect.void
    return Effect.flatMap(sendTogether(tier, budget, unsent), () =>
      unsentOf().length > 0
        ? Effect.fail(new StoreError({ store: tier.store.name, operation: "transact", reason: "Unavailable" }))
        : Effect.void)
  })
}

const unsentOfItem = (pending: Pending.PendingInvalidations, item: Item): ReadonlyArray<Pending.Item> => {
  if (item._tag === "Sweep") return Pending.unsentOf(pending, "", item.sweep._tag === "Tags" ? item.sweep.tags : [])
  if (item._tag === "Load") return Pending.unsentOf(pending, item.id, item.entry.tags)
  return Pending.unsentOf(pending, item.id, item.write._tag === "Set" ? item.write.entry.tags : [])
}

/** A commit's items. `displaced`: another write was pending. Memory keeps neither: either may reach the store last. */
type Sent = ReadonlyMap<Pending.Item, { readonly displaced: boolean }>

/** Makes the ids and tags pending: until the store has answered, no entries with them enter memory from the store. */
const begin = ({ pending }: StoreTier, items: ReadonlyArray<Item>): Sent => {
  const sent = new Map<Pending.Item, { readonly displaced: boolean }>()
  // An item that replaces an earlier one of this transaction counts as `displaced` only if the earlier one does.
  const isOfOthers = (item: Pending.Item | undefined) => item !== undefined && (sent.get(item)?.displaced ?? true)
  for (const item of items) {
    if (item._tag === "Load") continue
    if (item._tag === "Write") {
      const displaced = isOfOthers(pending.ids.get(item.id))
      sent.set(Pending.addWrite(pending, item.id), { displaced })
    } else if (item.sweep._tag === "Tags") {
      const { mode, tags } = item.sweep
      const displaced = tags.some((tag) => isOfOthers(pending.tags.get(tag)))
      sent.set(Pending.add(pending, Pending.tagsTarget(pending, tags, mode)), { displaced })
    } else {
      const displaced = isOfOthers(pending.all)
      sent.set(Pending.add(pending, { _tag: "All" }), { displaced })
    }
  }
  return sent
}

/** Undoes `begin` if the store has changed nothing. A displaced write may have failed too, so its id is removed. */
const undo = (tier: StoreTier, sent: Sent): void => {
  for (const [item, { displaced }] of sent) {
    if (displaced) markUnsent(tier, item)
    else Pending.acknowledge(tier.pending, item)
  }
}

const harmless: ReadonlySet<StoreErrorReason> = new Set(["Full", "OutOfRange", "TooLarge", "Unsupported"])

const isHarmless = (fault: { readonly reason: string }): boolean => harmless.has(fault.reason as StoreErrorReason)

/** Removes the written ids if the outcome in the store is unknown: from memory now, and from the store by a replay. */
const doubt = (base: Engine, tier: StoreTier, items: ReadonlyArray<Item>, sent: Sent): void => {
  for (const [item] of sent) markUnsent(tier, item)
  for (const item of items) {
    if (item._tag === "Sweep") sweepHere(base, item.sweep)
    else forget(base, item.id)
  }
}

interface Settling {
  readonly entries: ReadonlyMap<string, Entry>
  readonly isAlone: boolean
  readonly now: number
}

/** Updates memory after the commit: puts the committed entry there, or removes the id. */
const settle = (base: Engine, item: Item, { entries, isAlone, now }: Settling): void => {
  if (item._tag === "Sweep") return sweepHere(base, item.sweep)
  const entry = isAlone ? entries.get(item.id) : undefined
  if (item._tag === "Load" || entry === undefined) return void forget(base, item.id)
  entry.checkedAt = base.tagEpochs.epoch
  // The `memoryTtl` of the next reader decides how long the entry stays in memory.
  entry.memoryExpiresAt = -Infinity
  put(base, entry, now)
}

const conflictOfTransaction = (conflict: Extract<Transacted, { readonly _tag: "Conflict" }> | undefined) =>
  new TransactionConflict({ ids: conflict?.ids ?? [], names: conflict?.names ?? [] })

const tell = (base: Engine, items: ReadonlyArray<Item>): void => {
  const ids: Array<string> = []
  for (const item of items) {
    if (item._tag === "Sweep") {
      const { sweep } = item
      tellInvalidated(base, sweep._tag === "Clear" ? { all: true } : { tags: sweep.tags, mode: sweep.mode })
    } else if (item._tag === "Write" && item.write._tag === "Remove") ids.push(item.id)
    else if (item._tag === "Write" && item.write._tag === "Set") {
      emitValue(base, item.write.key, item.write.entry, { _tag: "Set" })
    }
  }
  if (ids.length === 0) return
  tellInvalidated(base, { ids })
}
