/** Steps on entries and leases over an asynchronous storage. Steps on the same id run one after another. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { Storage, SyncLeases } from "../../../ports/storage.ts"
import type {
  Acquired,
  AcquireRequest,
  CommitRequest,
  SetCondition,
  Store,
  TouchOptions
} from "../../../ports/store.ts"
import type * as Tokens from "../../token.ts"
import { holds, isOtherWrite, touched } from "../conditions.ts"
import * as Leases from "../leases.ts"
import * as Markers from "../markers/markers.ts"
import type { Tags } from "../markers/storageTags.ts"
import * as Lines from "./lines.ts"

export interface Lined {
  readonly storage: Storage
  readonly tags: Tags
  readonly leases: SyncLeases
  readonly lines: Lines.Lines
  readonly clearing: Lines.Lines
  readonly tokensOf: (fiber: Fiber.Fiber<any, any>) => Tokens.Tokens
}

const withTags = ({ storage, tags }: Lined, id: string) =>
  Effect.flatMap(storage.get(id), (stored) => Effect.map(tags.of(stored), (table) => [stored, table] as const))

export const accepts = (self: Lined, id: string, condition: SetCondition): Effect.Effect<boolean, StoreError> =>
  Effect.flatMap(
    withTags(self, id),
    ([stored, table]) =>
      Effect.clockWith((clock) => Exit.succeed(holds(condition, stored, clock.currentTimeMillisUnsafe(), table)))
  )

export const write = ({ leases, storage }: Lined, id: string, entry: Stored): Effect.Effect<boolean, StoreError> =>
  Effect.suspend(() => {
    leases.end(id)
    return Effect.as(storage.set(id, entry), true)
  })

export const set = (
  self: Lined,
  id: string,
  entry: Stored,
  condition: SetCondition | undefined
): Effect.Effect<boolean, StoreError> =>
  condition === undefined
    ? write(self, id, entry)
    : Effect.flatMap(accepts(self, id, condition), (holds) => holds ? write(self, id, entry) : Exit.succeed(false))

/** Changes deadlines. During a `clear`, the entry counts as removed. A later `clear` waits for this step. */
export const touch = (self: Lined, id: string, options: TouchOptions): Effect.Effect<boolean, StoreError> =>
  Effect.suspend(() =>
    self.clearing.size > 0
      ? Exit.succeed(false)
      : Effect.flatMap(withTags(self, id), ([stored, table]) =>
        Effect.clockWith((clock) => {
          const entry = touched(stored, options, clock.currentTimeMillisUnsafe(), table)
          return entry === undefined ? Exit.succeed(false) : Effect.as(self.storage.set(id, entry), true)
        }))
  )

/** Ends the generation twice: at once, to refuse a waiting `commit`, and at the removal, for leases granted since. */
export const remove = ({ leases, lines, storage }: Lined, id: string): Effect.Effect<boolean, StoreError> =>
  Effect.suspend(() => {
    leases.end(id)
    const inTurn = Effect.suspend(() => {
      leases.end(id)
      return storage.remove(id)
    })
    return Lines.run(lines, id, "removal", inTurn)
  })

export const acquire = (
  { leases, storage, tags, tokensOf }: Lined,
  request: AcquireRequest
): Effect.Effect<Acquired, StoreError> =>
  Effect.flatMap(storage.get(request.id), (entry) =>
    isOtherWrite(entry, request.rejectedWriteId)
      ? Exit.succeed<Acquired>({ _tag: "Hit", entry })
      : Effect.withFiber<Acquired>((fiber) => {
        const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
        const newGeneration = () => Leases.newGeneration(tokensOf(fiber))
        return Exit.succeed(Markers.withSeq(tags.seq, leases.acquire(request, now, newGeneration)))
      }))

export const commit = (
  { leases, storage }: Lined,
  { entry, generation, id }: CommitRequest
): Effect.Effect<boolean, StoreError> =>
  Effect.clockWith((clock) =>
    leases.isCurrent(id, generation, clock.currentTimeMillisUnsafe())
      // The generation ends after the write: if the write fails, another load of this generation may store its result.
      ? Effect.map(storage.set(id, entry), () => {
        leases.end(id)
        return true
      })
      : Exit.succeed(false)
  )

const removeBusy = (self: Lined, held: ReadonlySet<string>): Effect.Effect<void, StoreError> =>
  Effect.forEach(Array.from(self.lines.keys()).filter((id) => !held.has(id)), (id) => remove(self, id), {
    concurrency: "unbounded",
    discard: true
  })

export const canClear = ({ storage: { clear, scan } }: Lined): boolean => (clear ?? scan) !== undefined

/** Clears the storage and ends all generations. Before that, but once no `touch` can begin, calls `removing`. */
const clearStored = (
  { clearing, leases, storage }: Lined,
  removing: () => Effect.Effect<unknown>
): Store["clear"] | undefined => {
  const { scan } = storage
  const clear = storage.clear ??
    (scan && Stream.runForEach(Stream.suspend(() => scan()), ({ id }) => storage.remove(id)))
  const ending = clear && Effect.ensuring(clear, Effect.sync(() => leases.endAll()))
  return ending && Lines.run(clearing, "", "write", Effect.andThen(Effect.suspend(removing), ending))
}

const none: ReadonlySet<string> = new Set()

/** Clears everything. Ends all generations twice, like `remove`: now, and again when the storage is cleared. */
export const clear = (self: Lined): Store["clear"] | undefined => {
  if (!canClear(self)) return undefined
  return Effect.suspend(() => {
    self.leases.endAll()
    const removing = Deferred.makeUnsafe<Effect.Effect<void, StoreError>>()
    const stored = clearStored(self, () => Deferred.succeed(removing, removeBusy(self, none)))!
    return Effect.asVoid(Effect.all([stored, Effect.flatten(Deferred.await(removing))], { concurrency: "unbounded" }))
  })
}

/** Clears inside a transaction, but does not wait for operations on other ids: they may wait for the transaction. */
export const clearWhileHolding = (self: Lined, held: ReadonlySet<string>): Effect.Effect<unknown, StoreError> =>
  Effect.suspend(() => {
    self.leases.endAll()
    return clearStored(self, () => Effect.forkDetach(Effect.ignore(removeBusy(self, held))))!
  })
