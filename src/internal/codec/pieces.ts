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
  // The first turn allocates room for the result, and the last one leaves time for what its caller does with it.
  return Effect.flatMap(Effect.yieldNow, () => {
    const { end, use } = make()
    const from = (at: number): Effect.Effect<A, E> =>
      Effect.flatMap(Effect.yieldNow, () => {
        if (at >= bytes.length) return end()
        use(bytes.subarray(at, at + pieceSize), at)
        return from(at + pieceSize)
      })
    return from(0)
  })
}
