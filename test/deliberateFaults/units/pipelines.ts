/** Deliberate faults of pipelines. */
import { foundBy, type UnitFault } from "../fault.ts"

const by = "test/pipeline/Pipeline.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy(by, [
    ["a pipeline removes the draft of another container that may be running", "removeLeftovers", "> dayMillis", "> -1"],
    [
      "a payload that does not fit ends a pipeline in which no row has failed before",
      "answering",
      "failed.get(CacheKey.id(key))",
      "failed.size === 0 ? undefined : failed.get(CacheKey.id(key))"
    ],
    [
      "a pipeline requests a row again that has failed in this run",
      "answering",
      "failed.get(CacheKey.id(key))",
      "CacheKey.id(key) === \"\" ? failed.get(\"\") : undefined"
    ],
    [
      "the failures of a former run stay",
      "start",
      "failedTo === undefined ? Drafts.remove(failures)",
      "failedTo === undefined ? Effect.void"
    ],
    [
      "a pipeline writes a row twice",
      "start",
      "Effect.sync(() => cells && found.push(",
      "Effect.sync(() => cells && found.push({ number: one.number, row: one.row, cells }, "
    ]
  ])
]
