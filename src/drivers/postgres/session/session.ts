/** The state that the store, the locks and the guards of a schema share. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Semaphore from "effect/Semaphore"
import type { SqlClient } from "effect/sql/SqlClient"
import type { StoreError } from "../../../CacheError.ts"
import { machineClock, monotonicMillis } from "../../../internal/time/monotonic.ts"
import type { Tokens } from "../../../internal/token.ts"
import type * as Recent from "../../shared/recentChanges.ts"
import type { Room } from "../../shared/room.ts"
import type { Statements } from "../schema/statements.ts"

export interface Session {
  readonly sql: SqlClient
  readonly statements: Statements
  readonly channel: string
  readonly maxValue: number
  /** The name of this store among the stores of all processes, by which it recognizes its own changes. */
  readonly origin: string
  readonly tokens: Tokens
  readonly writes: Order
  readonly acquires: Order
  readonly guards: Order
  readonly room: Room
  readonly recent: Recent.Recent
  readonly followed: Followed
  /** Makes what is missing in the schema: somebody has removed it. */
  readonly repair: Effect.Effect<void, StoreError>
}

/** The server whose changes are followed. */
interface Followed {
  /** `undefined` before the first one is followed. */
  timeline: string | undefined
  /** When it last answered. */
  at: number
  /** Whether another server may have taken its place since. */
  isLost: boolean
  readonly turn: Semaphore.Semaphore
}

/** For each id, the last operation that has not ended: a latch that opens when it ends. */
type Order = Map<string, Latch.Latch>

/** A list of numbers as a parameter: as texts, because a client would give integers another type than other numbers. */
export const numbers = (all: ReadonlyArray<number>): ReadonlyArray<string> => all.map(String)

/** Runs operations on an id one after the other, because each may use another connection, and the last has to win. */
export const inOrder = <A, E>(
  order: Order,
  ids: ReadonlyArray<string>,
  operation: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const before = new Set<Latch.Latch>()
    const latch = Latch.makeUnsafe()
    for (const id of ids) {
      const former = order.get(id)
      if (former !== undefined) before.add(former)
      order.set(id, latch)
    }
    const end = Effect.sync(() => {
      latch.openUnsafe()
      for (const id of ids) if (order.get(id) === latch) order.delete(id)
    })
    if (before.size === 0) return Effect.ensuring(operation, end)
    const turn = Effect.forEach(before, (latch) => latch.await, { discard: true })
    let isWaiting = true
    const inTurn = Effect.suspend(() => {
      isWaiting = false
      return operation
    })
    // Later operations must wait for the former ones even if this one is interrupted before its turn.
    const endInTurn = Effect.suspend(() =>
      isWaiting ? Effect.asVoid(Effect.forkDetach(Effect.andThen(turn, end))) : end
    )
    return Effect.ensuring(Effect.andThen(turn, inTurn), endInTurn)
  })

export const now = (): number => monotonicMillis(machineClock)

/** Notes changes that the server has confirmed, for a server that takes its place and may lack them. */
export const note = ({ recent }: Session, changes: Iterable<Recent.Changed>): void => {
  for (const change of changes) recent.note(change)
  recent.ended(now())
}

export const noteEntries = (self: Session, ids: ReadonlyArray<string>): void =>
  note(self, ids.map((id) => ({ _tag: "Entry", id })))

export const noteTags = (self: Session, tags: Iterable<string>): void =>
  note(self, Array.from(tags, (tag) => ({ _tag: "Tag", tag })))
