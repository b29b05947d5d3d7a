/** `effect-cached invalidate`: makes programs load again. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Store } from "../Store.ts"
import {
  cacheArgument,
  inspect,
  isLive,
  listed,
  matching,
  nameOf,
  open,
  patternFlag,
  patternOf,
  type Row,
  rowsOf,
  storedTag
} from "./cache.ts"
import { misused } from "./failure.ts"
import { idsOf, removeMatching } from "./rm.ts"
import { careful, confirm, entries, json as printJson, print, sample, toggle } from "./terminal.ts"
import { extensionOf } from "./values.ts"

const some = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.atLeast(0))

export const invalidate = Command.make("invalidate", {
  cache: cacheArgument,
  ids: some("key", "The entry of a key, by its id"),
  tags: some("tag", "All entries with a tag"),
  classes: some("class", "All entries of a key class, by its name"),
  pattern: patternFlag,
  soft: toggle("soft", "Make entries stale instead of removing them"),
  ...careful
}, ({ cache, classes, dryRun, ids, json, pattern, soft, tags, yes }) =>
  Effect.scoped(Effect.gen(function*() {
    const names = [...tags.map(storedTag), ...classes.map((name) => `~${name}`)]
    if (ids.length + names.length === 0 && Option.isNone(pattern)) {
      return yield* Effect.fail(misused("Say what to invalidate: --key, --tag, --class or --pattern"))
    }
    const glob = yield* patternOf(Option.getOrElse(pattern, () => "*"))
    const matches = ({ id }: Row) => Option.isSome(pattern) && glob.matches(id)
    const inspection = yield* inspect(cache)
    const isHit = (row: Row) =>
      isLive(row) &&
      (matches(row) || ids.includes(row.id) || row.entry!.meta.tags.some(({ tag }) => names.includes(tag)))
    const { count, ids: some } = names.length === 0 && Option.isNone(pattern)
      ? listed((yield* rowsOf(inspection, ids)).filter(isHit))
      : yield* matching(inspection, ids.length + names.length === 0 ? glob.prefix : "", isHit)
    const of = `${entries(count)} of ${nameOf(cache)}`
    if (!dryRun) {
      yield* confirm(soft ? `Make ${of} stale?` : `Invalidate ${of}?`, sample(some, count), yes)
      const store = yield* open(cache)
      const now = yield* Clock.currentTimeMillis
      const invalidateIds = (ids: ReadonlyArray<string>) =>
        soft ? Effect.forEach(ids, (id) => soften(store, id, now), { discard: true }) : store.remove(ids)
      if (names.length > 0) {
        yield* store.invalidateTags(names, soft ? "soft" : "hard")
      }
      if (ids.length > 0) {
        yield* invalidateIds(ids)
      }
      if (Option.isSome(pattern)) {
        yield* soft
          ? Stream.runForEach(
            idsOf(inspection, glob.prefix, matches),
            Effect.forEach((id) => soften(store, id, now), { discard: true })
          )
          : removeMatching(store, glob)
      }
    }
    if (json) {
      return yield* printJson({ count, ids: some, dryRun })
    }
    yield* print(
      dryRun
        ? `Would ${soft ? `make ${of} stale` : `invalidate ${of}`}\n${sample(some, count)}`
        : `Invalidated ${entries(count)}\n`
    )
  }))).pipe(
    Command.withDescription(
      "Invalidates entries by key, tag, key class or pattern, as Cached.invalidate does: other programs drop their copies"
    ),
    Command.withShortDescription("Make programs load again"),
    Command.withExamples([
      { command: "effect-cached invalidate ./cache --tag users", description: "All entries with a tag" },
      {
        command: "effect-cached invalidate ./cache --class User --soft",
        description: "Make those of a key class stale"
      }
    ])
  )

/** Makes an entry stale, unless another program replaces it meanwhile: a new entry keeps its own deadlines. */
export const soften = Effect.fnUntraced(function*(store: Store, id: string, now: number) {
  const { entry } = yield* store.get(id, [])
  if (entry === undefined) return
  const { isConstant: _, ...meta } = entry.meta
  const { softExpiresAt, writeId } = meta
  const stale = { ...meta, softExpiresAt: Math.min(softExpiresAt, now) }
  const condition = { _tag: "IfUnchanged", writeId } as const
  yield* store.set([{ id, entry: { ...entry, meta: stale, extension: extensionOf(meta) }, condition }])
})
