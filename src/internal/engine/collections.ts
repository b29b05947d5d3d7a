/** The types of the collections in an engine's state. They are generic, so that this file need not import the state. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Markers } from "../../ports/store.ts"
import type { Key } from "../key/ofKey.ts"
import type { Turning } from "../time/turns.ts"
import type { Worker } from "./storeTier/background.ts"

export interface CallersOf<C> extends Iterable<C> {
  readonly size: number
  readonly add: (caller: C) => void
  readonly has: (caller: C) => boolean
  readonly delete: (caller: C) => void
  readonly clear: () => void
  readonly next: () => C | undefined
}

export interface ById<F> {
  readonly get: (id: string) => F | undefined
  /** A bulk call that asks has no other stub of the id, and is not looked at. */
  readonly has: (id: string, asking?: object) => boolean
  readonly set: (flight: F) => void
  readonly delete: (flight: F) => void
  /** Returns a copy, because flights may end while the result is iterated. */
  readonly all: () => ReadonlyArray<F>
}

/** A key of a bulk call that has no flight yet. Looking up the id's flight makes one (see `batch/stubs.ts`). */
export interface StubOf<F extends { readonly request: unknown }> {
  readonly id: string
  readonly key: Key
  readonly rejectedWriteId: string | undefined
  /** The tag epoch at which the key was missed, or at which its lease was granted. */
  bornAt: number
  /** Whether the stub is in use, and has neither ended nor become a flight. */
  readonly isOpen: boolean
  /** Whether the result may be stored. `false` once everything was invalidated. */
  readonly storable: boolean
  flight: F | undefined
  /** Shared with the other stubs of the wave. Defined once the store has been asked for the lease. */
  lease: WaveLease<F["request"]> | undefined
  /** The generation that the store has granted. `undefined` until then, and if nothing may be stored. */
  generation: string | undefined
  /** The declared tags, over a store: a function of the user that throws later would end other reads, too. */
  readonly tags: ReadonlyArray<string> | undefined
  readonly requestOf: () => F["request"]
  readonly toFlight: () => F
  readonly drop: () => void
  /** Ends the stub with the result of its key. Returns `false` if the stub must become a flight first. */
  readonly end: (exit: Exit.Exit<unknown, unknown>, leader: F) => boolean
}

export interface LeaseOf<F> {
  /** Renews the lease until interrupted. One worker renews all leases of a wave. `undefined` if nothing renews it. */
  readonly renewal: Worker | undefined
  readonly owner: string
  /** Asks the store to release the lease. If the load failed, the request includes a note of the failure. */
  readonly release: (flight: F, failure: Exit.Failure<unknown, unknown> | undefined) => void
  /** Until this time, in monotonic milliseconds, no other process can hold the lease. */
  heldUntil: number
  /** The markers of the declared tags before the load. */
  markers: Markers | undefined
  /** Whether committing the result has ended the lease, so that the lease need not be released. */
  isStored: boolean
}

/** The leases of stubs that were asked for together. */
interface WaveLease<R> {
  readonly owner: string
  readonly isExclusive: boolean
  readonly hasLease: boolean
  readonly markersOf: (request: R) => Markers | undefined
  /** The smallest of the grants. `undefined` if the store has not answered with one. */
  seq: Markers["seq"] | undefined
}

export interface StubIndexOf<F extends { readonly request: unknown }> {
  readonly calls: Set<object>
  readonly all: () => Iterable<StubOf<F>>
  readonly toFlight: (id: string, asking?: object) => F | undefined
  readonly allToFlights: Effect.Effect<void>
  /** Keeps all stubs from storing their results and from being joined, like `detach` for a flight. */
  readonly detachAll: () => void
  /** Releases the leases of stubs whose tags were invalidated during their loads. */
  readonly releaseOutdated: (
    isGone: (tags: ReadonlyArray<string>, before: () => Markers | undefined) => boolean
  ) => void
  /** Keeps the results of all stubs out of memory, but not out of the store. Later callers read again at the end. */
  readonly outdateAll: () => void
  /** Makes flights of some stubs of calls that wait for other loads, so that their leases are seen in circles. */
  readonly waitingToFlights: (limit: number) => void
}

export interface RunningOf<F> extends Pick<ById<F>, "delete" | "all"> {
  readonly size: number
  readonly add: (flight: F) => void
}

export interface GroupsOf<One> {
  readonly entered: (one: One) => void
  /** Notes that the store has answered the flight, or that the flight waits for something else. */
  readonly left: (one: One) => void
  readonly has: (one: One) => boolean
  /**
   * Runs `step` for each item, and then `end`. A step may add a flight to the current group. If the group is full, the
   * next item waits until half of the group has left. If they left quickly, the next group is larger, else smaller.
   */
  readonly forEach: <A>(items: Iterable<A>, turning: Turning, step: (item: A) => void, end: () => void) => void
}

/** How long loads usually take, in milliseconds: of the ids that were loaded last, and of named key classes. */
export interface DurationsOf<Class extends object> {
  readonly ofIds: Map<string, number>
  readonly ofClasses: WeakMap<Class, number>
}

/** A tag on which a derived entry depends, in the map of its dependencies. */
export interface Dependency {
  /** The tag epoch before the tagged value was read. A later invalidation of the tag invalidates the result. */
  epoch: number
  /** The tag's version in the store before the read. `undefined` without a store, or if a read found no version. */
  version: string | undefined
  /** For the tag of an id: the id's value counts as current only if it is read after the capture with this number. */
  readonly since: number
}
