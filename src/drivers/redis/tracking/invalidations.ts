/** Converts the invalidation messages of a server to changes of ids and tags. */
import { idTag, isInherited } from "../../../internal/store/markers/idTags.ts"
import type { Offer } from "../../shared/waitingChanges.ts"
import { isFault } from "../fault.ts"
import { hashOf, type Named } from "../protocol/keys.ts"
import { toVersion } from "../protocol/replies.ts"
import { control } from "../session/era.ts"
import { read } from "../session/reads.ts"
import type { Session } from "../session/session.ts"
import { inTime, type Questions } from "./answerInTime.ts"
import * as MarkerVersions from "./markerVersions.ts"
import type { OwnWrites } from "./ownWrites.ts"
import * as Published from "./published.ts"

export interface Tracking {
  readonly session: Session
  readonly published: Published.Published
  readonly ownWrites: OwnWrites
  readonly markerVersions: MarkerVersions.MarkerVersions
}

export interface Invalidations extends Tracking {
  readonly offer: Offer
  readonly questions: Questions
}

export const onInvalidate = (self: Invalidations, invalidated: unknown): void => {
  const { markerVersions, offer, published, session } = self
  const { keys } = session
  if (invalidated === null) return offer({ _tag: "AllChanged" })
  const key = String(invalidated)
  if (key === keys.untracked) return Published.look(published)
  if (key === keys.era) {
    control(session, () => {})
    return offer({ _tag: "AllChanged" })
  }
  const parts = keys.partsOf(key)
  // Keys of a former era are never read again, so their invalidations are ignored.
  if (parts === undefined || Number(parts.era) < Number(session.era ?? 0)) return
  const { era, kind, text } = parts
  if (kind === "v" || kind === "f") return onEntry(self, text, era)
  if (kind !== "d" && kind !== "t") return
  const tag = kind === "d" ? idTag(text) : text
  if (isInherited(tag) || MarkerVersions.isKnown(markerVersions, tag)) onMarker(self, [kind, text], tag)
  else offer({ _tag: "TagChanged", tag })
}

const onEntry = (self: Invalidations, id: string, era: string): void => {
  const { offer, ownWrites, questions, session } = self
  const head = ownWrites.get(id)
  if (head === undefined) return offer({ _tag: "Changed", id })
  // Memory serves the entry until the answer arrives, so the wait for a slow server has a time limit.
  const answer = inTime(questions, (is) => {
    if (is) return
    ownWrites.delete(id)
    offer({ _tag: "Changed", id })
  })
  askWhetherOwn(session, [id, era, head], answer)
}

/** Asks whether the stored entry is still this process's own write: a later write may have caused the invalidation. */
const askWhetherOwn = (
  { keys, wire }: Session,
  [id, era, head]: readonly [id: string, era: string, head: Uint8Array],
  answer: (is: boolean) => void
): void =>
  wire.send(
    hashOf(id),
    ["GETRANGE", keys.of("v", era, id), "0", String(head.length - 1)],
    (found) => answer(!isFault(found) && Buffer.isBuffer(found) && found.equals(head))
  )

/** Reports a tag as changed, unless its marker still has the version that this process last read or created. */
const onMarker = ({ markerVersions, questions, session }: Invalidations, marker: Named, tag: string): void => {
  const answer = inTime(questions, (is) => {
    if (!is) MarkerVersions.changed(markerVersions, tag)
  })
  read(session, [marker], [], (found) => {
    const version = Array.isArray(found) ? toVersion(found[0]) : undefined
    answer(version !== undefined && version === MarkerVersions.versionOf(markerVersions, tag))
  })
}
