/** The types of the port for the state of guards. Its reference and constructors are in `GuardStore`. */
import type * as Effect from "effect/Effect"
import type { StoreError } from "../CacheError.ts"

/**
 * The result of one step of a guard: the answer to the caller, and the new state. The state counts as missing once the
 * `now` of a later `Kind.step` reaches `expiresAt`.
 * @category models
 * @since 0.1.0
 */
export interface Step<out State, out Answer> {
  /** The state to store. `undefined` removes the stored state. */
  readonly state: State | undefined
  readonly expiresAt: number
  readonly answer: Answer
}

/**
 * A kind of guard state, such as a rate limit, with the pure function that advances it. `now` is in milliseconds (since
 * the epoch, if processes share the state). `step` must not mutate the previous state. A state is a JSON value.
 * @category models
 * @since 0.1.0
 */
export interface Kind<State, in Input, out Answer> {
  readonly name: string
  readonly step: (state: State | undefined, now: number, input: Input) => Step<State, Answer>
}

/**
 * A block of a filter's bits: the number of the block, and its bytes.
 * @category models
 * @since 0.1.0
 */
export interface Block {
  readonly number: number
  readonly bytes: Uint8Array
}

/**
 * The storage in which guards keep their state. Each operation is one atomic step for all processes that use the store.
 * @category models
 * @since 0.1.0
 */
export interface GuardStore {
  readonly name: string
  /** Runs `kind.step` on the state with this name, and stores the new state. Two kinds may use the same name. */
  readonly run: <State, Input, Answer>(
    kind: Kind<State, Input, Answer>,
    name: string,
    input: Input
  ) => Effect.Effect<Answer, StoreError>
  /**
   * Like `run`, but synchronous. `now` is the time in milliseconds, from a monotonic clock with any origin. Only for a
   * store in memory, which neither waits nor fails.
   */
  readonly runUnsafe?:
    | (<State, Input, Answer>(kind: Kind<State, Input, Answer>, name: string, input: Input, now: number) => Answer)
    | undefined
  /** Reads blocks of a filter, in the order of `numbers`. A block is `undefined` if no bits were merged into it. */
  readonly readBits: (
    filter: string,
    numbers: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, StoreError>
  /** Merges the bits of blocks into the stored blocks, and returns the merged blocks in the same order. */
  readonly mergeBits: (
    filter: string,
    blocks: ReadonlyArray<Block>
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, StoreError>
  readonly removeBits: (filter: string) => Effect.Effect<void, StoreError>
}
