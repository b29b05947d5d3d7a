/** Changes that wait for a busy process: each entry and tag once, and no required change is lost. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema, Stream } from "effect"
import type { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { type Offer, stream } from "../../src/drivers/shared/waitingChanges.ts"
import { waitingChanges } from "../../src/internal/defaults/stores.ts"
import { test } from "../support/tests.ts"

/** The changes that the reader of a stream gets, all of which were offered before it could read. */
const heard = (changes: Iterable<Store.Change>): Effect.Effect<ReadonlyArray<Store.Change>> =>
  Effect.gen(function*() {
    const offered = yield* Deferred.make<Offer>()
    const got: Array<Store.Change> = []
    const listening = stream<never, never>((offer) => Effect.andThen(Deferred.succeed(offered, offer), Effect.never))
    const reader = yield* Effect.forkChild(
      Stream.runForEach(listening, (change) => Effect.sync(() => got.push(change)))
    )
    const offer = yield* Deferred.await(offered)
    for (const change of changes) offer(change)
    for (let i = 0; i < 20; i++) yield* Effect.yieldNow
    yield* Fiber.interrupt(reader)
    return got
  })

const changed = (id: string): Store.Change => ({ _tag: "Changed", id })
const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i}`)

const why = new StoreError({ store: "s", operation: "listen", reason: "Unavailable" })
const kinds: ReadonlyArray<Store.Change> = [
  ...["a", "b", "c"].map(changed),
  ...["a", "t"].map((tag): Store.Change => ({ _tag: "TagChanged", tag })),
  { _tag: "AllChanged" },
  { _tag: "Gap" },
  { _tag: "Coherent" },
  { _tag: "Partial", why }
]

describe("changes that wait for their reader", () => {
  it.effect.prop(
    "come each once, those about the completeness of changes in their order",
    { drawn: Schema.Array(Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7, 8])) },
    ({ drawn }) =>
      Effect.gen(function*() {
        const changes = drawn.map((i) => kinds[i]!)
        const got = yield* heard(changes)
        const texts = (list: ReadonlyArray<Store.Change>) => list.map((change) => JSON.stringify(change))
        expect(texts(got).sort()).toEqual([...new Set(texts(changes))].sort())
        const isState = ({ _tag }: Store.Change) => _tag === "Coherent" || _tag === "Partial"
        expect(got.findLast(isState)?._tag).toBe(changes.findLast(isState)?._tag)
      })
  )

  test("of more ids than are kept apart it is known of each whether it may have changed", function*() {
    const ids = numbers(3 * waitingChanges)
    const [many, tag, ...others] = yield* heard([...ids.map(changed), { _tag: "TagChanged", tag: "t" }])
    expect([many?._tag, tag, others]).toEqual(["ManyChanged", { _tag: "TagChanged", tag: "t" }, []])
    const mayBe = many?._tag === "ManyChanged" ? many.mayBe : () => false
    expect(ids.filter((id) => !mayBe(id))).toEqual([])
    expect(ids.filter((id) => mayBe(`other ${id}`)).length).toBeLessThan(ids.length / 100)
  })

  test("of one id that changes again and again there is one", function*() {
    const again = function*() {
      for (let i = 0; i < 3 * waitingChanges; i++) yield changed(`${i % 10}`)
    }
    expect(yield* heard(again())).toEqual(numbers(10).map(changed))
  })

  test("of more tags than are kept there is a gap", function*() {
    const got = yield* heard(numbers(waitingChanges + 2).map((tag): Store.Change => ({ _tag: "TagChanged", tag })))
    expect(got[0]).toEqual({ _tag: "Gap" })
    expect(got.length).toBe(waitingChanges + 1)
  })

  test("each run of the stream has its own", function*() {
    const changes = stream<never, never>((give) => Effect.andThen(Effect.sync(() => give(changed("a"))), Effect.never))
    const first = Stream.runCollect(Stream.take(changes, 1))
    expect(yield* Effect.all([first, first], { concurrency: 2 })).toEqual([[changed("a")], [changed("a")]])
  })
})
