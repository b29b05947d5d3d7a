/**
 * Writes by hand that the store has not acknowledged: it may have carried them out, or may never do so. Until that is
 * known, the process that wrote reads its own value, even if memory has been cleared meanwhile.
 */
import type { Key } from "../../key/ofKey.ts"
import { monotonicNow } from "../../time/monotonic.ts"
import { copyOf, type Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { emitOf } from "../telemetry/events.ts"
import type { Item, OwnWrite } from "./pendingInvalidations.ts"
import type { StoreTier } from "./storeTier.ts"

export const make = (tier: StoreTier, key: Key, entry: Entry): OwnWrite => ({
  key,
  entry,
  at: monotonicNow(tier.front)
})

/** The value that this process has written, while the store has not acknowledged it. */
export const ownWrite = (tier: StoreTier, id: string, now: number): Entry | undefined => {
  const { front: { tagEpochs }, maxStalenessMillis, pending, store } = tier
  const item = pending.ids.get(id)
  const write = item?.write
  // While a write is being sent, a lookup may still find the entry that the write replaces.
  if (write === undefined || pending.all !== undefined || !pending.unsent.has(item!)) return undefined
  const { checkedAt, expiresAt, tags } = write.entry
  // Other processes may have changed the id since, and this process may not learn of the change (promise P2).
  if (store.capabilities.shared && monotonicNow(tier.front) - write.at >= maxStalenessMillis) return undefined
  if (now >= expiresAt || TagEpochs.changedSince(tagEpochs, tags, checkedAt)) return undefined
  const copy = copyOf(write.entry)
  if (TagEpochs.softenedSince(tagEpochs, tags, checkedAt)) copy.softExpiresAt = -Infinity
  return copy
}

/** Replaces the written entry by a copy: the original may leave memory, and would keep entries linked to it alive. */
export const keep = (item: Item): void => {
  if (item.write !== undefined) item.write = { ...item.write, entry: copyOf(item.write.entry) }
}

/** Notes a written value that the store lacks, unless memory keeps it, as it may over an unshared store. */
export const lost = ({ front, store }: StoreTier, { entry: { id, writeId }, key }: OwnWrite): void => {
  const { memory, tagEpochs } = front
  if (store.capabilities.shared) {
    front.mutations++
    TagEpochs.idChanged(tagEpochs, id)
    if (memory.entries.get(id)?.writeId === writeId) Memory.remove(memory, id, "unverified")
  } else if (Memory.peek(memory, tagEpochs, id)?.writeId === writeId) return
  emitOf(front, key, id, { _tag: "LostSet" })
}
