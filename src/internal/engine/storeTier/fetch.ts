/** Reads an entry from the store, and checks whether it may still be served. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Meta, Stored, TagVersion } from "../../../CacheEntry.ts"
import { StoreError } from "../../../CacheError.ts"
import type { Codec } from "../../../ports/serializer.ts"
import { type Key, tagsOf } from "../../key/ofKey.ts"
import { hasEnded } from "../../store/conditions.ts"
import { isSoftened } from "../../store/markers/markers.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { ask, timeOf } from "./ask.ts"
import * as Circuit from "./circuit.ts"
import { codecFor, codecsOf, decodeNow, none, revive, tagNames } from "./codec.ts"
import { damaged, recovered, undecodable } from "./faults.ts"
import * as KnownTagVersions from "./knownTagVersions.ts"
import * as Pending from "./pendingInvalidations.ts"
import {
  type Asked,
  type Budget,
  type Fault,
  type Fetched,
  NeedsEffect,
  Rejected,
  type StoreTier,
  type TagsRead
} from "./storeTier.ts"
import { ownWrite } from "./written.ts"

export const readNow = (tier: StoreTier, key: Key, id: string, now: number): Fetched | typeof NeedsEffect => {
  const get = tier.store.getUnsafe!
  tier.front.tagEpochs.ensureTracking?.()
  if (Pending.isPending(tier.pending, id)) return ownWrite(tier, id, now)
  // While the circuit is open, `fetch` decides whether this read may probe the store.
  if (Circuit.isOpen(tier.circuit)) return NeedsEffect
  const { meter } = tier.front
  const startedAt = meter === undefined ? 0 : timeOf(tier)
  let tags = none
  let versions: ReadonlyArray<string | undefined> | undefined
  let stored: Stored | undefined
  try {
    tags = tagsOf(key)
    versions = KnownTagVersions.find(tier, tags, now)
    let answer = get(id, versions === undefined ? tags : none)
    meter?.asked("get", "success", timeOf(tier) - startedAt)
    stored = answer.entry
    if (stored === undefined) return answer.isDamaged === true ? damaged(tier, key, id) : undefined
    if (isOver(tier, stored.meta, now)) return new Rejected(stored.meta.writeId)
    const isCovered = areAmong(stored.meta.tags, tags)
    const isProven = isCovered && (versions === undefined || validityOf(tier, stored.meta, tags, versions) === "valid")
    if (isProven && versions === undefined) {
      versions = answer.versions
      KnownTagVersions.remember(tier, tags, versions, now)
    }
    // The entry has other tags, or the known versions do not prove it valid: ask again with the entry's own tags.
    if (!isProven) {
      tags = tagNames(stored.meta.tags)
      TagEpochs.followTags(tier.front.tagEpochs, tags)
      answer = get(id, tags)
      if (answer.entry?.meta.writeId !== stored.meta.writeId) return undefined
      versions = answer.versions
    }
  } catch {
    // `fetch` asks again, and handles the fault.
    return NeedsEffect
  }
  if (tier.incident.failing.size > 0) recovered(tier, "get")
  const bornAt = tier.front.tagEpochs.epoch
  return reviveUnsafe(tier, { key, id, stored, bornAt, now, tags, versions: versions! })
}

/** Whether a stored entry has ended, by its times or because this process knows that the wall clock was set back. */
export const isOver = ({ front: { time } }: StoreTier, meta: Meta, now: number): boolean =>
  hasEnded(meta, now + time.olderBy(meta.createdAt))

export const areAmong = (own: ReadonlyArray<TagVersion>, asked: ReadonlyArray<string>): boolean => {
  for (let i = 0; i < own.length; i++) if (placeOf(asked, own[i]!.tag, i) < 0) return false
  return true
}

/** The state of an entry according to its tags: valid, stale after a soft invalidation, or gone. */
type Validity = "valid" | "soft" | "gone"

export const validityOf = (
  tier: StoreTier,
  meta: Meta,
  asked: ReadonlyArray<string>,
  versions: ReadonlyArray<string | undefined>
): Validity => {
  if (meta.tags.length === 0) return "valid"
  const pendingMode = Pending.pendingMode(tier.pending, tagNames(meta.tags))
  if (pendingMode === "hard") return "gone"
  let validity: Validity = "valid"
  for (let i = 0; i < meta.tags.length; i++) {
    const { tag, version } = meta.tags[i]!
    const now = versions[placeOf(asked, tag, i)]
    if (now === version) continue
    if (now === undefined || !isSoftened(version, now)) return "gone"
    validity = "soft"
  }
  return pendingMode ?? validity
}

