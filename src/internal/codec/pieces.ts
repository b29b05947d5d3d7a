/** Feeds large values to a hash or a cipher in pieces, so that no turn of the event loop takes long. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

const pieceSize = 1024 * 1024

/** Uses each piece, with its offset, and returns the result after the last one. */
interface Consumer<A, E = never> {
  readonly use: (piece: Uint8Array, at: number) => void
  readonly end: () => Exit.Exit<A, E>
}

/**
 * Passes the bytes to a new consumer at once if they are few, and otherwise in pieces, with a turn for each. The
 * effect can run twice.
 */
export const inPieces = <A, E>(bytes: Uint8Array, make: () => Consumer<A, E>): Effect.Effect<A, E> => {
  if (bytes.length <= pieceSize) {
    const { end, use } = make()
    use(bytes, 0)
    return end()
  }
  return Effect.suspend(() => {
    const { end, use } = make()
    const from = (at: number): Effect.Effect<A, E> => {
      use(bytes.subarray(at, at + pieceSize), at)
      const next = at + pieceSize
      return next >= bytes.length ? end() : Effect.flatMap(Effect.yieldNow, () => from(next))
    }
    return from(0)
  })
}
