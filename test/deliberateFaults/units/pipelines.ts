/** Deliberate faults of pipelines. */
import type { UnitFault } from "../fault.ts"

const by = "test/pipeline/Pipeline.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a pipeline removes the draft of another container that may be running",
    in: "removeLeftovers",
    find: "> dayMillis",
    replace: "> -1",
    by
  },
  {
    name: "a payload that does not fit ends a pipeline in which no row has failed before",
    in: "answering",
    find: "failed.get(CacheKey.id(key))",
    replace: "failed.size === 0 ? undefined : failed.get(CacheKey.id(key))",
    by
  },
  {
    name: "a pipeline requests a row again that has failed in this run",
    in: "answering",
    find: "failed.get(CacheKey.id(key))",
    replace: "CacheKey.id(key) === \"\" ? failed.get(\"\") : undefined",
    by
  },
  {
    name: "the failures of a former run stay",
    in: "start",
    find: "failedTo === undefined ? Drafts.remove(failures)",
    replace: "failedTo === undefined ? Effect.void",
    by
  },
  {
    name: "a pipeline writes a row twice",
    in: "start",
    find: "Effect.sync(() => cells && found.push(",
    replace: "Effect.sync(() => cells && found.push({ number: one.number, row: one.row, cells }, ",
    by
  }
]
