/** What a store promises about operations on many ids: each is what the same on one id is. */
import * as Effect from "effect/Effect"
import type { AcquireRequest } from "../../ports/store.ts"
import { same } from "../law.ts"
import { asking, type Check, entry, lead, oddTexts, stores, writeId } from "./storeFixtures.ts"

const request = (id: string, owner: string, more?: Partial<AcquireRequest>): AcquireRequest => ({
  ...asking(owner, more),
  id
})

/** more than any adapter does in one step */
const many = Array.from({ length: 300 }, (_, i) => `id ${i}`)

export const manyLaws: Record<string, Check> = {
  "of nothing there are no answers": Effect.fnUntraced(function*(store) {
    yield* same(yield* store.acquireMany([]), [], "acquireMany")
    yield* same(yield* store.commitMany([]), [], "commitMany")
    yield* same(yield* store.removeMany([]), [], "removeMany")
    yield* store.setMany([])
  }),

  "setMany sets each, the last of one id in the end": Effect.fnUntraced(function*(store) {
    const requests = oddTexts.map((id, i) => ({ id, entry: entry(i) }))
    yield* store.setMany([...requests, { id: "a", entry: entry(99) }])
    for (const { entry, id } of requests) {
      if (id !== "a") yield* stores(store, id, entry, "set")
    }
    yield* stores(store, "a", entry(99), "the last")
  }),

  "setMany ends the loads of its ids": Effect.fnUntraced(function*(store) {
    const generation = yield* lead(store, "id", asking("a"))
    yield* store.setMany([{ id: "other", entry: entry(1) }, { id: "id", entry: entry(2) }])
    yield* same(yield* store.commit("id", generation, entry(3)), false, "refused")
    yield* stores(store, "id", entry(2), "what was set")
  }),

  "removeMany says of each whether there was an entry, and ends its load": Effect.fnUntraced(function*(store) {
    yield* store.set("a", entry(1))
    yield* store.set("b", entry(2))
    yield* store.set("stays", entry(3))
    const generation = yield* lead(store, "c", asking("a"))
    yield* same(yield* store.removeMany(["b", "c", "a", "b"]), [true, false, true, false], "in their order")
    for (const id of ["a", "b", "c"]) yield* stores(store, id, undefined, "removed")
    yield* stores(store, "stays", entry(3), "another")
    yield* same(yield* store.commit("c", generation, entry(4)), false, "refused")
  }),

  "acquireMany answers each as acquire does": Effect.fnUntraced(function*(store) {
    yield* store.set("hit", entry(1))
    yield* store.set("rejected", entry(2))
    yield* lead(store, "held", asking("other"))
    const answers = yield* store.acquireMany([
      request("held", "me"),
      request("hit", "me"),
      request("rejected", "me", { rejectedWriteId: writeId(2) }),
      request("free", "me"),
      request("held", "me", { join: true })
    ])
    yield* same(answers.map(({ _tag }) => _tag), ["Wait", "Hit", "Granted", "Granted", "Granted"], "in their order")
    yield* same((yield* store.acquire("free", asking("other")))._tag, "Wait", "who was granted it holds it")
  }),

  "commitMany stores what is current": Effect.fnUntraced(function*(store) {
    const a = yield* lead(store, "a", asking("me"))
    const b = yield* lead(store, "b", asking("me"))
    yield* store.remove("b")
    const answers = yield* store.commitMany([
      { id: "b", generation: b, entry: entry(1) },
      { id: "a", generation: a, entry: entry(2) },
      { id: "a", generation: a, entry: entry(3) },
      { id: "never", generation: writeId(7), entry: entry(4) }
    ])
    yield* same(answers, [false, true, false, false], "the first commit of each generation that has not ended")
    yield* stores(store, "a", entry(2), "stored")
    yield* stores(store, "b", undefined, "removed meanwhile")
    yield* stores(store, "never", undefined, "never granted")
  }),

  "many hundred are loaded at once": Effect.fnUntraced(function*(store) {
    const answers = yield* store.acquireMany(many.map((id) => request(id, "me")))
    const commits = answers.map((acquired, i) => ({
      id: many[i]!,
      generation: acquired._tag === "Granted" ? acquired.generation : "",
      entry: entry(i)
    }))
    yield* same((yield* store.commitMany(commits)).every((accepted) => accepted), true, "all stored")
    yield* same((yield* store.getMany(many)).every((stored) => stored !== undefined), true, "all there")
    yield* same((yield* store.removeMany(many)).every((removed) => removed), true, "all removed")
    yield* store.setMany(many.map((id, i) => ({ id, entry: entry(i) })))
    yield* stores(store, many.at(-1)!, entry(many.length - 1), "all set")
  })
}
