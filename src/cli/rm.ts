/** `effect-cached rm`: removes entries. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Glob } from "../internal/text/glob.ts"
import type { Inspection, Store } from "../Store.ts"
import {
  cacheArgument,
  inspect,
  isPage,
  listed,
  matching,
  nameOf,
  open,
  patternFlag,
  patternOf,
  type Row,
  rows,
  rowsOf
} from "./cache.ts"
import { misused, no } from "./failure.ts"
import { careful, confirm, entries, json as printJson, print, sample, toggle } from "./terminal.ts"

export const rm = Command.make("rm", {
  cache: cacheArgument,
  ids: Argument.String("id").pipe(Argument.withDescription("Ids, as ls --json prints them"), Argument.variadic()),
  pattern: patternFlag,
  all: toggle("all", "All entries, and all counters"),
  ...careful
}, ({ all, cache, dryRun, ids, json, pattern, yes }) =>
  Effect.scoped(Effect.gen(function*() {
    if (Number(all) + Number(Option.isSome(pattern)) + Number(ids.length > 0) !== 1) {
      return yield* Effect.fail(misused("Say what to remove: ids, --pattern or --all"))
    }
    const glob = yield* patternOf(Option.getOrElse(pattern, () => "*"))
    const inspection = yield* inspect(cache)
    const matches = ({ id }: Row) => glob.matches(id)
    const found = ids.length > 0
      ? listed(yield* rowsOf(inspection, ids))
      : yield* matching(inspection, glob.prefix, matches)
    const what = `${entries(found.count)}${all ? " and all counters" : ""} from ${nameOf(cache)}`
    if (!dryRun) {
      if (found.count > 0 || all) yield* confirm(`Remove ${what}?`, sample(found.ids, found.count), yes)
      const store = yield* open(cache)
      // An id that a program is loading is not found, but its result must not be stored.
      if (all) yield* store.clear
      else if (ids.length > 0) yield* store.remove(Array.from(new Set(ids)))
      else yield* removeMatching(store, glob)
    }
    yield* json
      ? printJson({ count: found.count, ids: found.ids, dryRun })
      : print(dryRun ? `Would remove ${what}\n${sample(found.ids, found.count)}` : `Removed ${entries(found.count)}\n`)
    if (found.count < ids.length || (found.count === 0 && !all)) yield* Effect.fail(no())
  }))).pipe(
    Command.withDescription(
      "Removes entries, after it has said which and has asked. Other programs notice it within 100 ms on disk, and within their maxStaleness (10 s) where the storage reports no changes, as in files and buckets"
    ),
    Command.withShortDescription("Remove entries"),
    Command.withExamples([
      { command: "effect-cached rm ./cache user:1 user:2", description: "Two entries" },
      { command: "effect-cached rm ./cache --pattern 'user:*' --dry-run", description: "What a pattern would hit" },
      { command: "effect-cached rm ./cache --all --yes", description: "Everything, in a script" }
    ])
  )

/** Removes entries that match, and keeps programs from storing what they are loading. */
export const removeMatching = (store: Store, glob: Glob) =>
  Effect.flatMap(
    Effect.promise(() => import("../internal/store/patterns.ts")),
    (Patterns) => Patterns.invalidate(store, glob)
  )

/** The ids of the rows that match, in groups. */
export const idsOf = (inspection: Inspection, prefix: string, matches: (row: Row) => boolean) =>
  rows(inspection, prefix).pipe(
    Stream.map((found) => found.filter((row) => !isPage(row.id) && matches(row)).map(({ id }) => id)),
    Stream.filter((ids) => ids.length > 0)
  )
