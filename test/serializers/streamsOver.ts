/** Streams whose pages are compressed, signed or encrypted, over a store that loses, moves or changes a page. */
import { expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Redacted, Schema, type Scope, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Serializer, Store } from "effect-cached/adapters"
import * as Compressed from "effect-cached/serializers/Compressed"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import * as Signed from "effect-cached/serializers/Signed"
import { singly } from "../../src/testing/internal/singly.ts"
import { warningsOf } from "../support/logged.ts"
import { secretBytes, wrapIn } from "./support.ts"

const pages = "~:p:"

/** About ten elements a page, of 150 in all. */
const elements = Array.from({ length: 150 }, (_, i) => `${i} ${"abcdefg ".repeat(800)}`)

class Rows extends CacheKey.Class<Rows>()("Rows", { success: Schema.String, error: Schema.String }) {}

const cut = new CacheError.StreamCut({ key: "rows" })

const wrappers = ["gzip", "zstd", "signed", "aes", "xchacha", "zstd in aes", "aes in signed"]

const protects = (name: string): boolean => /signed|aes|xchacha/.test(name)

/** Registers the tests for a kind of store. The store is one that several processes in turn use. */
export const streamsOver = (
  makeStore: Effect.Effect<Store.Store, unknown, Scope.Scope>,
  timeout = 60_000
) => {
  const cacheOver = (store: Store.Store, serializer: Serializer.Serializer) =>
    CacheLayer.layer({ memory: false }).pipe(
      Layer.provide(Layer.succeed(Store.Store, store)),
      Layer.provide(Layer.succeed(Serializer.Serializer, serializer))
    )

  const counted = (key = "rows") => {
    const counts = { runs: 0 }
    const stream = Stream.suspend(() => (counts.runs++, Stream.fromIterable(elements))).pipe(
      Stream.rechunk(7),
      Cached.stream(key, { ttl: "1 hour" })
    )
    return Object.assign(counts, { stream })
  }

  const pagesIn = (store: Store.Store) =>
    Effect.map(Stream.runCollect(store.scan({ prefix: pages })), (found) => {
      const number = (id: string) => Number(id.split(":")[3])
      return found.map(({ id }) => id).sort((a, b) => number(a) - number(b))
    })

  const entryOf = (store: Store.Store, id: string) => Effect.map(store.get(id, []), ({ entry }) => entry!)

  it.live.each(wrappers)(
    "%s: a stored stream is served again, and ends at a page that is lost",
    (name) =>
      Effect.gen(function*() {
        const store = yield* makeStore
        const serializer = wrapIn(Json, name.split(" in "))
        const rows = counted()
        const read = Effect.provide(Stream.runCollect(rows.stream), cacheOver(store, serializer))
        expect(yield* read).toEqual(elements)
        expect([yield* read, rows.runs]).toEqual([elements, 1])
        const stored = yield* pagesIn(store)
        expect(stored.length).toBeGreaterThan(10)
        yield* singly(store).remove(stored[5]!)
        expect(yield* Effect.flip(read)).toEqual(cut)
        expect([yield* read, rows.runs]).toEqual([elements, 2])
      }).pipe(Effect.scoped),
    timeout
  )

  it.live.each(wrappers)(
    "%s: a page that was changed, moved or planted is lost, with one warning",
    (name) =>
      Effect.gen(function*() {
        const store = yield* makeStore
        const cache = cacheOver(store, wrapIn(Json, name.split(" in ")))
        const rows = counted()
        const read = Effect.provide(Stream.runCollect(rows.stream), cache)
        yield* read
        const first = yield* pagesIn(store)
        const older = yield* entryOf(store, first[2]!)
        yield* Effect.provide(Cached.invalidate("rows"), cache)
        yield* read
        const isNew = (id: string) => !first.includes(id)
        const damages: Record<string, (ids: ReadonlyArray<string>) => Effect.Effect<unknown, unknown>> = {
          "shortened": ([, , third]) =>
            Effect.flatMap(
              entryOf(store, third!),
              ({ meta, payload }) => singly(store).set(third!, { meta, payload: payload.slice(0, -3) })
            ),
          ...protects(name)
            ? {
              "another page of the run": ([, second, third]) =>
                Effect.flatMap(entryOf(store, second!), (page) => singly(store).set(third!, page)),
              "the page of an older run": ([, , third]) => singly(store).set(third!, older),
              "plain bytes": ([, , third]) =>
                Effect.flatMap(entryOf(store, third!), ({ meta }) =>
                  singly(store).set(third!, {
                    meta: { ...meta, serializer: 1 },
                    payload: Uint8Array.of(0, 0, 0, 3, 34, 97, 34)
                  }))
            }
            : {}
        }
        let ids = (yield* pagesIn(store)).filter(isNew)
        for (const [damage, make] of Object.entries(damages)) {
          yield* make(ids)
          const runs = rows.runs
          const before = yield* pagesIn(store)
          const warnings = yield* warningsOf(
            Effect.map(Effect.flip(read), (error) => expect(error, damage).toEqual(cut))
          )
          // Bytes of another serializer are a miss of which nothing is said, like those of a value.
          expect(warnings, damage).toHaveLength(damage === "plain bytes" ? 0 : 1)
          expect([yield* read, rows.runs], damage).toEqual([elements, runs + 1])
          ids = (yield* pagesIn(store)).filter((id) => !before.includes(id))
        }
      }).pipe(Effect.scoped),
    timeout
  )

  const secrets = { may: Redacted.make(secretBytes(7)), june: Redacted.make(secretBytes(8)) }
  const makers: Record<string, (options: Parameters<typeof Signed.make>[1]) => Serializer.Serializer> = {
    Signed: (options) => Signed.make(Compressed.make(Json), options),
    Encrypted: (options) => Encrypted.make(Compressed.make(Json), options)
  }
  it.live.each(["Signed", "Encrypted"])(
    "%s: with a wrong or a missing key it is a miss with one warning, and an error under strict",
    (name) =>
      Effect.gen(function*() {
        const store = yield* makeStore
        const make = makers[name]!
        const { june, may } = secrets
        const rows = counted()
        const under = (options: Parameters<typeof Signed.make>[1]) =>
          Effect.provide(Stream.runCollect(rows.stream), cacheOver(store, make(options)))
        yield* under({ keys: { may }, current: "may" })
        expect([yield* under({ keys: { may, june }, current: "june" }), rows.runs]).toEqual([elements, 1])
        for (const options of [{ keys: { june }, current: "june" }, { keys: { may: june }, current: "may" }]) {
          const runs = rows.runs
          const strictly = Stream.runCollect(rows.stream).pipe(
            CachePolicy.strict,
            Effect.provide(cacheOver(store, make(options)))
          )
          expect(yield* Effect.flip(strictly)).toMatchObject({ _tag: "SerializerError", operation: "decode" })
          expect(rows.runs).toBe(runs)
          const warnings = yield* warningsOf(
            Effect.tap(under(options), (got) => Effect.sync(() => expect(got).toEqual(elements)))
          )
          expect(warnings).toHaveLength(1)
          expect(rows.runs).toBe(runs + 1)
          expect([yield* under(options), rows.runs]).toEqual([elements, runs + 1])
        }
      }).pipe(Effect.scoped),
    timeout
  )

  it.live.each(["signed", "aes"])(
    "%s: a manifest that was changed or moved is a miss",
    (name) =>
      Effect.gen(function*() {
        const store = yield* makeStore
        const cache = cacheOver(store, wrapIn(Json, [name]))
        const [rows, others] = [counted(), counted("others")]
        const read = Effect.provide(Stream.runCollect(rows.stream), cache)
        yield* read
        yield* Effect.provide(Stream.runDrain(others.stream), cache)
        const decoder = new TextDecoder()
        const encoder = new TextEncoder()
        const moved = yield* entryOf(store, "others")
        for (
          const change of [
            ([run]: ReadonlyArray<unknown>) => [run, 1, 60_000, 9],
            ([run, number, hex]: ReadonlyArray<unknown>) => [
              run,
              number,
              `${hex}`.replace(/.$/, (end) => end === "0" ? "1" : "0")
            ],
            ([, ...rest]: ReadonlyArray<unknown>) => ["anotherRun", ...rest],
            () => JSON.parse(decoder.decode(moved.payload))
          ]
        ) {
          const { meta, payload } = yield* entryOf(store, "rows")
          yield* singly(store).set("rows", {
            meta,
            payload: encoder.encode(JSON.stringify(change(JSON.parse(decoder.decode(payload)))))
          })
          const runs = rows.runs
          const warnings = yield* warningsOf(
            Effect.tap(read, (got) => Effect.sync(() => expect(got).toEqual(elements)))
          )
          expect([rows.runs, warnings.length]).toEqual([runs + 1, 1])
        }
        const { meta, payload } = yield* entryOf(store, "rows")
        const later = { ...meta, expiresAt: meta.expiresAt + 7_200_000, softExpiresAt: meta.softExpiresAt + 7_200_000 }
        yield* singly(store).set("rows", { meta: later, payload })
        const runs = rows.runs
        expect([yield* read, rows.runs]).toEqual([elements, runs + 1])
      }).pipe(Effect.scoped),
    timeout
  )

  it.live.each(wrappers)(
    "%s: a stream that has ended with a failure is replayed, and a failure is not moved",
    (name) =>
      Effect.gen(function*() {
        const store = yield* makeStore
        const cache = cacheOver(store, wrapIn(Json, name.split(" in ")))
        let runs = 0
        const failing = Stream.suspend(() => (runs++, Stream.concat(Stream.make("a", "b"), Stream.fail("the end"))))
          .pipe(
            Cached.stream(new Rows({}), { ttl: "1 hour", when: () => true })
          )
        const got: Array<string> = []
        const read = Stream.runForEach(failing, (one) => Effect.sync(() => void got.push(one))).pipe(
          Effect.exit,
          Effect.provide(cache)
        )
        expect([yield* read, yield* read]).toEqual([Exit.fail("the end"), Exit.fail("the end")])
        expect([got, runs]).toEqual([["a", "b", "a", "b"], 1])
      }).pipe(Effect.scoped),
    timeout
  )
}
