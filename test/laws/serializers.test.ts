/** The laws of serializers hold for those of this package. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Serializer } from "effect-cached"
import { Json } from "effect-cached/serializers/Json"
import { Structured } from "effect-cached/serializers/Structured"
import { serializerLaws } from "effect-cached/testing"
import { nestings, wrapIn } from "../serializers/support.ts"

const standard = Effect.runSync(Effect.gen(function*() {
  return yield* Serializer.Serializer
}))

// Other orders are in the property test of the wrappers.
const wrapped = [
  ...nestings.filter(({ length }) => length !== 2).map((names) => wrapIn(Structured, names)),
  ...["zstd", "signed", "aes"].map((name) => wrapIn(Json, [name]))
]

for (const serializer of [standard, Json, Structured, ...wrapped]) {
  describe(`the laws of serializers hold for ${serializer.name}`, () => {
    for (const law of serializerLaws(serializer)) it.effect(law.name, () => law.run)
  })
}
