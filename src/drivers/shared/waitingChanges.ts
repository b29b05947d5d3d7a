/** Merges the changes that a busy process has not read yet, so that a burst need not invalidate all entries. */
import type * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { waitingChanges } from "../../internal/defaults/stores.ts"
import type { Change } from "../../ports/store.ts"

export type Offer = (change: Change) => void

/** A stream of the changes that `listen` offers. It fails if `listen` fails. */
export const stream = <E, R>(
  listen: (offer: Offer) => Effect.Effect<unknown, E, R | Scope.Scope>
): Stream.Stream<Change, E, Exclude<R, Scope.Scope>> =>
  Stream.suspend(() => {
    const waiting: Waiting = { ids: new Map(), tags: new Set(), others: [], bits: undefined }
    const signals = Stream.callback<void, E, R>((queue) =>
      listen((change) => {
        if (isEmpty(waiting)) Queue.offerUnsafe(queue, undefined)
        keep(waiting, change)
      })
    )
    return Stream.mapArray(signals, () => take(waiting) as [Change, ...ReadonlyArray<Change>])
  })

const happened = { ended: 0, changed: 1, endedMarkers: 2 }

interface Waiting {
  /** The changes of ids, as in `happened`. If an id has several, the last in its order includes the others. */
  ids: Map<string, number>
  tags: Set<string>
  /** Changes that do not concern a single entry or tag. Only the last change of each kind is kept. */
  others: ReadonlyArray<Change>
  /** A Bloom filter of the changed ids, used once there are too many ids to list. */
  bits: Uint8Array | undefined
}

/** Adds a change. Equal changes are merged, because it suffices to apply one of them after all have arrived. */
const keep = (self: Waiting, change: Change): void => {
  if (change._tag === "LoadEnded") keepId(self, change.id, happened.ended)
  else if (change._tag === "Changed") {
    keepId(self, change.id, change.endsMarkers === true ? happened.endedMarkers : happened.changed)
  } else if (change._tag === "TagChanged" && self.tags.size < waitingChanges) self.tags.add(change.tag)
  else {
    const other = change._tag === "TagChanged" ? { _tag: "Gap" } as const : change
    self.others = [...self.others.filter(({ _tag }) => _tag !== other._tag), other]
  }
}

const isEmpty = ({ bits, ids, others, tags }: Waiting): boolean =>
  ids.size === 0 && tags.size === 0 && others.length === 0 && bits === undefined

const keepId = (self: Waiting, id: string, what: number): void => {
  if (self.bits !== undefined) return mark(self.bits, id)
  self.ids.set(id, Math.max(what, self.ids.get(id) ?? happened.ended))
  if (self.ids.size <= waitingChanges) return
  self.bits = new Uint8Array(1 << 20)
  for (const one of self.ids.keys()) mark(self.bits, one)
  self.ids = new Map()
}

const take = (self: Waiting): ReadonlyArray<Change> => {
  const { bits, ids, others, tags } = self
  self.ids = new Map()
  self.tags = new Set()
  self.others = []
  self.bits = undefined
  const changes = [...others]
  if (bits !== undefined) changes.push({ _tag: "ManyChanged", mayBe: (id) => isMarked(bits, id) })
  for (const [id, what] of ids) {
    if (what === happened.ended) changes.push({ _tag: "LoadEnded", id })
    else changes.push(what === happened.changed ? { _tag: "Changed", id } : { _tag: "Changed", id, endsMarkers: true })
  }
  for (const tag of tags) changes.push({ _tag: "TagChanged", tag })
  return changes
}

/** Each id sets two of 2^23 bits. After 300,000 changes, about one in 200 unchanged ids counts as changed. */
const firstOf = (hash: number): number => hash & 0x7fffff
const secondOf = (hash: number): number => Math.imul(hash, 0x9e3779b1) >>> 9

const mark = (bits: Uint8Array, id: string): void => {
  const hash = Hash.string(id)
  set(bits, firstOf(hash))
  set(bits, secondOf(hash))
}

const set = (bits: Uint8Array, bit: number): void => void (bits[bit >>> 3]! |= 1 << (bit & 7))

const isMarked = (bits: Uint8Array, id: string): boolean => {
  const hash = Hash.string(id)
  return isSet(bits, firstOf(hash)) && isSet(bits, secondOf(hash))
}

const isSet = (bits: Uint8Array, bit: number): boolean => (bits[bit >>> 3]! & (1 << (bit & 7))) !== 0
