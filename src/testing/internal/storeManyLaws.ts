/** Test laws for operations on many ids, which have to act like the same operation on each single id. */
import * as Effect from "effect/Effect"
import type { AcquireRequest } from "../../ports/store.ts"
import { same } from "../law.ts"
import { acquireLease, asking, type Check, entry, oddTexts, stores, writeId } from "./storeFixtures.ts"

const request = (id: string, owner: string, more?: Partial<AcquireRequest>): AcquireRequest => ({
  ...asking(owner, more),
  id
})

const many = Array.from({ length: 300 }, (_, i) => `id ${i}`)

export const manyLaws: Record<string, Check> = {
  "operations on many accept an empty list": Effect.fnUntraced(function*(store) {
    yield* same(yield* store.many.acquire([]), [], "acquire")
    yield* same(yield* store.many.commit([]), [], "commit")
    yield* same(yield* store.many.remove([]), [], "remove")
    yield* same(yield* store.many.set([]), [], "set")
  }),

  "set sets each of many entries, and of one id the last": Effect.fnUntraced(function*(store) {
    const requests = oddTexts.map((id, i) => ({ id, entry: entry(i) }))
    yield* store.many.set([...requests, { id: "a", entry: entry(99) }])
    for (const { entry, id } of requests) {
      if (id !== "a") yield* stores(store, id, entry, "set")
    }
    yield* stores(store, "a", entry(99), "the last")
  }),

  "set checks the condition of each of many entries, in their order": Effect.fnUntraced(function*(store) {
    yield* store.set("there", entry(1))
    const answers = yield* store.many.set([
      { id: "there", entry: entry(2), condition: { _tag: "IfAbsent" } },
      { id: "new", entry: entry(3), condition: { _tag: "IfAbsent" } },
      { id: "free", entry: entry(4) },
      { id: "there", entry: entry(5), condition: { _tag: "IfUnchanged", writeId: writeId(1) } },
      { id: "new", entry: entry(6), condition: { _tag: "IfAbsent" } }
    ])
    yield* same(answers, [false, true, true, true, false], "whether each was set")
    yield* stores(store, "there", entry(5), "the unchanged one")
    yield* stores(store, "new", entry(3), "the absent one")
    yield* stores(store, "free", entry(4), "the one without a condition")
  }),

  "set of many ends the generations of its ids": Effect.fnUntraced(function*(store) {
    const generation = yield* acquireLease(store, "id", asking("a"))
    yield* store.many.set([{ id: "other", entry: entry(1) }, { id: "id", entry: entry(2) }])
    yield* same(yield* store.commit("id", generation, entry(3)), false, "refused")
    yield* stores(store, "id", entry(2), "what was set")
  }),

  "remove answers for each of many ids whether there was an entry, and ends its generation": Effect.fnUntraced(
    function*(store) {
      yield* store.set("a", entry(1))
      yield* store.set("b", entry(2))
      yield* store.set("stays", entry(3))
      const generation = yield* acquireLease(store, "c", asking("a"))
      yield* same(yield* store.many.remove(["b", "c", "a", "b"]), [true, false, true, false], "in their order")
      for (const id of ["a", "b", "c"]) yield* stores(store, id, undefined, "removed")
      yield* stores(store, "stays", entry(3), "another")
      yield* same(yield* store.commit("c", generation, entry(4)), false, "refused")
    }
  ),

  "acquire answers each of many requests like one alone": Effect.fnUntraced(function*(store) {
    yield* store.set("hit", entry(1))
    yield* store.set("rejected", entry(2))
    yield* acquireLease(store, "held", asking("other"))
    const answers = yield* store.many.acquire([
      request("held", "me"),
      request("hit", "me"),
      request("rejected", "me", { rejectedWriteId: writeId(2) }),
      request("free", "me"),
      request("held", "me", { join: true })
    ])
    yield* same(answers.map(({ _tag }) => _tag), ["Wait", "Hit", "Granted", "Granted", "Granted"], "in their order")
    yield* same((yield* store.acquire("free", asking("other")))._tag, "Wait", "the granted owner holds the lease")
  }),

  "commit of many stores once under each current generation": Effect.fnUntraced(function*(store) {
    const a = yield* acquireLease(store, "a", asking("me"))
    const b = yield* acquireLease(store, "b", asking("me"))
    yield* store.remove("b")
    const answers = yield* store.many.commit([
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

  "renew of many renews the leases of its owner": Effect.fnUntraced(function*(store) {
    yield* acquireLease(store, "a", asking("me"))
    yield* acquireLease(store, "b", asking("other"))
    yield* acquireLease(store, "c", asking("me"))
    const renewed = yield* store.many.renew(["a", "b", "c", "never"], "me", 2000)
    yield* same(renewed, [true, false, true, false], "in their order")
  }),

  "operations on many accept 300 ids": Effect.fnUntraced(function*(store) {
    const answers = yield* store.many.acquire(many.map((id) => request(id, "me")))
    const commits = answers.map((acquired, i) => ({
      id: many[i]!,
      generation: acquired._tag === "Granted" ? acquired.generation : "",
      entry: entry(i)
    }))
    yield* same((yield* store.many.renew(many, "me", 2000)).every((renewed) => renewed), true, "all renewed")
    yield* same((yield* store.many.commit(commits)).every((accepted) => accepted), true, "all stored")
    yield* same((yield* store.getMany(many)).every((stored) => stored !== undefined), true, "all there")
    yield* same((yield* store.many.remove(many)).every((removed) => removed), true, "all removed")
    yield* store.many.set(many.map((id, i) => ({ id, entry: entry(i) })))
    yield* stores(store, many.at(-1)!, entry(many.length - 1), "all set")
  })
}
