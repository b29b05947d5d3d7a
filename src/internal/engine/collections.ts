/** The types of the collections in an engine's state. They are generic, so that this file need not import the state. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Key } from "../key/ofKey.ts"

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
  readonly has: (id: string) => boolean
  readonly set: (flight: F) => void
  readonly delete: (flight: F) => void
  /** Returns a copy, because flights may end while the result is iterated. */
  readonly all: () => ReadonlyArray<F>
}

/** A key of a bulk call that has no flight yet. Looking up the id's flight makes one (see `batch/tickets.ts`). */
export interface TicketOf<F> {
  readonly id: string
  readonly key: Key
  /** Whether the ticket is in use, and has neither ended nor become a flight. */
  readonly isOpen: boolean
  readonly flight: F | undefined
  readonly board: () => F
  readonly drop: () => void
  /** Ends the ticket with the result of its key. Returns `false` if the ticket must become a flight first. */
  readonly end: (exit: Exit.Exit<unknown, unknown>, leader: F) => boolean
}

export interface TicketsOf<F> {
  readonly calls: Set<{ readonly tickets: ReadonlyMap<string, TicketOf<F>> }>
  readonly board: (id: string) => F | undefined
  readonly boardAll: Effect.Effect<void>
  /** Keeps all tickets from storing their results and from being joined, like `detach` for a flight. */
  readonly detachAll: () => void
}

export interface RunningOf<F> extends Pick<ById<F>, "delete" | "all"> {
  readonly size: number
  readonly add: (flight: F) => void
}
