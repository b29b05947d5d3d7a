/** The port to the state of guards: the types. Its reference and constructors are in `GuardStore`. */
import type * as Effect from "effect/Effect"
import type { StoreError } from "../CacheError.ts"

/**
 * The result of a step: its answer, and the new state. The state counts as missing from `expiresAt` on, on the same
 * clock as `now`.
 * @category models
 * @since 0.1.0
 */
export interface Step<out State, out Answer> {
  /** `undefined` keeps nothing. */
  readonly state: State | undefined
  readonly expiresAt: number
  readonly answer: Answer
}

/**
 * A kind of state, as a pure function. The time is an argument, in milliseconds (since the epoch, if processes share
 * the state), and the previous state is never mutated. A state is a JSON value.
 * @category models
 * @since 0.1.0
 */
export interface Kind<State, in Input, out Answer> {
  readonly name: string
  readonly step: (state: State | undefined, now: number, input: Input) => Step<State, Answer>
}

/**
 * A block of the bits of a filter: its number, and its bytes.
 * @category models
 * @since 0.1.0
 */
export interface Block {
  readonly number: number
  readonly bytes: Uint8Array
}

/**
 * The place where guards keep their state. Each operation is one atomic step for all processes that share the place.
 * @category models
 * @since 0.1.0
 */
export interface GuardStore {
  readonly name: string
  /** Runs a step of a kind. States of two kinds may have the same name. */
  readonly run: <State, Input, Answer>(
    kind: Kind<State, Input, Answer>,
    name: string,
    input: Input
  ) => Effect.Effect<Answer, StoreError>
  /**
   * `run`, synchronously and at the given time, in milliseconds that only grow, from any origin. Only for a place in
   * memory, which neither waits nor fails.
   */
  readonly runUnsafe?:
    | (<State, Input, Answer>(kind: Kind<State, Input, Answer>, name: string, input: Input, now: number) => Answer)
    | undefined
  /** The blocks of a filter, in the order of their numbers. `undefined` for a block without merged bits. */
  readonly readBits: (
    filter: string,
    numbers: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, StoreError>
  /** Adds the bits of blocks to the stored ones, and answers with the resulting blocks, in the same order. */
  readonly mergeBits: (
    filter: string,
    blocks: ReadonlyArray<Block>
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, StoreError>
  readonly removeBits: (filter: string) => Effect.Effect<void, StoreError>
}
