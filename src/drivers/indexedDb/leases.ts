/** Implements the store's operations on leases, as transactions. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { StoreError } from "../../CacheError.ts"
import { isOtherWrite } from "../../internal/store/conditions.ts"
import { newGeneration } from "../../internal/store/leases.ts"
import { atOnce } from "../../internal/store/many.ts"
import type { Acquired, AcquireRequest, CommitRequest, Store } from "../../ports/store.ts"
import { changeOf, refusal } from "./entries.ts"
import * as Locks from "./locks.ts"
import { allTables, type IndexedDb, listing, telling, writing } from "./operations.ts"
import * as Entries from "./tables/entries.ts"
import * as Leases from "./tables/leases.ts"
import * as Numbers from "./tables/numbers.ts"

interface Answer {
  readonly acquired: Acquired
  readonly holder?: string | undefined
}

interface Asked extends AcquireRequest {
  readonly gone?: string | undefined
  readonly isLocked?: boolean
}

const toAcquired = ({ acquired }: Answer): Acquired => acquired

export const acquire = (self: IndexedDb) => (request: AcquireRequest): Effect.Effect<Acquired, StoreError> => {
  const { locks, owners } = self
  const { id, join, owner } = request
  if (locks === undefined || join === true) return Effect.map(acquireNow(self, request), toAcquired)
  return Effect.flatMap(
    Locks.hold(locks, owner),
    (isLocked) =>
      Effect.onExit(acquireFromClosed(self, locks, { ...request, isLocked }), (exit) =>
        Effect.sync(() => {
          const isGranted = Exit.isSuccess(exit) && exit.value._tag === "Granted"
          const ofId = owners.get(id) ?? new Set()
          // An owner may be granted a lease that it already has. `hold` has then counted the lease twice.
          if (!isGranted || ofId.has(owner)) return Locks.letGo(locks, owner)
          owners.set(id, ofId.add(owner))
        }))
  )
}

/** Requests a lease. If the tab of the current holder has been closed, a second request takes the lease over. */
const acquireFromClosed = (self: IndexedDb, locks: Locks.Locks, asked: Asked) =>
  Effect.flatMap(acquireNow(self, asked), ({ acquired, holder }) =>
    holder === undefined
      ? Effect.succeed(acquired)
      : Effect.flatMap(Locks.isGone(locks, holder), (isGone) =>
        isGone
          ? Effect.map(acquireNow(self, { ...asked, gone: holder }), toAcquired)
          : Effect.succeed(acquired)))

const acquireNow = (
  self: IndexedDb,
  { gone, isLocked = false, ...request }: Asked
): Effect.Effect<Answer, StoreError> =>
  writing(self, "acquire", ["entries", "payloads", "leases", "numbers"], async (transaction, now) => {
    const stored = await Entries.readable(transaction, request.id)
    if (isOtherWrite(stored, request.rejectedWriteId)) return { acquired: { _tag: "Hit", entry: stored } }
    const answer = await Leases.update(transaction, request.id, (leases, recordOf): Answer => {
      const before = recordOf()
      // The holder's tab has been closed, so the lease ends now.
      if (before !== undefined && before.owner === gone) before.until = now
      const acquired = leases.acquire(request, now, () => newGeneration(self.tokens))
      const record = recordOf()!
      if (acquired._tag === "Wait") return { acquired, holder: record.isLocked === true ? record.owner : undefined }
      if (record.owner === request.owner) record.isLocked = isLocked
      return { acquired }
    })
    const { acquired } = answer
    return acquired._tag === "Granted"
      ? { acquired: { ...acquired, seq: await Numbers.get(transaction, "seq") } }
      : answer
  })

export const commit =
  (self: IndexedDb) => ({ entry, generation, id }: CommitRequest): Effect.Effect<boolean, StoreError> =>
    refusal(self, "commit", id, entry) ?? Effect.tap(
      telling(
        self,
        changeOf(id),
        writing(self, "commit", allTables, async (transaction, now) => {
          const isCurrent = await Leases.update(transaction, id, (leases) => {
            const isCurrent = leases.isCurrent(id, generation, now)
            if (isCurrent) leases.end(id)
            return isCurrent
          })
          if (isCurrent) await Entries.put(transaction, id, entry, { maxSize: self.maxSize, now })
          return isCurrent
        })
      ),
      // After a refused commit, the owner keeps its Web Lock until it releases the lease.
      (isCurrent) =>
        isCurrent ? Effect.sync(() => self.owners.get(id)?.forEach((owner) => letGo(self, id, owner))) : Effect.void
    )

export const renew = (self: IndexedDb): Store["renew"] => (ids, ...asked) =>
  atOnce(ids, (id) =>
    writing(
      self,
      "renew",
      ["leases"],
      (transaction, now) => Leases.update(transaction, id, (leases) => leases.renew(id, ...asked, now))
    ))

export const release = (self: IndexedDb): Store["release"] => (id, owner, note) =>
  Effect.ensuring(
    writing(
      self,
      "release",
      ["leases"],
      (transaction, now) => Leases.update(transaction, id, (leases) => leases.release(id, owner, now, note))
    ),
    Effect.sync(() => letGo(self, id, owner))
  )

export const scan = (self: IndexedDb): Store["scanLoads"] =>
  listing(self, { operation: "scanLoads", table: "leases", toItem: (id) => id })

const letGo = ({ locks, owners }: IndexedDb, id: string, owner: string): void => {
  const ofId = owners.get(id)
  if (ofId?.delete(owner) !== true) return
  if (ofId.size === 0) owners.delete(id)
  if (locks !== undefined) Locks.letGo(locks, owner)
}
