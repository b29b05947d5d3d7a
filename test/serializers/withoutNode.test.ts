/** Wrappers where there is no Node.js: gzip by the platform's streams, signatures by noble, AES by Web Crypto. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit } from "effect"
import type * as Compressed from "effect-cached/serializers/Compressed"
import type * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import type * as Signed from "effect-cached/serializers/Signed"
import { gzipSync } from "node:zlib"
import { importAgain } from "../support/importAgain.ts"
import { test } from "../support/tests.ts"
import { keys, wrapIn } from "./support.ts"

/** The wrappers of a platform without modules of Node.js. */
const load = Effect.acquireRelease(
  Effect.promise(async () => {
    const { getBuiltinModule } = process
    Object.assign(process, { getBuiltinModule: undefined })
    return {
      getBuiltinModule,
      Compressed: await importAgain<typeof Compressed>("effect-cached/serializers/Compressed"),
      Encrypted: await importAgain<typeof Encrypted>("effect-cached/serializers/Encrypted"),
      Signed: await importAgain<typeof Signed>("effect-cached/serializers/Signed")
    }
  }),
  ({ getBuiltinModule }) => Effect.sync(() => Object.assign(process, { getBuiltinModule }))
)

const text = "a text that is long enough to be compressed ".repeat(100)

describe("where there is no Node.js", () => {
  test.live("both platforms read each other's bytes", function*() {
    const { Compressed, Encrypted, Signed } = yield* load
    const pairs = [
      [Compressed.make(Json), wrapIn(Json, ["gzip"])],
      [Signed.make(Json, keys), wrapIn(Json, ["signed"])],
      [Encrypted.make(Json, keys), wrapIn(Json, ["aes"])],
      [Encrypted.make(Json, { ...keys, algorithm: "XChaCha20-Poly1305" }), wrapIn(Json, ["xchacha"])]
    ] as const
    for (const [here, there] of pairs) {
      const [one, other] = [here, there].map((serializer) => serializer.make<unknown, never>(undefined))
      const bytes = yield* one!.encode(text, "id")
      expect(yield* other!.decode(bytes, "id")).toBe(text)
      expect(yield* one!.decode(yield* other!.encode(text, "id"), "id")).toBe(text)
      expect(Exit.isFailure(yield* Effect.exit(one!.decode(bytes.map((byte) => byte ^ 1), "id")))).toBe(true)
      expect(Exit.isFailure(yield* Effect.exit(one!.decode(bytes.subarray(0, -1), "id")))).toBe(true)
    }
  })

  test.live("other algorithms are refused, and a bomb is stopped", function*() {
    const { Compressed } = yield* load
    expect(() => Compressed.make(Json, { algorithm: "zstd" })).toThrow("this platform has no \"zstd\": use \"gzip\"")
    expect(Compressed.make(Json).extension).toBe(".json.gz")
    const codec = Compressed.make(Json, { maxSize: "1 MB" }).make<unknown, never>(undefined)
    const bomb = Buffer.concat([gzipSync(new Uint8Array(300_000_000)), Buffer.from([0, 15, 66, 64, 1, 1])])
    const before = process.memoryUsage().rss
    expect(yield* Effect.flip(codec.decode(bomb, "id"))).toMatchObject({ _tag: "SerializerError" })
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
  })
})
