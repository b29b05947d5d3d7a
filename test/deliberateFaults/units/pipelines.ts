/** Deliberate faults of pipelines. */
import type { UnitFault } from "../fault.ts"

const by = "test/pipeline/Pipeline.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a pipeline writes its output in place, where a kill leaves a part of it",
    in: "draft",
    find: "`${stemOf(target)}.${origin()}.${process.pid}-${threadId}-${++drafts}.partial`",
    replace: "basename(target)",
    by
  },
  {
    name: "the part that a killed pipeline has written stays",
    in: "removeLeftovers",
    find: "if (!isLeft) continue",
    replace: "continue",
    by
  },
  {
    name: "a pipeline removes the draft of another container that may be running",
    in: "removeLeftovers",
    find: "> dayMillis",
    replace: "> -1",
    by
  },
  {
    name: "a pipeline removes what another thread of its process writes",
    in: "isLeftHere",
    find: "thread === threadId && !written.has(path)",
    replace: "!written.has(path)",
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
  },
  {
    name: "results of rows that are in the input are removed as left",
    in: "findLeft",
    find: "!seen.has(id)",
    replace: "true",
    by
  },
  {
    name: "a column that the first row lacks is lost",
    in: "columnsIn",
    find: "if (other === undefined)",
    replace: "if (other !== null)",
    by
  },
  {
    name: "a file that is replaced loses its mode",
    in: "publish",
    find: "if (mode !== undefined)",
    replace: "if (mode === -1)",
    by
  },
  {
    name: "a whole number loses digits",
    in: "isExact",
    find: "String(value) === text || BigInt(value) === BigInt(text)",
    replace: "true",
    by
  },
  {
    name: "a field of the value replaces one of the row",
    in: "joined",
    find: "!isSame(row[name], value[name])",
    replace: "false",
    by
  },
  {
    name: "a pipeline does not wait for its writes",
    in: "askPatiently",
    find: "!job.isOut && !tier.background.isClosed",
    replace: "false",
    by: "test/pipeline/store.test.ts"
  },
  {
    name: "a pipeline waits for a store again that has failed for its whole patience",
    in: "askPatiently",
    find: "job.isOut = monotonicMillis(clock) - since >= job.patienceMillis",
    replace: "if (monotonicMillis(clock) - since >= job.patienceMillis) return Effect.succeed(answer)",
    by: "test/pipeline/store.test.ts"
  },
  {
    name: "results of loads that run while a connection is lost are not stored",
    in: "unverifyAll",
    find: "!capabilities.shared || transact === undefined",
    replace: "true",
    by: "test/pipeline/store.test.ts"
  },
  {
    name: "a result that the store could not keep is not counted",
    in: "committed",
    find: "unsaved(flight)",
    replace: "void 0",
    by: "test/pipeline/store.test.ts"
  },
  {
    name: "a pipeline counts the reads of its loads as calls",
    in: "apart",
    find: "Context.get(context, Current) === undefined",
    replace: "true",
    by: "test/pipeline/store.test.ts"
  }
]
