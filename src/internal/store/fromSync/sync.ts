/** The state of a store over a synchronous storage, and the functions that run its operations as synchronous steps. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { StoreError } from "../../../CacheError.ts"
import type { SyncCounters, SyncLeases, SyncStorage } from "../../../ports/storage.ts"
import * as Tokens from "../../token.ts"
import * as Counters from "../counters.ts"
import * as Leases from "../leases.ts"
import { inSteps, newPace, type Pace } from "../many.ts"
import { type Look, lookFor } from "../markers/forgotten.ts"
import * as MarkerEntries from "../markers/markerEntries.ts"
import * as Markers from "../markers/markers.ts"
import * as StoredMarkers from "../markers/storedMarkersSync.ts"

export interface Sync {
  readonly storage: SyncStorage
  readonly keepsMarkers: boolean
  readonly leases: SyncLeases
  readonly tags: Markers.TagTable
  readonly look: Look | undefined
  readonly counters: SyncCounters
  readonly atomic: NonNullable<SyncStorage["atomic"]>
  readonly attempt: NonNullable<SyncStorage["attempt"]>
  readonly tokensOf: (fiber: Fiber.Fiber<any, any>) => Tokens.Tokens
  /** Counts this process's changes: `transact` uses it as the position if an unshared storage has no `position`. */
  moves: number
  /** The learned group size of each operation, kept so that the next call does not begin with small groups. */
  readonly paces: Map<string, Pace>
}

export const make = (storage: SyncStorage, keepsMarkers: boolean): Sync => {
  const atomic: Sync["atomic"] = storage.atomic ?? ((steps) => steps())
  const ofProcess = keepsMarkers || storage.tags !== undefined ? undefined : Markers.make()
  return {
    storage,
    keepsMarkers,
    leases: storage.leases ?? Leases.make(),
    tags: storage.tags ?? ofProcess ?? StoredMarkers.make(storage, atomic),
    look: ofProcess && lookFor(storage, ofProcess),
    counters: storage.counters ?? Counters.make(),
    atomic,
    attempt: storage.attempt ?? ((operation, run) => once(storage, operation, run)),
    tokensOf: Tokens.lazily(),
    moves: 0,
    paces: new Map()
  }
}

export const isShared = ({ storage }: Sync): boolean => storage.capabilities?.shared === true

export const isMarker = ({ keepsMarkers }: Sync, entry: { readonly id: string }): boolean =>
  keepsMarkers && MarkerEntries.isMarker(entry)

export const toStoreError = (storage: SyncStorage, operation: string, cause: unknown): StoreError =>
  cause instanceof StoreError
    ? cause
    : new StoreError({ store: storage.name, operation, reason: storage.reasonOf?.(cause) ?? "Unavailable", cause })

export const once = <A>(storage: SyncStorage, operation: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => {
    try {
      return Exit.succeed(run())
    } catch (cause) {
      return Exit.fail(toStoreError(storage, operation, cause))
    }
  })

export const orThrow = <A>(storage: SyncStorage, operation: string, run: () => A): A => {
  try {
    return run()
  } catch (cause) {
    throw toStoreError(storage, operation, cause)
  }
}

export const nowOf = (fiber: Fiber.Fiber<any, any>): number => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

export const withFiber = <A>(
  self: Sync,
  operation: string,
  run: (fiber: Fiber.Fiber<any, any>) => A,
  items = 1
): Effect.Effect<A, StoreError> => Effect.withFiber((fiber) => self.attempt(operation, () => run(fiber), items))

export const atomically = <A>(
  self: Sync,
  operation: string,
  step: (now: number) => A,
  items = 1
): Effect.Effect<A, StoreError> => withFiber(self, operation, (fiber) => self.atomic(() => step(nowOf(fiber))), items)

/** Runs each group atomically. If the storage is too full for a group, runs its items one by one: some may fit. */
export const forMany = <A, B>(
  self: Sync,
  operation: string,
  items: ReadonlyArray<A>,
  steps: (self: Sync, items: ReadonlyArray<A>, now: number) => ReadonlyArray<B>
): Effect.Effect<ReadonlyArray<B>, StoreError> =>
  inSteps(items, (items) => {
    // Without `atomic`, a failure does not undo the changes of earlier items, so the items are processed one by one.
    if (self.storage.atomic === undefined) {
      return atomically(self, operation, (now) => items.flatMap((item) => steps(self, [item], now)), items.length)
    }
    const together = atomically(self, operation, (now) => steps(self, items, now), items.length)
    if (items.length === 1) return together
    const alone = Effect.forEach(items, (item) => atomically(self, operation, (now) => steps(self, [item], now)[0]!))
    return Effect.catchIf(together, ({ reason }) => reason === "Full", () => alone)
  }, paceOf(self, operation))

export const paceOf = ({ paces }: Sync, operation: string): Pace => {
  const known = paces.get(operation)
  if (known !== undefined) return known
  const pace = newPace()
  paces.set(operation, pace)
  return pace
}
