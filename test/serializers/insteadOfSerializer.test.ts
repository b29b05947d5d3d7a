/** A value in place of a serializer is refused where the cache, the wrapper or the key class is made. */
import { expect } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Schema } from "effect"
import { CacheKey, CacheLayer } from "effect-cached"
import { Serializer } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import * as Compressed from "effect-cached/serializers/Compressed"
import * as JsonModule from "effect-cached/serializers/Json"
import { test } from "../support/tests.ts"

const { Json } = JsonModule

const given: ReadonlyArray<readonly [name: string, given: unknown, message: string]> = [
  ["null", null, "not null"],
  ["a text", "json", "not a text"],
  ["a number", 1, "not a value of type number"],
  ["a module", JsonModule, "not the module that exports it: pass its `Json`"],
  ["the module of a wrapper", Compressed, "if it is a module, pass what its `make` returns"],
  ["the function of a wrapper", Compressed.make, "not a function: pass its result"],
  ["a codec", Json.make(undefined), "not a codec: pass the serializer whose `make` returned it"]
]

test.each(given)("%s", function*([, serializer, message]) {
  const makers: Record<string, () => unknown> = {
    "CacheLayer.files": () => CacheLayer.files({ directory: "/nowhere", serializer: serializer as never }),
    "Serializer.byClass": () => Serializer.byClass({ default: Json, Page: serializer as never }),
    "Compressed.make": () => Compressed.make(serializer as never)
  }
  for (const [what, make] of Object.entries(makers)) {
    expect(make, what).toThrow(
      expect.objectContaining({ _tag: "CacheConfigError", message: expect.stringContaining(message) })
    )
    expect(make).toThrow(`${what} needs a serializer, like Json of effect-cached/serializers/Json`)
  }
  const options = { success: Schema.String, serializer: serializer as never }
  expect(() => CacheKey.Class<never>()("Wrong", options)).toThrow("`serializer` is not a serializer: pass one, like")
  const layer = CacheLayer.layer().pipe(
    Layer.provide(MemoryStore.layer),
    Layer.provide(Layer.succeed(Serializer.Serializer, serializer as never))
  )
  const exit = yield* Effect.exit(Effect.provide(Effect.void, layer))
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  expect(error).toMatchObject({ _tag: "CacheConfigError", message: expect.stringContaining(message) })
})
