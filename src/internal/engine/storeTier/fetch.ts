/** Reads an entry from the store, and checks that it may still be served. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Meta, Stored } from "../../../CacheEntry.ts"
import { StoreError } from "../../../CacheError.ts"
import { type Key, tagsOf } from "../../key/ofKey.ts"
import { isSoftened } from "../../store/markers.ts"
import type { Entry } from "../memory/entry.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { ask, type Budget } from "./ask.ts"
import * as Circuit from "./circuit.ts"
import { codecFor, codecsOf, decodeNow, none, revive, tagNames } from "./codec.ts"
import { damaged, recovered, undecodable } from "./faults.ts"
import * as KnownTagVersions from "./knownTagVersions.ts"
import * as Pending from "./pendingInvalidations.ts"
import type { Fault, StoreTier } from "./storeTier.ts"

/** What a synchronous store cannot answer at once: it failed, or the codec needs services or time. */
export const Later = Symbol("Later")

/**
 * What the store has: a decoded entry, the `writeId` of one that is of no use (expired, invalidated, undecodable), or
 * nothing.
 */
export type Found = Entry | string | undefined

/** Reads a synchronous store at once. */
export const readNow = (tier: StoreTier, key: Key, id: string, now: number): Found | typeof Later => {
  const get = tier.store.getUnsafe!
  tier.front.tagEpochs.ensureTracking?.()
  if (Pending.isPending(tier.pending, id)) return undefined
  // whether it is to be asked, and as a probe, is for an effect to find out
  if (Circuit.isOpen(tier.circuit)) return Later
  let stored: Stored | undefined
  let validity: Validity = "valid"
  try {
    let tags = tagsOf(key)
    const told = KnownTagVersions.versionsOf(tier, tags, now)
    let answer = get(id, told === undefined ? tags : none)
    stored = answer.entry
    if (stored === undefined) return answer.isDamaged === true ? damaged(tier, key, id) : undefined
    if (stored.meta.expiresAt <= now) return stored.meta.writeId
    const isCovered = stored.meta.tags.every((tag) => tags.includes(tag.tag))
    if (isCovered && told === undefined) KnownTagVersions.remember(tier, tags, answer.versions, now)
    validity = isCovered ? validityOf(tier, stored.meta, tags, told ?? answer.versions) : "gone"
    // the tags are more, or were changed since they were told
    if (!isCovered || (told !== undefined && validity !== "valid")) {
      tags = tagNames(stored.meta.tags)
      answer = get(id, tags)
      if (answer.entry?.meta.writeId !== stored.meta.writeId) return undefined
      validity = validityOf(tier, stored.meta, tags, answer.versions)
    }
    if (validity === "gone") return stored.meta.writeId
  } catch {
    // asked once more as an effect, which knows what to do with a fault
    return Later
  }
  if (tier.failing.size > 0) recovered(tier, "get")
  const codec = codecFor(codecsOf(tier, key), stored)
  if (codec === undefined) return stored.meta.writeId
  const exit = decodeNow(codec, stored.payload, id)
  if (!Exit.isExit(exit)) return Later
  return Exit.isSuccess(exit)
    ? revive(tier, {
      key,
      id,
      stored,
      value: exit.value,
      bornAt: tier.front.tagEpochs.epoch,
      softened: validity === "soft"
    })
    : undecodable(tier, key, stored, exit.cause)
}

/** By the tags of an entry: as good as ever, stale by a soft invalidation, or gone. */
type Validity = "valid" | "soft" | "gone"

export const validityOf = (
  tier: StoreTier,
  meta: Meta,
  asked: ReadonlyArray<string>,
  versions: ReadonlyArray<string | undefined>
): Validity => {
  if (meta.tags.length === 0) return "valid"
  const lost = Pending.pendingMode(tier.pending, tagNames(meta.tags))
  if (lost === "hard") return "gone"
  let validity: Validity = "valid"
  for (const { tag, version } of meta.tags) {
    const now = versions[asked.indexOf(tag)]
    if (now === version) continue
    if (now === undefined || !isSoftened(version, now)) return "gone"
    validity = "soft"
  }
  return lost ?? validity
}

/** What the store is asked for. */
interface Asked {
  readonly key: Key
  readonly id: string
  /** those that are known before its entry is */
  readonly tags: ReadonlyArray<string>
}

/** Reads any store, within the budget. */
export const fetch = Effect.fnUntraced(function*(
  tier: StoreTier,
  budget: Budget,
  { id, key, tags: declared }: Asked
): Effect.fn.Return<Found | Fault, never, any> {
  if (Pending.isPending(tier.pending, id)) return undefined
  // the time of asking, not of the answer: what is invalidated in between must kill it
  const bornAt = TagEpochs.epochNow(tier.front.tagEpochs)
  let answer = yield* ask(tier, budget, "get", tier.store.get(id, declared))
  if (answer instanceof StoreError) return answer
  let tags = declared
  if (answer.entry !== undefined && !answer.entry.meta.tags.every((tag) => tags.includes(tag.tag))) {
    tags = tagNames(answer.entry.meta.tags)
    answer = yield* ask(tier, budget, "get", tier.store.get(id, tags))
    if (answer instanceof StoreError) return answer
  }
  const stored = answer.entry
  if (stored === undefined) return answer.isDamaged === true ? damaged(tier, key, id) : undefined
  const now = (yield* Clock.Clock).currentTimeMillisUnsafe()
  return yield* reviveNow(tier, { key, id, stored, bornAt, now, tags, versions: answer.versions })
})

interface Reviving {
  readonly key: Key
  readonly id: string
  readonly stored: Stored
  readonly bornAt: number
  readonly now: number
  readonly tags: ReadonlyArray<string>
  /** of the tags, as the store has answered */
  readonly versions: ReadonlyArray<string | undefined>
}

/** What a store has answered, decoded, where it still is of use. */
export const reviveNow = (tier: StoreTier, reviving: Reviving): Effect.Effect<Found, never, any> => {
  const { bornAt, id, key, now, stored, tags, versions } = reviving
  const { writeId } = stored.meta
  if (stored.meta.expiresAt <= now) return Effect.succeed(writeId)
  const names = tagNames(stored.meta.tags)
  const validity = validityOf(tier, stored.meta, tags, versions)
  // distrust may have ended since the store was asked, with an answer from before the tag's invalidation
  if (validity === "gone" || TagEpochs.changedSince(tier.front.tagEpochs, names, bornAt)) return Effect.succeed(writeId)
  const softened = validity === "soft" || TagEpochs.softenedSince(tier.front.tagEpochs, names, bornAt)
  const codec = codecFor(codecsOf(tier, key), stored)
  if (codec === undefined) return Effect.succeed(writeId)
  return Effect.map(Effect.exit(Effect.suspend(() => codec.decode(stored.payload, id))), (exit) =>
    Exit.isSuccess(exit)
      ? revive(tier, { key, id, stored, value: exit.value, bornAt, softened })
      : undecodable(tier, key, stored, exit.cause))
}
