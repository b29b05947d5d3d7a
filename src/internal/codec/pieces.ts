/** Feeds large values to a hash or a cipher in pieces, so that no turn of the event loop takes long. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const pieceSize = 1024 * 1024

/** Passes the bytes to `use` at once if they are few, and otherwise in pieces, with a turn for each. */
export const inPieces = (bytes: Uint8Array, use: (piece: Uint8Array, at: number) => void): Effect.Effect<void> => {
  if (bytes.length <= pieceSize) {
    use(bytes, 0)
    return Exit.void
  }
  const from = (at: number): Effect.Effect<void> => {
    use(bytes.subarray(at, at + pieceSize), at)
    const next = at + pieceSize
    return next >= bytes.length ? Exit.void : Effect.flatMap(Effect.yieldNow, () => from(next))
  }
  return Effect.suspend(() => from(0))
}