export const fetch = Effect.fnUntraced(function*(
  tier: StoreTier,
  budget: Budget,
  asked: Asked
): Effect.fn.Return<Fetched | Fault, never, any> {
  const { id, isGone = Pending.isPending, tags } = asked
  if (isGone(tier.pending, id)) {
    // Another process may have changed the id since this process wrote it, and the store is not asked for the entry.
    tier.front.tagEpochs.ensureTracking?.()
    return ownWrite(tier, id, tier.front.time.now(yield* Clock.Clock))
  }
  const found = yield* fetchWith(tier, budget, asked, tags)
  if (!(found instanceof OtherTags)) return found
  TagEpochs.followTags(tier.front.tagEpochs, found.tags)
  return (yield* fetchWith(tier, budget, asked, found.tags)) as Fetched | Fault
})

class OtherTags {
  readonly _tag = "OtherTags"
  readonly tags: ReadonlyArray<string>
  constructor(tags: ReadonlyArray<string>) {
    this.tags = tags
  }
}

const fetchWith = Effect.fnUntraced(function*(
  tier: StoreTier,
  budget: Budget,
  { get, id, key, tags: declared }: Asked,
  tags: ReadonlyArray<string>
): Effect.fn.Return<Fetched | Fault | OtherTags, never, any> {
  // The epoch is read first, because an invalidation during the request must end this entry.
  const bornAt = TagEpochs.epochNow(tier.front.tagEpochs)
  const asking = tags === declared && get !== undefined ? get(id, tags) : tier.store.get(id, tags)
  const answer = yield* ask(tier, budget, "get", asking)
  if (answer instanceof StoreError) return answer
  const stored = answer.entry
  if (stored === undefined) return answer.isDamaged === true ? damaged(tier, key, id) : undefined
  // The caller asks once more, with the entry's own tags, because the versions of those tags are needed.
  if (tags === declared && !areAmong(stored.meta.tags, tags)) return new OtherTags(tagNames(stored.meta.tags))
  const now = tier.front.time.now(yield* Clock.Clock)
  return yield* reviveNow(tier, { key, id, stored, bornAt, now, tags, versions: answer.versions })
})

interface Reviving extends TagsRead {
  readonly key: Key
  readonly id: string
  readonly stored: Stored
  readonly now: number
}

export const reviveNow = (tier: StoreTier, reviving: Reviving): Effect.Effect<Fetched, never, any> => {
  const checked = check(tier, reviving)
  if (checked instanceof Rejected) return Effect.succeed(checked)
  const { id, stored } = reviving
  return Effect.map(
    Effect.exit(Effect.suspend(() => checked.codec.decode(stored.payload, id, stored.meta))),
    (exit) => revived(tier, reviving, checked, exit)
  )
}

export const reviveUnsafe = (tier: StoreTier, reviving: Reviving): Fetched | typeof NeedsEffect => {
  const checked = check(tier, reviving)
  if (checked instanceof Rejected) return checked
  const { id, stored } = reviving
  const exit = decodeNow(checked.codec, stored.payload, id, stored.meta)
  return Exit.isExit(exit) ? revived(tier, reviving, checked, exit) : NeedsEffect
}

export interface Checked {
  readonly codec: Codec<unknown, any>
  readonly softened: boolean
}

export const check = (tier: StoreTier, { bornAt, key, now, stored, tags, versions }: Reviving): Checked | Rejected => {
  const { writeId } = stored.meta
  if (isOver(tier, stored.meta, now)) return new Rejected(writeId)
  const names = tagNames(stored.meta.tags)
  TagEpochs.followTags(tier.front.tagEpochs, names)
  const validity = validityOf(tier, stored.meta, tags, versions)
  if (validity === "gone") return new Rejected(writeId, true)
  // An invalidation acknowledged since the store was asked is no longer pending, but has advanced its tags' epochs.
  if (TagEpochs.changedSince(tier.front.tagEpochs, names, bornAt)) return new Rejected(writeId, "perhaps")
  const softened = validity === "soft" || TagEpochs.softenedSince(tier.front.tagEpochs, names, bornAt)
  const codec = codecFor(codecsOf(tier, key), stored)
  return codec === undefined ? new Rejected(writeId) : { codec, softened }
}

const revived = (
  tier: StoreTier,
  { bornAt, id, key, stored }: Reviving,
  { softened }: Checked,
  exit: Exit.Exit<unknown, unknown>
): Fetched =>
  Exit.isSuccess(exit)
    ? revive(tier, { key, id, stored, exit, bornAt, softened })
    : undecodable(tier, key, stored, exit.cause)

export const placeOf = (texts: ReadonlyArray<string>, text: string, near: number): number =>
  texts[near] === text ? near : texts.indexOf(text)
