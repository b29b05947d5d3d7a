/** One attempt to send unsent invalidations. What the store refuses keeps nothing else from being sent. */
import * as Effect from "effect/Effect"
import type { Store } from "../../../ports/store.ts"
import { many } from "../../defaults/bounds.ts"
import { replay as limits } from "../../defaults/stores.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { ask, askForAll, type Many } from "../storeTier/ask.ts"
import * as Circuit from "../storeTier/circuit.ts"
import { isFault } from "../storeTier/faults.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Budget, Fault, StoreTier } from "../storeTier/storeTier.ts"
import * as Written from "../storeTier/written.ts"

interface Pass {
  readonly tier: StoreTier
  /** The budget that all requests share. `undefined` in the background, where each request has its own. */
  readonly all: Budget | undefined
  readonly refused: Set<Pending.Item>
  /** The number of failed requests since the last successful one. */
  failures: number
  hasSent: boolean
  /** Whether a request has failed for another reason than that the store refuses an item again. */
  isDoubtful: boolean
  isOver: boolean
}

/** The parts that one request sends: everything, tags of one item, or ids. */
type Wave = ReadonlyArray<Part>

interface Part {
  readonly item: Pending.Item
  /** One of the item's tags. `undefined` if the item invalidates an id or everything. */
  readonly tag?: string
}

/** Sends `items`, or else all unsent items that are due. Returns whether the store works, as far as is known. */
export const replay = Effect.fnUntraced(function*(tier: StoreTier, all?: Budget, items?: ReadonlyArray<Pending.Item>) {
  const { pending } = tier
  const pass: Pass = {
    tier,
    all,
    refused: new Set(),
    failures: 0,
    hasSent: false,
    isDoubtful: false,
    isOver: false
  }
  const waves = wavesOf(pending, items ?? Array.from(pending.unsent).filter((item) => all !== undefined || isDue(item)))
  // A synchronous store answers in the current turn, so a long replay yields from time to time.
  const send = (wave: Wave, i: number) => Effect.andThen(i === 0 ? Effect.void : Effect.yieldNow, sendWave(pass, wave))
  // In the last pass, a request that hangs must not use up the time of the others.
  yield* Effect.forEach(waves, send, { concurrency: all?.isLast === true ? many.concurrency : 1, discard: true })
  if (all === undefined) { for (const item of pass.refused) sendLater(item) }
  return pass.hasSent || !pass.isDoubtful
})

/** Whether an item takes part in this pass. An item that the store refuses skips more and more of them. */
const isDue = (item: Pending.Item): boolean => {
  if (item.skips === undefined || item.skips === 0) return true
  item.skips--
  return false
}

/** From now on, a refused item is sent alone after the others, and less often each time. */
const sendLater = (item: Pending.Item): void => {
  item.refusals = (item.refusals ?? 0) + 1
  item.skips = item.refusals === 1 ? 0 : Math.min(limits.skips, 2 ** (item.refusals - 1))
}

/**
 * A `clear` precedes tags, and tags precede ids, because a written value must not be acknowledged before an older
 * invalidation of it. Ids form waves, which are short, because a newer write may begin during a wave. Items that the
 * store has refused come last, each part alone.
 */
const wavesOf = (
  pending: Pending.PendingInvalidations,
  items: ReadonlyArray<Pending.Item>
): ReadonlyArray<Wave> => {
  const ofAll: Array<Wave> = []
  const ofTags: Array<Wave> = []
  const ofIds: Array<Array<Part>> = []
  const alone: Array<Wave> = []
  for (const item of items) {
    const { target } = item
    const parts: Wave = target._tag === "Tags"
      ? Array.from(new Set(target.tags), (tag) => ({ item, tag })).filter((part) => isOpen(pending, part))
      : [{ item }]
    if (item.refusals !== undefined) { for (const part of parts) alone.push([part]) }
    else if (target._tag === "All") ofAll.push(parts)
    else if (target._tag === "Tags") ofTags.push(parts)
    else if (ofIds.length > 0 && ofIds.at(-1)!.length < many.steps) ofIds.at(-1)!.push({ item })
    else ofIds.push([{ item }])
  }
  return [...ofAll, ...ofTags, ...ofIds, ...alone]
}

const isOpen = ({ tags }: Pending.PendingInvalidations, { item, tag }: Part): boolean =>
  tag === undefined ? item.places > 0 : tags.get(tag) === item

