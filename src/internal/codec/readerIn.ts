/** Finds the codec that reads a payload by the number of the serializer that wrote it. */
import type { Codec } from "../../ports/serializer.ts"

/** The codec that reads payloads with this number: `codec` itself, or one of those that it can read too. */
export const readerIn = <A, R>(codec: Codec<A, R>, serializer: number): Codec<A, R> | undefined =>
  codec.id === serializer ? codec : codec.reads?.(serializer)
