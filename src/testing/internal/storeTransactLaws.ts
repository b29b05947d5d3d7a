/** Test laws for `transact`, for stores that support it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Store, Transacted, TransactRequest, TransactStep } from "../../ports/store.ts"
import { same } from "../law.ts"
import type { Singly } from "./singly.ts"
import {
  acquireLease,
  asking,
  type Check,
  entry,
  excused,
  hardHalf,
  stores,
  version,
  writeId
} from "./storeFixtures.ts"

type Transact = (request: Partial<TransactRequest>) => ReturnType<NonNullable<Store["transact"]>>

/** A law that always passes if the store has no `transact`, or does not support one of the steps. */
const law = (check: (store: Singly, transact: Transact) => Effect.Effect<unknown, unknown>): Check => (store) => {
  const { transact } = store
  return transact === undefined
    ? Effect.void
    : excused(check(store, (request) => transact({ checks: [], steps: [], ...request })))
}

const committed = ({ _tag }: Transacted) => _tag === "Committed"

const set = (id: string, n: number): TransactStep => ({ _tag: "Set", id, entry: entry(n) })

const add = (name: string, by: number): TransactStep => ({ _tag: "Increment", name, by })

export const transactLaws: Record<string, Check> = {
  "transact carries out all steps, in their order": law(Effect.fnUntraced(function*(store, transact) {
    yield* store.set("removed", entry(1))
    yield* store.set("touched", entry(2))
    yield* same(
      committed(
        yield* transact({
          steps: [
            set("a", 3),
            { _tag: "Remove", id: "removed" },
            {
              _tag: "Touch",
              id: "touched",
              options: { softExpiresAt: 4_100_000_000_000, expiresAt: 4_200_000_000_000 }
            },
            set("b", 4),
            set("b", 5),
            set("c", 6),
            { _tag: "Remove", id: "c" }
          ]
        })
      ),
      true,
      "committed"
    )
    yield* stores(store, "a", entry(3), "set")
    yield* stores(store, "b", entry(5), "the last of one id")
    yield* stores(store, "c", undefined, "set and removed")
    yield* stores(store, "removed", undefined, "removed")
    yield* stores(
      store,
      "touched",
      entry(2, { softExpiresAt: 4_100_000_000_000, expiresAt: 4_200_000_000_000 }),
      "with other deadlines"
    )
  })),

  "a check of transact that does not hold refuses every step, and is named": law(
    Effect.fnUntraced(function*(store, transact) {
      yield* store.set("there", entry(1))
      yield* store.increment("n", 2)
      const answer = yield* transact({
        checks: [
          { _tag: "Entry", id: "there", condition: { _tag: "IfAbsent" } },
          { _tag: "Entry", id: "gone", condition: { _tag: "IfUnchanged", writeId: writeId(1) } },
          { _tag: "Entry", id: "none", condition: { _tag: "IfAbsent" } },
          { _tag: "Counter", name: "n", value: 3 },
          { _tag: "Counter", name: "m", value: undefined }
        ],
        steps: [set("a", 3), { _tag: "Remove", id: "there" }, add("n", 1)]
      })
      yield* same(answer, { _tag: "Conflict", ids: ["there", "gone"], names: ["n"] }, "those that do not hold")
      yield* stores(store, "a", undefined, "not set")
      yield* stores(store, "there", entry(1), "not removed")
      yield* same(yield* store.increment("n", 0), 2, "not added to")
    })
  ),

  "checks of transact hold if nothing has changed": law(Effect.fnUntraced(function*(store, transact) {
    yield* store.set("there", entry(1))
    yield* store.increment("n", 2)
    const answer = yield* transact({
      checks: [
        { _tag: "Entry", id: "there", condition: { _tag: "IfUnchanged", writeId: writeId(1) } },
        { _tag: "Entry", id: "there", condition: { _tag: "IfPresent" } },
        { _tag: "Entry", id: "none", condition: { _tag: "IfAbsent" } },
        { _tag: "Counter", name: "n", value: 2 },
        { _tag: "Counter", name: "m", value: undefined }
      ],
      steps: [set("there", 2), add("n", 5)]
    })
    yield* same(committed(answer), true, "committed")
    yield* stores(store, "there", entry(2), "set")
    yield* same(yield* store.increment("n", 0), 7, "added to")
  })),

  "an entry that has expired or was removed by a tag is absent for a check of transact": law(
    Effect.fnUntraced(function*(store, transact) {
      const { markers } = yield* store.markers(["tag", "soft"])
      const tags = ["tag", "soft"].map((tag, i) => ({ tag, version: markers[i]!.version }))
      yield* store.set("expired", entry(1, { expiresAt: (yield* Clock.currentTimeMillis) + 10 }))
      yield* store.set("gone", entry(2, { tags: [tags[0]!] }))
      yield* store.set("stale", entry(3, { tags: [tags[1]!] }))
      yield* store.invalidateTags(["tag"])
      yield* store.invalidateTags(["soft"], "soft")
      yield* Effect.sleep("2 seconds")
      const answer = yield* transact({
        checks: ["expired", "gone", "stale"].map((id) => ({ _tag: "Entry", id, condition: { _tag: "IfPresent" } }))
      })
      yield* same(answer, { _tag: "Conflict", ids: ["expired", "gone"], names: [] }, "the stale one is present")
    })
  ),

  "transact ends the generations of the ids that it sets and removes, and of no others": law(
    Effect.fnUntraced(function*(store, transact) {
      const [a, b, c] = yield* Effect.forEach(["a", "b", "c"], (id) => acquireLease(store, id, asking("me")))
      yield* transact({ steps: [set("a", 1), { _tag: "Remove", id: "b" }] })
      yield* same(yield* store.commit("a", a!, entry(9)), false, "set")
      yield* same(yield* store.commit("b", b!, entry(9)), false, "removed")
      yield* same(yield* store.commit("c", c!, entry(3)), true, "another")
    })
  ),

  "a commit in transact stores under a current generation once, and is refused under any other": law(
    Effect.fnUntraced(function*(store, transact) {
      const a = yield* acquireLease(store, "a", asking("me"))
      const b = yield* acquireLease(store, "b", asking("me"))
      yield* store.remove("b")
      const commit = (id: string, generation: string, n: number): TransactStep => ({
        _tag: "Commit",
        id,
        generation,
        entry: entry(n)
      })
      const answer = yield* transact({ steps: [commit("b", b, 1), commit("a", a, 2), commit("a", a, 3), set("c", 4)] })
      yield* same(
        answer._tag === "Committed" && Array.from(answer.refused),
        ["b", "a"],
        "the one that has ended, and the second"
      )
      yield* stores(store, "a", entry(2), "the first")
      yield* stores(store, "b", undefined, "refused")
      yield* stores(store, "c", entry(4), "the others are carried out")
      yield* same(yield* store.commit("a", a, entry(9)), false, "the generation has ended")
    })
  ),

  "transact invalidates tags with the given versions": law(Effect.fnUntraced(function*(store, transact) {
    const { markers } = yield* store.markers(["hard", "soft", "moved"])
    const former = ["hard", "soft", "moved"].map((tag, i) => ({ tag, version: markers[i]!.version }))
    for (const tag of former) yield* store.set(tag.tag, entry(1, { tags: [tag] }))
    yield* store.invalidateTags(["moved"])
    const soft = hardHalf(former[1]!.version) + version(7).slice(12)
    const late = hardHalf(former[2]!.version) + version(8).slice(12)
    yield* transact({
      steps: [
        {
          _tag: "InvalidateTags",
          mode: "hard",
          tags: [{ tag: "hard", version: version(6) }, { tag: "new", version: version(5) }]
        },
        {
          _tag: "InvalidateTags",
          mode: "soft",
          tags: [{ tag: "soft", version: soft }, { tag: "moved", version: late }]
        }
      ]
    })
    const now = yield* store.markers(["hard", "new", "soft", "moved"])
    yield* same(now.markers.slice(0, 3).map(({ version }) => version), [version(6), version(5), soft], "as given")
    yield* same(
      hardHalf(now.markers[3]!.version) === hardHalf(former[2]!.version),
      false,
      "what was invalidated hard does not come back"
    )
    yield* same(now.markers.every(({ seq }) => seq > 0) && now.seq > 0, true, "the counter has moved")
  })),

  "an entry that transact sets after an invalidation of its tag is valid": law(
    Effect.fnUntraced(function*(store, transact) {
      yield* store.markers(["tag"])
      yield* transact({
        steps: [
          { _tag: "InvalidateTags", mode: "hard", tags: [{ tag: "tag", version: version(6) }] },
          { _tag: "Set", id: "id", entry: entry(1, { tags: [{ tag: "tag", version: version(6) }] }) }
        ]
      })
      yield* same(yield* store.set("id", entry(2), { _tag: "IfPresent" }), true, "present")
    })
  ),

  "counters in transact: a sum that is not a safe integer fails, and nothing happens": law(
    Effect.fnUntraced(function*(store, transact) {
      yield* store.increment("n", Number.MAX_SAFE_INTEGER)
      const error = yield* Effect.flip(transact({ steps: [set("a", 1), add("m", 1), add("n", 1)] }))
      if (error.reason === "Unsupported") return yield* error
      yield* same(error.reason, "OutOfRange", "the reason")
      yield* stores(store, "a", undefined, "not set")
      yield* same(yield* store.counter("m"), undefined, "not counted")
      yield* same(yield* store.increment("n", 0), Number.MAX_SAFE_INTEGER, "as it was")
    })
  ),

  "counters in transact are created, touched and removed": law(Effect.fnUntraced(function*(store, transact) {
    const now = yield* Clock.currentTimeMillis
    yield* store.increment("kept", 1, { expiresAt: now + 60_000 })
    yield* store.increment("removed", 1)
    yield* transact({
      steps: [
        { _tag: "Increment", name: "kept", by: 2, expiresAt: now + 1000 },
        { _tag: "Increment", name: "made", by: 3, expiresAt: now + 90_000 },
        { _tag: "Increment", name: "none", by: 0 },
        { _tag: "RemoveCounter", name: "removed" },
        add("again", 1),
        { _tag: "RemoveCounter", name: "again" },
        add("again", 5)
      ]
    })
    yield* same(yield* store.counter("kept"), { value: 3, expiresAt: now + 60_000 }, "its expiry stays")
    yield* same(yield* store.counter("made"), { value: 3, expiresAt: now + 90_000 }, "made")
    yield* same(yield* store.counter("none"), undefined, "adding 0 makes none")
    yield* same(yield* store.counter("removed"), undefined, "removed")
    yield* same((yield* store.counter("again"))?.value, 5, "made again")
    yield* transact({ steps: [{ _tag: "TouchCounter", name: "kept", expiresAt: now + 70_000 }] })
    yield* same(yield* store.counter("kept"), { value: 3, expiresAt: now + 70_000 }, "touched")
  })),

  "clear in transact removes earlier entries, and keeps later ones": law(Effect.fnUntraced(function*(store, transact) {
    yield* store.set("old", entry(1))
    yield* store.increment("n", 5)
    const generation = yield* acquireLease(store, "loading", asking("me"))
    yield* transact({ steps: [set("before", 2), add("n", 1), { _tag: "Clear" }, set("after", 3), add("m", 1)] })
    yield* stores(store, "old", undefined, "removed")
    yield* stores(store, "before", undefined, "removed too")
    yield* stores(store, "after", entry(3), "set after it")
    yield* same(yield* store.counter("n"), undefined, "no counter")
    yield* same((yield* store.counter("m"))?.value, 1, "counted after it")
    yield* same(yield* store.commit("loading", generation, entry(4)), false, "generations have ended")
  })),

  "of concurrent transactions that check one value, one is carried out": law(
    Effect.fnUntraced(function*(store, transact) {
      yield* store.set("id", entry(0))
      const answers = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, i) => i + 1),
        (n) =>
          transact({
            checks: [{ _tag: "Entry", id: "id", condition: { _tag: "IfUnchanged", writeId: writeId(0) } }],
            steps: [set("id", n), set(`own ${n}`, n)]
          }),
        { concurrency: "unbounded" }
      )
      yield* same(answers.filter(committed).length, 1, "one")
      const winner = answers.findIndex(committed) + 1
      yield* stores(store, "id", entry(winner), "that one's")
      for (let n = 1; n <= 10; n++) {
        yield* stores(store, `own ${n}`, n === winner ? entry(n) : undefined, "all of one, nothing of the others")
      }
    })
  ),

  "a position, if transact answers with one, moves with every change, and only then": law(
    Effect.fnUntraced(function*(store, transact) {
      const look = Effect.map(transact({}), (answer) => answer._tag === "Committed" ? answer.position : undefined)
      if ((yield* look) === undefined) return
      const changes: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        store.set("a", entry(1)),
        store.remove("a"),
        store.invalidateTags(["tag"]),
        store.commit("c", yield* acquireLease(store, "c", asking("me")), entry(2)),
        transact({ steps: [set("b", 1)] })
      ]
      for (const change of changes) {
        const position = (yield* look)!
        const unmoved = transact({ checks: [{ _tag: "Position", position }] })
        yield* same(committed(yield* unmoved), true, "nothing has changed")
        yield* change
        yield* same(yield* unmoved, { _tag: "Conflict", ids: [], names: [] }, "something has")
      }
    })
  ),

  "transact accepts nothing, and 600 steps": law(Effect.fnUntraced(function*(store, transact) {
    yield* same(committed(yield* transact({})), true, "nothing")
    const steps = Array.from({ length: 600 }, (_, i) => set(`id ${i}`, i))
    yield* same(committed(yield* transact({ steps })), true, "committed")
    for (const i of [0, 299, 599]) yield* stores(store, `id ${i}`, entry(i), "set")
  }))
}
