/** Leases and results of loads. A lease is in the object of its id, beside a former entry. Its time is the server's. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import { isOtherWrite } from "../../../internal/store/conditions.ts"
import * as Leases from "../../../internal/store/leases.ts"
import { atOnce } from "../../../internal/store/many.ts"
import * as Markers from "../../../internal/store/markers/markers.ts"
import type { SyncLeases } from "../../../ports/storage.ts"
import type { Acquired, AcquireRequest, CommitRequest, Store } from "../../../ports/store.ts"
import { serverNow } from "../bucket/client.ts"
import { encoded, isUnreadable } from "./entries.ts"
import { type Change, changeInLine, type Next, type Objects, type Seen } from "./objects.ts"
import { entryOf, none } from "./record.ts"
import type { Tags } from "./tags.ts"

const keyOf = (id: string) => ({ kind: "e", id }) as const

/** Runs a step of the table of leases on the one lease of an object. */
export const withLease = <A>(
  id: string,
  { body }: Pick<Seen, "body">,
  step: (leases: SyncLeases) => A
): readonly [answer: A, lease: Leases.Lease | undefined, isChanged: boolean] => {
  const held = body?.head.lease
  const table = new Map(held === undefined ? [] : [[id, { ...held }]])
  const answer = step(Leases.make(table))
  const lease = table.get(id)
  return [answer, lease, JSON.stringify(lease) !== JSON.stringify(held)]
}

export const timed = <A>(self: Objects, use: (now: number, local: number) => A): Effect.Effect<A> =>
  Effect.map(Clock.currentTimeMillis, (local) => use(serverNow(self.bucket, local), local))

export const acquire = (self: Objects, tags: Tags) => (request: AcquireRequest): Effect.Effect<Acquired, StoreError> =>
  changeInLine(
    self,
    { operation: "acquire", ...keyOf(request.id), trusts: "eraUnlessWritten" },
    (seen) =>
      timed(self, (now, local): Next<Acquired> => {
        const entry = entryOf(seen.body)
        // An expired entry is never served again, so its bytes need not travel with the lease.
        const isKept = entry !== undefined && entry.meta.expiresAt > local
        if (isOtherWrite(entry, request.rejectedWriteId)) {
          return { answer: { _tag: "Hit", entry } }
        }
        const newGeneration = () => Leases.newGeneration(self.bucket.tokens)
        const [acquired, lease, isChanged] = withLease(
          request.id,
          seen,
          (leases) => leases.acquire(request, now, newGeneration)
        )
        const isDamaged = acquired._tag === "Granted" && entry === undefined && isUnreadable(seen)
        const answer = Markers.withSeq(tags.seq, isDamaged ? { ...acquired, isDamaged } : acquired)
        if (!isChanged) return { answer }
        return { answer, write: { head: { lease }, frame: isKept ? seen.body!.frame : none } }
      })
  )

export const commit =
  (self: Objects) => ({ entry, generation, id }: CommitRequest): Effect.Effect<boolean, StoreError> =>
    Effect.flatMap(
      encoded(self, "commit", id, entry),
      (frame) =>
        changeInLine(self, { operation: "commit", ...keyOf(id), knows: "head" }, (seen, isRepeated) =>
          timed(self, (now): Next<boolean> => {
            const [isCurrent] = withLease(id, seen, (leases) =>
              leases.isCurrent(id, generation, now))
            if (isRepeated && entryOf(seen.body)?.meta.writeId === entry.meta.writeId) {
              return { answer: true }
            }
            return isCurrent ? { answer: true, write: { head: {}, frame } } : { answer: false }
          }))
    )

export const changeLease = (
  self: Objects,
  asked: Pick<Change, "operation" | "kind" | "id">,
  step: (leases: SyncLeases, now: number) => boolean
): Effect.Effect<boolean, StoreError> =>
  changeInLine(self, { ...asked, knows: "all", trusts: "era" }, (seen) =>
    timed(self, (now): Next<boolean> => {
      const [answer, lease] = withLease(asked.id, seen, (leases) => step(leases, now))
      return answer
        ? { answer, write: { head: { lease }, frame: seen.body!.frame } }
        : { answer }
    }))

export const renew = (self: Objects): Store["renew"] => (ids, ...asked) =>
  atOnce(
    ids,
    (id) => changeLease(self, { operation: "renew", ...keyOf(id) }, (leases, now) => leases.renew(id, ...asked, now))
  )

export const release = (self: Objects): Store["release"] => (id, owner, note) =>
  changeLease(self, { operation: "release", ...keyOf(id) }, (leases, now) => leases.release(id, owner, now, note))
