/** Warns of caches that are built in a loop, or one for each call: what they store is never found. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { onceWarnings, uselessCaches } from "../../defaults/bounds.ts"
import { warning } from "./log.ts"
import type { Telemetry } from "./telemetry.ts"

/** How many caches of a kind (memory, or the name of a store) have closed in a row without a hit, in this process. */
const inARow = new Map<string, number>()

/** Test runners of Node and Bun set the variable. Deno would ask for a permission to read it. */
const isTestRun = (): boolean => !("Deno" in globalThis) && globalThis.process?.env?.["NODE_ENV"] === "test"

/** Notes that a cache closes. Those of tests do not count: each may have a cache of its own. */
export const noteClosed = (self: Telemetry, kind: string, fiber: Fiber.Fiber<unknown, unknown>): void => {
  const { hits, joined, loads, stale, storeHits } = self.stats
  const before = inARow.get(kind) ?? 0
  const isTest = isTestRun() || Context.getOrUndefined(fiber.context, Clock.Clock) !== undefined
  if (loads === 0 || before >= uselessCaches || isTest) return
  if (inARow.size >= onceWarnings) inARow.clear()
  const count = hits + joined + stale + storeHits > 0 ? 0 : before + 1
  inARow.set(kind, count)
  if (count === uselessCaches) {
    warning(
      self,
      `${count} caches (${kind}) were closed in a row without a hit: provide their layer once, where the program is ` +
        "run, not in a loop or around each call (logged once)"
    )
  }
}
