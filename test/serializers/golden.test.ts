/** Golden bytes: what this release writes, later releases read. More are in the tests of the other formats. */
import { expect } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { type CacheEntry, Serializer, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { Binary } from "effect-cached/serializers/Binary"
import { IndentedJson } from "effect-cached/serializers/IndentedJson"
import { Json } from "effect-cached/serializers/Json"
import { Structured } from "effect-cached/serializers/Structured"
import { singly } from "../../src/testing/internal/singly.ts"
import { isSame } from "../../src/testing/law.ts"
import { test } from "../support/tests.ts"
import { wrapIn } from "./support.ts"

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0))

const Row = Schema.Struct({
  text: Schema.String,
  count: Schema.NullOr(Schema.Finite),
  at: Schema.Date,
  big: Schema.BigInt,
  bytes: Schema.Uint8Array
})
const row = { text: "é\n", count: 1.5, at: new Date(5), big: 5n, bytes: Uint8Array.of(0, 255) }

const rows: ReadonlyArray<readonly [Serializer.Serializer, string]> = [
  [
    Json,
    "eyJ0ZXh0Ijoiw6lcbiIsImNvdW50IjoxLjUsImF0IjoiMTk3MC0wMS0wMVQwMDowMDowMC4wMDVaIiwiYmlnIjoiNSIsImJ5dGVz" +
    "IjoiQVA4PSJ9"
  ],
  [
    IndentedJson,
    "ewogICJ0ZXh0IjogIsOpXG4iLAogICJjb3VudCI6IDEuNSwKICAiYXQiOiAiMTk3MC0wMS0wMVQwMDowMDowMC4wMDVaIiwKICAi" +
    "YmlnIjogIjUiLAogICJieXRlcyI6ICJBUDg9Igp9Cg=="
  ],
  [
    Structured,
    "AnsidGV4dCI6IsOpXG4iLCJjb3VudCI6MS41LCJhdCI6IjE5NzAtMDEtMDFUMDA6MDA6MDAuMDA1WiIsImJpZyI6IjUiLCJieXRl" +
    "cyI6IkFQOD0ifQ=="
  ],
  [
    Binary,
    "ADAgoN+77BwDBB4ByNvZ8ikBCsDYoskrCAUAAAAAAAAAoIC67DICAP/w48n5XgPDqQo="
  ]
]

test.each(rows.map(([serializer, golden]) => [serializer.name, serializer, golden] as const))(
  "of %s, with a schema",
  function*([, serializer, golden]) {
    const codec = serializer.make(Row)
    expect(isSame(yield* codec.decode(fromBase64(golden), "id"), row)).toBe(true)
    expect(Buffer.from(yield* codec.encode(row, "id")).toString("base64")).toBe(golden)
  }
)

test("of Binary, for text that its format does not hold", function*() {
  const codec = Binary.make(Schema.String)
  expect(yield* codec.decode(fromBase64("ASLvv70i"), "id")).toBe("\ufffd")
})

const values: ReadonlyArray<readonly [name: string, value: unknown, golden: string]> = [
  ["JSON", { a: [1, "é", null] }, "AnsiYSI6WzEsIsOpIixudWxsXX0="],
  [
    "MessagePack",
    { a: 5n, b: undefined, c: NaN, bytes: Uint8Array.of(1, 2) },
    "AIShYc8AAAAAAAAABaFi1AAAoWPLf/gAAAAAAAClYnl0ZXPEAgEC"
  ],
  [
    "MessagePack with marks",
    [
      new Map<unknown, unknown>([["a", new Date(5)]]),
      new Set([-0]),
      /a/g,
      "\ud800",
      2n ** 70n,
      Float64Array.of(1.5),
      ["\u0001~"],
      { ["__proto__"]: 1 }
    ],
    "AZiUogF+o21hcKFhk6IBfqRkYXRlBZOiAX6jc2V0AJWiAX6mcmVnZXhwoWGhZwCTogF+pXV0ZjE2xALYAJOiAX6mYmlnaW50tjEx" +
    "ODA1OTE2MjA3MTc0MTEzMDM0MjSTogF+rEZsb2F0NjRBcnJhecQIAAAAAAAA+D+TogF+pWFycmF5ogF+lKIBfqZvYmplY3SpX19w" +
    "cm90b19fAQ=="
  ]
]

test.each(values)("of Structured, without a schema: %s", function*([, value, golden]) {
  const codec = Structured.make<unknown, never>(undefined)
  expect(isSame(yield* codec.decode(fromBase64(golden), "id"), value)).toBe(true)
  expect(Buffer.from(yield* codec.encode(value, "id")).toString("base64")).toBe(golden)
})

