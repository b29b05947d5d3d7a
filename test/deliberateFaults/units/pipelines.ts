/** Deliberate faults of pipelines. */
import type { UnitFault } from "../fault.ts"

const by = "test/pipeline/Pipeline.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a pipeline writes its output in place, where a kill leaves a part of it",
    in: "draft",
    find: "`${basename(file)}.${process.pid}-${threadId}-${++drafts}.partial`",
    replace: "basename(file)",
    by
  },
  {
    name: "the part that a killed pipeline has written stays",
    in: "removeLeftovers",
    find: "pid === process.pid ? thread === threadId && !written.has(path) : pid > 0 && !isRunning(pid)",
    replace: "false",
    by
  },
  {
    name: "a pipeline removes what another thread of its process writes",
    in: "removeLeftovers",
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
    find: "failed === undefined ? Output.remove(failures)",
    replace: "failed === undefined ? Effect.void",
    by
  },
  {
    name: "a pipeline writes a row twice",
    in: "start",
    find: "found.push(output(row, exit.value))",
    replace: "found.push(output(row, exit.value), output(row, exit.value))",
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
    in: "tableOf",
    find: "if (other !== undefined)",
    replace: "if (other === null)",
    by
  }
]
