/** Test laws for tag markers and invalidations. */
import * as Effect from "effect/Effect"
import { same } from "../law.ts"
import type { Singly } from "./singly.ts"
import { type Check, hardHalf, oddTexts } from "./storeFixtures.ts"

const softHalf = (version: string) => version.slice(12)

const versionOf = (store: Singly, tag: string) => Effect.map(store.markers([tag]), ({ markers }) => markers[0]!.version)

export const tagLaws: Record<string, Check> = {
  "a tag without a marker has no version": Effect.fnUntraced(function*(store) {
    yield* same((yield* store.get("id", ["tag"])).versions, [undefined], "none")
    yield* same((yield* store.get("id", [])).versions, [], "none asked")
  }),

  "each read has the versions of its own tags": Effect.fnUntraced(function*(store) {
    const { markers } = yield* store.markers(["a", "b"])
    const [a, b] = markers.map(({ version }) => version)
    const tags = ["a"]
    yield* same((yield* store.get("id", tags)).versions, [a], "of a list")
    tags[0] = "b"
    yield* same((yield* store.get("id", tags)).versions, [b], "of the same list, which was changed")
    const lists = [["a"], ["b", "a"], [], ["a"], ["b"], ["c", "b"], ["a", "b"], ["b", "a"]]
    const reads = lists.map((tags, i) => Effect.map(store.get(`id:${i}`, tags), ({ versions }) => versions))
    yield* same(
      yield* Effect.all(reads, { concurrency: "unbounded" }),
      [[a], [b, a], [], [a], [b], [undefined, b], [a, b], [b, a]],
      "of lists that are asked for at once"
    )
  }),

  "a marker stays the same until its tag is invalidated": Effect.fnUntraced(function*(store) {
    const first = yield* store.markers(["a", "b"])
    const [a, b] = first.markers
    yield* same(a!.version === b!.version, false, "versions are random")
    yield* same(/^[0-9a-f]{24}$/.test(a!.version), true, "12 bytes")
    yield* same((yield* store.markers(["b", "a"])).markers, [b, a], "the same, in the order asked")
    yield* store.invalidateTags(["a"])
    const after = yield* store.markers(["a", "b"])
    yield* same(after.markers[0]!.version === a!.version, false, "another version")
    yield* same(after.markers[1], b, "the other tag's is the same")
    yield* same(
      (yield* store.get("id", ["b", "c", "a"])).versions,
      [b!.version, undefined, after.markers[0]!.version],
      "get"
    )
  }),

  "Granted has the invalidation counter": Effect.fnUntraced(function*(store) {
    const options = { owner: "a", leaseMillis: 1000, rejectedWriteId: undefined, join: false }
    yield* store.invalidateTags(["tag"])
    const acquired = yield* store.acquire("id", options)
    yield* same(acquired._tag, "Granted", "no other leads")
    const { seq } = yield* store.markers([])
    yield* same(
      acquired._tag === "Granted" && (acquired.seq ?? seq) === seq,
      true,
      "the present count, if there is one"
    )
  }),

  "the invalidation counter separates older markers from newer ones": Effect.fnUntraced(function*(store) {
    const { seq } = yield* store.markers(["old"])
    yield* store.invalidateTags(["new"])
    const after = yield* store.markers(["old", "new"])
    yield* same(after.seq > seq, true, "it grows")
    yield* same(after.markers[0]!.seq <= seq, true, "an older marker")
    yield* same(after.markers[1]!.seq > seq, true, "a newer marker")
    const made = yield* store.markers(["made"])
    yield* same(made.markers[0]!.seq <= made.seq, true, "making a marker invalidates nothing")
    yield* same((yield* store.markers([])).seq, made.seq, "making a marker counts nothing")
  }),

  "unusual tags are kept apart": Effect.fnUntraced(function*(store) {
    const { markers } = yield* store.markers(oddTexts)
    yield* same(new Set(markers.map(({ version }) => version)).size, oddTexts.length, "all different")
    yield* store.invalidateTags([oddTexts[0]!])
    const after = yield* store.markers(oddTexts)
    yield* same(after.markers.slice(1), markers.slice(1), "one invalidates itself alone")
  }),

  "a soft invalidation changes the soft half of a version, a hard one both halves": Effect.fnUntraced(
    function*(store) {
      const first = yield* versionOf(store, "tag")
      yield* store.invalidateTags(["tag"], "soft")
      const softened = yield* versionOf(store, "tag")
      yield* same(hardHalf(softened), hardHalf(first), "the hard half stays")
      yield* same(softened === first, false, "the soft one does not")
      yield* store.invalidateTags(["tag"], "soft")
      const again = yield* versionOf(store, "tag")
      yield* same(hardHalf(again), hardHalf(first), "the hard half stays")
      yield* same([first, softened].includes(again), false, "the soft one is new once more")
      for (const mode of [undefined, "hard"] as const) {
        const before = yield* versionOf(store, "tag")
        yield* store.invalidateTags(["tag"], mode)
        const after = yield* versionOf(store, "tag")
        yield* same(hardHalf(after) === hardHalf(before), false, "another hard half")
        yield* same(softHalf(after) === softHalf(before), false, "another soft half")
      }
    }
  ),

  "soft and hard invalidations both move the invalidation counter": Effect.fnUntraced(function*(store) {
    const { markers, seq } = yield* store.markers(["soft", "hard"])
    yield* store.invalidateTags(["soft"], "soft")
    const softened = yield* store.markers(["soft"])
    yield* same(softened.seq > seq, true, "it grows")
    yield* same(softened.markers[0]!.seq > seq, true, "a newer marker")
    yield* store.invalidateTags(["hard"], "hard")
    const after = yield* store.markers(["hard"])
    yield* same(after.seq > softened.seq, true, "it grows again")
    yield* same(after.markers[0]!.seq > markers[1]!.seq, true, "a newer marker")
    yield* same((yield* store.get("id", ["soft"])).versions, [softened.markers[0]!.version], "get")
  }),

  "a soft invalidation creates missing markers": Effect.fnUntraced(function*(store) {
    yield* store.invalidateTags(["tag", ...oddTexts], "soft")
    const { markers, seq } = yield* store.markers(["tag", ...oddTexts])
    yield* same(new Set(markers.map(({ version }) => hardHalf(version))).size, oddTexts.length + 1, "all different")
    yield* same(
      markers.every((marker) => /^[0-9a-f]{24}$/.test(marker.version) && marker.seq === seq),
      true,
      "12 bytes"
    )
  })
}
