/** Bytes that Structured, Binary and Json did not write. The other formats have tests of their own. */
import { expect, it } from "@effect/vitest"
import { Effect, Exit, Schema } from "effect"
import type { Serializer } from "effect-cached/adapters"
import { Binary } from "effect-cached/serializers/Binary"
import { IndentedJson } from "effect-cached/serializers/IndentedJson"
import { Json } from "effect-cached/serializers/Json"
import { Structured } from "effect-cached/serializers/Structured"
import { hostileBytes, survives, valueOf } from "../support/fuzz.ts"

const value = {
  text: ["é", "\ud800", "x".repeat(300)],
  map: new Map<unknown, unknown>([["a", new Date(5)], [1n, new Set([-0, undefined])]]),
  bytes: Uint8Array.of(1, 2),
  list: Array.from({ length: 20 }, (_, i) => i * 1000)
}

const Row = Schema.Struct({
  text: Schema.String,
  list: Schema.Array(Schema.NullOr(Schema.Finite)),
  record: Schema.Record(Schema.String, Schema.BigInt),
  bytes: Schema.Uint8Array
})
const row = { text: "é", list: [1, null, 1e300], record: { a: 5n, b: -(2n ** 70n) }, bytes: Uint8Array.of(1, 2) }

const codecs: ReadonlyArray<readonly [name: string, codec: Serializer.Codec<any>, value: unknown]> = [
  ["Structured", Structured.make(undefined), value],
  ["Json", Json.make(undefined), { a: [1, "é"] }],
  ["Structured, with a schema", Structured.make(Row), row],
  ["Binary", Binary.make(Row), row],
  ["IndentedJson", IndentedJson.make(Row), row]
]

it.each(codecs)(
  "%s survives them",
  (_, codec, value) => survives(codec, hostileBytes(valueOf(codec.encode(value, "id"))))
)

/** The heads of arrays and maps that claim 32 million items, one in the other. */
const nested = (depth: number, head: number) => Array.from({ length: depth }, () => [head, 1, 240, 0, 0]).flat()

const bombs: ReadonlyArray<readonly [name: string, bytes: ReadonlyArray<number>]> = [
  ["an array", nested(1, 0xdd)],
  ["arrays in arrays", nested(50, 0xdd)],
  ["a map", nested(1, 0xdf)],
  ["an array in a map", [0x81, 0xa1, 0x61, ...nested(20, 0xdd)]],
  ["bytes", [0xc6, 255, 255, 255, 255]],
  ["text", [0xdb, 255, 255, 255, 255]],
  ["an extension", [0xc9, 255, 255, 255, 255, 0]],
  ["arrays of 65,535 items", Array.from({ length: 300 }, () => [0xdc, 255, 255]).flat()]
]

it.each(bombs)("Structured refuses %s that is longer than the payload, at once", (_, content) => {
  const codec = Structured.make<unknown, never>(undefined)
  for (const version of [0, 1]) {
    for (const end of [[], [1], Array.from({ length: 1000 }, () => 1)]) {
      const bytes = Uint8Array.from([version, ...content, ...end])
      const before = process.memoryUsage().rss
      const exit = Effect.runSyncExit(codec.decode(bytes, "id"))
      expect(process.memoryUsage().rss - before).toBeLessThan(20_000_000)
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain("these bytes are not what this serializer writes")
    }
  }
})