type Written = readonly [id: string, meta: CacheEntry.Meta, payload: string]

const time = { createdAt: 0, loadMillis: 0, outcome: "success", tags: [] } as const
const ofPage = { ...time, softExpiresAt: 7_200_000, expiresAt: 7_200_000 }
const ofManifest = { ...time, softExpiresAt: 3_600_000, expiresAt: 3_600_000, isConstant: true } as const

const streams: ReadonlyArray<readonly [wrappers: ReadonlyArray<string>, written: ReadonlyArray<Written>]> = [
  [
    [],
    [
      [
        "~:p:416cc870cd2e0f1c:0:rows",
        { ...ofPage, writeId: "ca22ce49cff6fb465ab53abbd766b2f8", serializer: 1 },
        "AAAAAyJhIgAAAAMiYiI="
      ],
      [
        "rows",
        { ...ofManifest, writeId: "a6b1b132ab8dc14d500a6b18c868f157", serializer: 4 },
        "WyI0MTZjYzg3MGNkMmUwZjFjIiwxLDYsMl0="
      ]
    ]
  ],
  [
    ["zstd", "aes"],
    [
      [
        "~:p:5ac96c31dab467db:0:rows",
        { ...ofPage, writeId: "1f524c5e136b52b89d3a39ef2f1648bb", serializer: 66 },
        "AUABYQAAAAAAAAAAQVt3QAAAAABBW3dAAAAAAHhFQlPb3HgjXGcHwnFprdzy4BZvJUOI2T/7WD3coScSjokNCNPE8nyWKXHc0tq9" +
        "lw=="
      ],
      [
        "rows",
        { ...ofManifest, writeId: "f12812068727c41aa48318a63e54a6cb", serializer: 4 },
        "WyI1YWM5NmMzMWRhYjQ2N2RiIiw2NiwiMDE0MDAxNjEwMDAwMDAwMDAwMDAwMDAwNDE0Yjc3NDAwMDAwMDAwMDQxNGI3NzQwMDAw" +
        "MDAwMDBjOWI3NzczNmRiMjU5ZTc5MGNjOGJiNDBjNGY2MTA4MTk3ODBlNjgyOGMwODczMGRlMmNiZWY3MjNlZDFlZGUzYmM1Y2M4" +
        "N2FkYjJhZDI3ZTM1NWJhYmFlYzkyM2NhZTk0YmNkM2I1MjdhNDBhOWZjZDY2ZTA3ZjQiXQ=="
      ]
    ]
  ],
  [
    ["signed"],
    [
      [
        "~:p:4b529176f5a00e6e:0:rows",
        { ...ofPage, writeId: "dcb2fe1e9075947a5375bd182096affd", serializer: 65 },
        "AQEBYQAAAAAAAAAAQVt3QAAAAABBW3dAAAAAAElD6bBX5Ydh5oWj0leJ8Xay1U3DM+KyBvWPa6vkHxZ6AAAAAyJhIgAAAAMiYiI="
      ],
      [
        "rows",
        { ...ofManifest, writeId: "f0eb25967adfbe0aba4e5ba7fb03dcc9", serializer: 4 },
        "WyI0YjUyOTE3NmY1YTAwZTZlIiw2NSwiMDEwNDAxNjEwMDAwMDAwMDAwMDAwMDAwNDE0Yjc3NDAwMDAwMDAwMDQxNGI3NzQwMDAw" +
        "MDAwMDA5YWRlMzkzYjNjOWZkMGFiOWJjY2U2NjU4YjU5YjQ2ZjE2ZjdiZDUxNWZhZGI3YWZhZjBkMjI5ZDVmMTVmZGIxNWIyMjM0" +
        "NjIzNTMyMzkzMTM3MzY2NjM1NjEzMDMwNjUzNjY1MjIyYzMxMmMzNjJjMzI1ZCJd"
      ]
    ]
  ]
]

test.each(streams)("of the pages and the manifest of a stream, wrapped in %j", function*([names, written]) {
  const store = MemoryStore.make()
  for (const [id, meta, payload] of written) yield* singly(store).set(id, { meta, payload: fromBase64(payload) })
  const layer = CacheLayer.layer({ memory: false }).pipe(
    Layer.provide(Layer.succeed(Store.Store, store)),
    Layer.provide(Layer.succeed(Serializer.Serializer, wrapIn(Json, names)))
  )
  const stored = Stream.die("it was stored").pipe(Cached.stream("rows", { ttl: "1 hour" }))
  expect(yield* Effect.provide(Stream.runCollect(stored), layer)).toEqual(["a", "b"])
})