const sendWave: (pass: Pass, wave: Wave) => Effect.Effect<void> = Effect.fnUntraced(function*(pass, wave) {
  const { all, tier } = pass
  const { pending, store, storeTimeoutMillis } = tier
  const budget: Budget = all === undefined ? { leftMillis: storeTimeoutMillis } : all.isLast === true ? { ...all } : all
  if (pass.isOver || budget.leftMillis <= 0) return
  const written = yield* acknowledgeWritten(pass, budget, wave)
  if (isFault(written)) return yield* failed(pass, wave, written, wave.length === 1)
  // Skips replaced items. Reads `write` now: the store may report a removal, which clears `write`, before it answers.
  const current = wave.filter((part) => isOpen(pending, part) && !written.has(part))
  if (current.length === 0) return
  const writes = current.map(({ item }) => item.write)
  const answers = yield* askForAll<Part, unknown>(tier, budget, current, manyOf(store, current[0]!.item.target))
  const carriedOut: Array<Part> = []
  const refused: Array<Part> = []
  let fault: Fault | undefined
  current.forEach((part, i) => {
    const answer = answers[i]
    if (isFault(answer)) {
      fault = answer
      refused.push(part)
      return
    }
    const write = writes[i]
    if (write !== undefined && isOpen(pending, part)) Written.lost(tier, write)
    carriedOut.push(part)
  })
  acknowledge(tier, carriedOut)
  if (carriedOut.length > 0) {
    pass.hasSent = true
    pass.failures = 0
  }
  const areAlone = current.length === 1 || store.capabilities.sharded === true
  if (fault !== undefined) yield* failed(pass, refused, fault, areAlone)
})

/** Sends the parts of a refused request alone, because the store may refuse only one of them. */
const failed = (pass: Pass, parts: Wave, { reason }: Fault, areAlone: boolean): Effect.Effect<void> => {
  const { all, refused, tier } = pass
  const isLate = reason === "Timeout"
  const isSkipped = Circuit.isOpen(tier.circuit)
  if (areAlone || isLate) {
    for (const { item } of parts) {
      if (isLate || item.refusals === undefined) pass.isDoubtful = true
      // While the circuit is open, only a timeout shows that the store was asked.
      if (isLate || !isSkipped) refused.add(item)
    }
  } else pass.isDoubtful = true
  pass.failures++
  // The last pass tries everything within its time.
  pass.isOver = all?.isLast !== true &&
    (isSkipped || pass.failures >= limits.failures || (isLate && (all !== undefined || !pass.hasSent)))
  return areAlone || isLate
    ? Effect.void
    : Effect.forEach(parts, (part) => Effect.andThen(Effect.yieldNow, sendWave(pass, [part])), { discard: true })
}

/** Whether an older invalidation of a written value is unsent, which would later remove the value from the store. */
const isBehind = ({ all, tier: { pending } }: Pass, write: Pending.OwnWrite): boolean =>
  all?.isLast !== true && Pending.isUnsent(pending, "", write.entry.tags)

/** An entry that depends on an invalidated id may have been read from the store before the answer. */
const acknowledge = ({ front, onCleared, pending }: StoreTier, parts: Wave): void => {
  const tags: Array<string> = []
  for (const part of parts) {
    const { item, tag } = part
    const { target } = item
    if (tag !== undefined) {
      tags.push(tag)
      Pending.acknowledgeTag(pending, item, tag)
      continue
    }
    if (target._tag === "All" || isOpen(pending, part)) front.mutations++
    // A newer clear may have been acknowledged meanwhile, and this one ends the reports of earlier changes again.
    if (target._tag === "All") onCleared?.()
    else if (isOpen(pending, part)) TagEpochs.idChanged(front.tagEpochs, (target as OfId).id)
    Pending.acknowledge(pending, item)
  }
  const target = parts[0]?.item.target
  if (target?._tag === "Tags") TagEpochs.invalidate(front.tagEpochs, tags, target.mode)
}

/**
 * Acknowledges the writes that the store has carried out after all. Returns those that it has carried out and that an
 * unsent invalidation precedes: they stay unsent. Returns a fault if the store has not answered.
 */
const acknowledgeWritten = Effect.fnUntraced(function*(
  pass: Pass,
  budget: Budget,
  wave: Wave
): Effect.fn.Return<ReadonlySet<Part> | Fault> {
  const { tier } = pass
  const behind = new Set<Part>()
  const writes = wave.flatMap((part) => {
    const { write } = part.item
    return write !== undefined && isOpen(tier.pending, part) ? [{ part, write }] : []
  })
  if (writes.length === 0) return behind
  const found = yield* ask(tier, budget, "getMany", tier.store.getMany(writes.map(({ write: { entry } }) => entry.id)))
  if (isFault(found)) return found
  writes.forEach(({ part, write }, i) => {
    // The store has the written value, and this process knows of no newer one.
    if (part.item.write === undefined || found[i]?.meta.writeId !== write.entry.writeId) return
    if (isBehind(pass, write)) behind.add(part)
    else acknowledge(tier, [part])
  })
  return behind
})

const manyOf = (store: Store, target: Pending.Item["target"]): Many<Part, unknown> => {
  switch (target._tag) {
    case "Id":
      return { operation: "remove", all: (parts) => store.remove(parts.map(idOf)) }
    case "Tags":
      return {
        operation: "invalidateTags",
        all: (parts) => Effect.as(store.invalidateTags(parts.map(({ tag }) => tag!), target.mode), parts)
      }
    case "All":
      return { operation: "clear", all: (parts) => Effect.as(store.clear, parts) }
  }
}

const idOf = ({ item: { target } }: Part): string => (target as OfId).id

type OfId = Extract<Pending.Item["target"], { readonly _tag: "Id" }>
