/** The changes that a page may make: invalidations, as from code. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { inspector as limits } from "../internal/defaults/options.ts"
import type { Engine } from "../internal/engine/engine.ts"
import * as Look from "../internal/engine/operations/look.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { idOfString } from "../internal/key/id.ts"
import * as Glob from "../internal/text/glob.ts"
import type * as Api from "./api.ts"
import { idShownAs, nameOf } from "./entries.ts"

interface Act {
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
  if ("all" in target) {
    return mode === "soft"
      ? Effect.fail("Everything can only be cleared: invalidate a class, a tag or the pattern * softly")
      : Effect.as(Operations.clear.over(engine), { what: "everything", count: null })
  }
  if ("keyClass" in target) {
    return Effect.as(Operations.invalidateTags.over(engine, [`~${target.keyClass}`], mode), {
      what: `the class ${quoted(target.keyClass)}`,
      count: null
    })
  }
  if ("tag" in target) {
    return Effect.flatMap(tagShownAs(engine, target.tag), (tag) =>
      tag === undefined
        ? Effect.fail("No entry in memory has this tag")
        : Effect.as(Operations.invalidateTags.over(engine, [tag], mode), {
          what: `the tag ${quoted(nameOf(engine, tag))}`,
          count: null
        }))
  }
  if ("key" in target) {
    return Effect.flatMap(idShownAs(engine, target.key), (id) =>
      id === undefined
        ? Effect.fail("No entry in memory has this id")
        : Effect.map(Operations.invalidate.over(engine, [id], mode), (count) => ({
          what: `the key ${quoted(nameOf(engine, id))}`,
          count
        })))
  }
  // The number of entries would tell hidden ids.
  if (engine.disguise !== undefined && Look.shown(engine, "~") !== "~") {
    return Effect.fail("Patterns are refused, because ids are hidden: name a tag or a class")
  }
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

/** The tag that is shown so. Where tags are hidden, found among the entries of memory. */
const tagShownAs = (engine: Engine, name: string): Effect.Effect<string | undefined> =>
  Effect.suspend(() => {
    if (Look.shown(engine, "~") === "~") return Effect.succeed(name.startsWith("~") ? name : idOfString(name))
    return Effect.gen(function*() {
      let looked = 0
      for (const { tags } of Look.entries(engine)) {
        const found = tags.find((tag) => Look.shown(engine, tag) === name)
        if (found !== undefined) return found
        if (++looked % limits.page === 0) yield* Effect.yieldNow
      }
      return undefined
    })
  })
