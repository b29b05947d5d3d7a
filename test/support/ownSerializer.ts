/** A serializer as a user writes one, in JSON. A test replaces parts of its codec. */
import { Effect, Layer } from "effect"
import { Serializer } from "effect-cached/adapters"

export const parsed = (bytes: Uint8Array): never => JSON.parse(new TextDecoder().decode(bytes)) as never

export const ownSerializer = (codec: Partial<Serializer.Codec<unknown>>) =>
  Layer.succeed(Serializer.Serializer, {
    name: "own",
    contentType: "text/plain",
    extension: ".txt",
    make: () => ({
      id: 200,
      encode: (value) => Effect.succeed(new TextEncoder().encode(JSON.stringify(value))),
      decode: (bytes) => Effect.succeed(parsed(bytes)),
      ...codec as object
    })
  })
