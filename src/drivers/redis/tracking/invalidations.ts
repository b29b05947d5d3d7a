/** Converts the invalidation messages of a server to changes of ids and tags. */
import * as Limits from "../../../internal/defaults/redis.ts"
import { idTag, isInherited } from "../../../internal/store/markers/idTags.ts"
import { chunksOf } from "../../../internal/time/chunks.ts"
import type { Change } from "../../../ports/store.ts"
import type { Offer } from "../../shared/waitingChanges.ts"
import { isFault } from "../fault.ts"
import type { Coherence } from "../options.ts"
import { hashOf, type Named } from "../protocol/keys.ts"
import * as Packed from "../protocol/packed.ts"
import { toVersion } from "../protocol/replies.ts"
import { control } from "../session/era.ts"
import { runOutsideEras } from "../session/evaluate.ts"
import { read } from "../session/reads.ts"
import type { Session } from "../session/session.ts"
import { inTime, type Questions } from "./answerInTime.ts"
import * as Choice from "./choice.ts"
import * as MarkerVersions from "./markerVersions.ts"
import type { OwnWrites } from "./ownWrites.ts"
import * as Published from "./published.ts"
import * as Reader from "./reader.ts"

export interface Tracking {
  readonly session: Session
  readonly published: Published.Published
  readonly ownWrites: OwnWrites
  readonly markerVersions: MarkerVersions.MarkerVersions
  readonly coherence: Coherence
  readonly choice: Choice.Choice
}

interface Asked {
  readonly key: string
  readonly id: string
  readonly head: string
  readonly answer: (is: boolean) => void
}

export interface Invalidations extends Tracking {
  readonly offer: Offer
  readonly questions: Questions
  readonly asked: Array<Asked>
  /** Callbacks for keys whose invalidation proves that the server reports changes. */
  readonly probes: Map<string, () => void>
}

export const onInvalidate = (self: Invalidations, invalidated: unknown): void => {
  const { markerVersions, offer, published, session } = self
  const { keys } = session
  if (invalidated === null) return offer({ _tag: "AllChanged" })
  const key = String(invalidated)
  if (key === keys.untracked) return Published.look(published)
  if (key === keys.era) return onEra(self)
  if (self.probes.size > 0) self.probes.get(key)?.()
  const parts = keys.partsOf(key)
  // Keys of a former era are never read again, so their invalidations are ignored.
  if (parts === undefined || Number(parts.era) < Number(session.era ?? 0)) return
  const { era, kind, text } = parts
  if (kind === "v" && !self.ownWrites.has(text)) Choice.count(self.choice, key, text)
  if (kind === "v" || kind === "f") return onEntry(self, keys.of("v", era, text), text)
  if (kind !== "d" && kind !== "t") return
  const tag = kind === "d" ? idTag(text) : text
  if (isInherited(tag) || MarkerVersions.isKnown(markerVersions, tag)) onMarker(self, [kind, text], tag)
  else offer({ _tag: "TagChanged", tag })
}

/** Reports a `clear`, unless it was this process's own, after which it may have set values that were not stored. */
const onEra = ({ offer, questions, session }: Invalidations): void => {
  const answer = session.ownEra === undefined ? undefined : inTime(questions, (is) => {
    if (!is) offer({ _tag: "AllChanged" })
  })
  control(session, (told) => answer?.(!isFault(told) && told.era === session.ownEra))
  if (answer === undefined) offer({ _tag: "AllChanged" })
}

/** Asks again for a change of an id that this process has written since the change arrived. Returns whether it asks. */
export const asksAgain = (self: Invalidations, change: Change): boolean => {
  const { keys, era } = self.session
  if (change._tag !== "Changed" || era === undefined || !self.ownWrites.has(change.id)) return false
  onEntry(self, keys.of("v", era, change.id), change.id)
  return true
}

const onEntry = (self: Invalidations, key: string, id: string): void => {
  const { asked, offer, ownWrites, questions } = self
  const head = ownWrites.get(id)
  if (head === undefined || Reader.isTableFull(self.session)) {
    ownWrites.delete(id)
    return offer({ _tag: "Changed", id })
  }
  // Memory serves the entry until the answer arrives, so the wait for a slow server has a time limit.
  const answer = inTime(questions, (is) => {
    if (is) return
    // This process has written the id again meanwhile, so the answer says nothing about the present value.
    if (ownWrites.has(id) && ownWrites.get(id) !== head) return onEntry(self, key, id)
    ownWrites.delete(id)
    offer({ _tag: "Changed", id })
  })
  if (self.session.wire.isCluster) return askWhetherOwn(self.session, [{ key, id, head, answer }])
  if (asked.push({ key, id, head, answer }) === 1) queueMicrotask(() => flush(self))
}

const flush = ({ asked, session }: Invalidations): void => {
  for (const some of chunksOf(asked.splice(0), Limits.script.ids)) askWhetherOwn(session, some)
}

/** Asks whether the stored entry is still this process's own write: a later write may have caused the invalidation. */
const askWhetherOwn = (session: Session, asked: ReadonlyArray<Asked>): void => {
  const packed = Packed.make(asked.length * expectedHead)
  for (const { head } of asked) packed.roomFor(head.length).write(head, "latin1")
  runOutsideEras(session, "others", {
    tag: hashOf(asked[0]!.id),
    keys: asked.map(({ key }) => key),
    args: [String(asked.length), packed.bytes()]
  }, (others) => {
    const places = Array.isArray(others) ? new Set<unknown>(others) : undefined
    asked.forEach(({ answer }, i) => answer(places?.has(i + 1) === false))
  })
}

const expectedHead = 64

/** Reports a tag as changed, unless its marker still has the version that this process last read or created. */
const onMarker = ({ markerVersions, questions, session }: Invalidations, marker: Named, tag: string): void => {
  if (Reader.isTableFull(session)) return MarkerVersions.changed(markerVersions, tag)
  const answer = inTime(questions, (is) => {
    if (!is) MarkerVersions.changed(markerVersions, tag)
  })
  read(session, [marker], [], (found) => {
    const version = Array.isArray(found) ? toVersion(found[0]) : undefined
    answer(version !== undefined && version === MarkerVersions.versionOf(markerVersions, tag))
  })
}
