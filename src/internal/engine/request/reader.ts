/** The state of one read that is not a plain hit in memory. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Flights } from "../flight/flights.ts"
import type { Entry } from "../memory/entry.ts"
import type { Attempt } from "./attempt.ts"
import type { Policy } from "./callPolicy.ts"
import type { Request } from "./request.ts"

/** What each step of a read needs. */
export interface Reader<out A = unknown, out E = unknown> {
  readonly engine: Flights
  readonly fiber: Fiber.Fiber<any, any>
  readonly request: Request<A, E>
  readonly id: string
  readonly policy: Policy
}

/** What a read knows when it joins or starts a flight. */
export interface Joining {
  readonly readsStore: boolean
  readonly stale: Entry | undefined
  readonly rejectedWriteId: string | undefined
  /** the hard deadline of a good value in the store that this read rejected; a failure must not replace it */
  readonly protectedUntil?: number | undefined
  /** what is left of the time for steps of the store; `undefined`: all of it */
  readonly storeMillis?: number | undefined
  /** the engine's `mutations` when the read decided to join */
  readonly mutations: number
}

/** What a read does where there is a store. A cache without one does not load it. */
export interface StoreReads {
  /** a strict read after the invalidations in its way; `undefined` where there are none */
  readonly afterUnsent: <A, E>(
    self: Flights,
    policy: Policy,
    request: Request<A, E>
  ) => Effect.Effect<A, E> | undefined
  /** a read inside a load, after the store was asked what it has to tell before; `undefined` where there is nothing to ask */
  readonly afterCapture: <A, E>(
    self: Flights,
    policy: Policy,
    within: Attempt,
    request: Request<A, E>
  ) => Effect.Effect<A, E> | undefined
  /** what a load asks the store for before it reads ids; `undefined`: nothing */
  readonly captureFirst: (
    self: Flights,
    reading: { readonly policy: Policy; readonly within: Attempt },
    ids: ReadonlyArray<string>
  ) => Effect.Effect<Policy> | undefined
  /** as `captureFirst`, before these requests are read, each of which has what is left of its timeouts; `undefined`: none has any */
  readonly captureMany: (
    self: Flights,
    reading: { readonly policy: Policy; readonly within: Attempt },
    requests: (() => ReadonlyArray<Request>) | undefined,
    ids: ReadonlyArray<string>
  ) => Effect.Effect<{ readonly policy: Policy; readonly shortened: (request: Request) => Request }> | undefined
  /** a read of what memory does not have: asks a synchronous store at once, then joins or starts a flight */
  readonly absent: <A, E>(reader: Reader<A, E>, rejectedWriteId: string | undefined) => Effect.Effect<A, E>
  /** asks the store before joining a load that has not done so */
  readonly askThenJoin: <A, E>(reader: Reader<A, E>, joining: Joining) => Effect.Effect<A, E>
}
