/** Finds the codec for a payload with a serializer's number: `codec` itself, or one of those that it can read too. */
import type { Codec } from "../../ports/serializer.ts"

export const readerIn = <A, R>(codec: Codec<A, R>, serializer: number): Codec<A, R> | undefined =>
  codec.id === serializer ? codec : codec.reads?.(serializer)
