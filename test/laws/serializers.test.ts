/** The laws of serializers hold for those of this package. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Serializer } from "effect-cached"
import { Json } from "effect-cached/serializers/Json"
import { Structured } from "effect-cached/serializers/Structured"
import { serializerLaws } from "effect-cached/testing"

const standard = Effect.runSync(Effect.gen(function*() {
  return yield* Serializer.Serializer
}))

for (const serializer of [standard, Json, Structured]) {
  describe(`the laws of serializers hold for ${serializer.name}`, () => {
    for (const law of serializerLaws(serializer)) it.effect(law.name, () => law.run)
  })
}
