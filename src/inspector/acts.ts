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
}

interface Done {
  readonly what: string
  readonly removed: number | null
}

/** Fails with the reason why it cannot be done. */
export const perform = (engine: Engine, { actor, mode, target }: Act): Effect.Effect<Done, string> =>
  Effect.tap(doing(engine, target, mode), ({ what, removed }) =>
    Effect.logInfo(
      `The inspector of a cache: ${actor} ${mode === "soft" ? "softly invalidated" : "invalidated"} ${what}` +
        (removed === null ? "" : ` (${removed} removed)`)
    ).pipe(Effect.annotateLogs({ "cache.actor": actor })))

const doing = (engine: Engine, target: Api.Target, mode: Act["mode"]): Effect.Effect<Done, string> => {
  if (mode === "soft" && !("tag" in target || "keyClass" in target)) {
    return Effect.fail("Only tags and classes can be invalidated softly")
  }
  if ("all" in target) return Effect.as(Operations.clear.over(engine), { what: "everything", removed: null })
  if ("keyClass" in target) {
    return Effect.as(Operations.invalidateTags.over(engine, [`~${target.keyClass}`], mode), {
      what: `the class "${target.keyClass}"`,
      removed: null
    })
  }
  if ("tag" in target) {
    return Effect.flatMap(
      tagShownAs(engine, target.tag),
      (tag) =>
        tag === undefined ? Effect.fail("No entry in memory has this tag") : Effect.as(
          Operations.invalidateTags.over(engine, [tag], mode),
          { what: `the tag "${nameOf(engine, tag)}"`, removed: null }
        )
    )
  }
  if ("key" in target) {
    return Effect.flatMap(
      idShownAs(engine, target.key),
      (id) =>
        id === undefined ? Effect.fail("No entry in memory has this id") : Effect.map(
          Operations.invalidate.over(engine, [id]),
          (removed) => ({ what: `the key "${nameOf(engine, id)}"`, removed })
        )
    )
  }
  // The number of removed entries would tell hidden ids.
  if (engine.disguise !== undefined && Look.shown(engine, "~") !== "~") {
    return Effect.fail("Patterns are refused, because ids are hidden: name a tag or a class")
  }
  return Effect.try({ try: () => Glob.make(target.pattern), catch: (error) => error as Error }).pipe(
    Effect.flatMap((glob) =>
      Stream.runFold(Operations.invalidateMatching.over(engine, glob), () => 0, (_, { invalidated }) => invalidated)
    ),
    Effect.map((removed) => ({ what: `the pattern "${target.pattern}"`, removed })),
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
