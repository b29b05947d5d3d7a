/** A serializer of one's own is given the id with the value. */
import { describe, expect } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Serializer } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { createHmac } from "node:crypto"
import { test } from "../support/tests.ts"

const sign = (text: string, id: string) => createHmac("sha256", "secret").update(`${id}\n${text}`).digest("hex")

/** JSON behind a signature that covers the id. */
const Signed = Serializer.make({
  name: "signed",
  extension: ".txt",
  encode: (value, id) => {
    const text = JSON.stringify(value)
    return `${sign(text, id)} ${text}`
  },
  decode: (bytes, id) => {
    const [signature, ...rest] = new TextDecoder().decode(bytes).split(" ")
    const text = rest.join(" ")
    if (signature !== sign(text, id)) throw new Error("forged")
    return JSON.parse(text)
  }
})

describe("a signature can cover the id", () => {
  test.each([Schema.String, undefined])(
    "bytes are read under the id they were written under, and under no other",
    function*(schema) {
      const codec = Signed.make<any, never>(schema)
      const bytes = yield* codec.encode("a text", "id")
      expect(yield* codec.decode(bytes, "id")).toBe("a text")
      expect(yield* Effect.flip(codec.decode(bytes, "other"))).toMatchObject({ _tag: "SerializerError" })
    }
  )

  test("PE-10 · the elements of a stream get the same id when they are read", function*() {
    let runs = 0
    const origin = Stream.suspend(() => {
      runs++
      return Stream.make(1, 2, 3)
    })
    const numbers = Cached.stream(origin, "numbers", { ttl: "1 hour" })
    const layer = CacheLayer.layer({ memory: false }).pipe(
      Layer.provide(MemoryStore.layer),
      Layer.provide(Layer.succeed(Serializer.Serializer, Signed))
    )
    const program = Effect.gen(function*() {
      expect(yield* Stream.runCollect(numbers)).toEqual([1, 2, 3])
      expect(yield* Stream.runCollect(numbers)).toEqual([1, 2, 3])
    })
    yield* Effect.provide(program, layer)
    expect(runs).toBe(1)
  })
})
