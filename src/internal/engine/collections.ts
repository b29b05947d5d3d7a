/** The types of the collections in an engine's state. They are generic, so that this file need not import the state. */

export interface CallersOf<C> extends Iterable<C> {
  readonly size: number
  readonly add: (caller: C) => void
  readonly has: (caller: C) => boolean
  readonly delete: (caller: C) => void
  readonly clear: () => void
  readonly next: () => C | undefined
}

export interface ById<F> {
  readonly size: number
  readonly get: (id: string) => F | undefined
  readonly has: (id: string) => boolean
  readonly set: (flight: F) => void
  readonly delete: (flight: F) => void
  /** Returns a copy, because flights may end while the result is iterated. */
  readonly all: () => ReadonlyArray<F>
}
