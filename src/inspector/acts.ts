/** The changes that a page may make: invalidations, as from code. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Engine } from "../internal/engine/engine.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import * as Glob from "../internal/text/glob.ts"
import type * as Api from "./api.ts"
import { arePlain, idShownAs, nameOf, tagShownAs } from "./entries.ts"

export interface Act {
  readonly target: Api.Target
  readonly mode: "hard" | "soft"
  readonly actor: string
  /** The operations that the cache has disabled (`CacheLayer.withDisabled`). */
  readonly disabled: ReadonlySet<string>
}

interface Done {
  readonly what: string
  /** How many entries were invalidated, if that is known. */
  readonly count: number | null
}

/** Fails with the reason why it cannot be done. */
export const perform = (engine: Engine, { actor, disabled, mode, target }: Act): Effect.Effect<Done, string> => {
  const operation = "all" in target ? "clear" : "invalidate"
  if (disabled.has(operation)) return Effect.fail(`"${operation}" is disabled in this cache (CacheLayer.withDisabled)`)
  return Effect.tap(doing(engine, target, mode), ({ count, what }) =>
    Effect.logInfo(
      `The inspector of a cache: ${quoted(actor).slice(1, -1)} ${
        mode === "soft" ? "softly invalidated" : "invalidated"
      } ${what}` +
        (count === null ? "" : ` (${count} entries)`)
    ).pipe(Effect.annotateLogs({ "cache.actor": actor })))
}

/** A line break in a name would begin another line of the log. */
const quoted = (name: string): string => JSON.stringify(name)

const doing = (engine: Engine, target: Api.Target, mode: Act["mode"]): Effect.Effect<Done, string> => {
  const byTag = (tag: string, what: string) =>
    Effect.as(Operations.invalidateTags.over(engine, [tag], mode), { what, count: null })
  if ("all" in target) {
    return mode === "soft"
      ? Effect.fail("Everything can only be cleared: invalidate a class, a tag or the pattern * softly")
      : Effect.as(Operations.clear.over(engine), { what: "everything", count: null })
  }
  if ("keyClass" in target) return byTag(`~${target.keyClass}`, `the class ${quoted(target.keyClass)}`)
  if ("tag" in target) {
    return Effect.flatMap(
      tagShownAs(engine, target.tag),
      (tag) => byTag(tag, `the tag ${quoted(nameOf(engine, tag))}`)
    )
  }
  if ("key" in target) {
    return Effect.flatMap(idShownAs(engine, target.key), (id) =>
      Effect.map(
        Operations.invalidate.over(engine, [id], mode),
        (count) => ({ what: `the key ${quoted(nameOf(engine, id))}`, count })
      ))
  }
  // The number of entries would tell hidden ids.
  if (!arePlain(engine)) return Effect.fail("Patterns are refused, because ids are hidden: name a tag or a class")
  return Effect.try({ try: () => Glob.make(target.pattern), catch: (error) => error as Error }).pipe(
    Effect.flatMap((glob) =>
      Stream.runFold(
        Operations.invalidateMatching.over(engine, glob, mode),
        () => 0,
        (_, { invalidated }) => invalidated
      )
    ),
    Effect.map((count) => ({ what: `the pattern ${quoted(target.pattern)}`, count })),
    Effect.mapError(({ message }) => message)
  )
}
