/** Serves an entry: counts the read, moves the deadline of a sliding entry, and emits the event. */
import type * as Exit from "effect/Exit"
import { recordServed } from "../derived/recorder.ts"
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import { nowOf, readContextOf } from "../request/context.ts"
import type { Served } from "../request/decide.ts"
import { slide } from "../request/sliding.ts"
import type { Reader } from "../state.ts"
import { report } from "../telemetry/detect.ts"
import { emitHit, emitValue } from "../telemetry/events.ts"

const isFromStore = (served: Served): boolean => served === "store" || served === "storeDue"

export const serve = <A, E>(reader: Reader<A, E>, entry: Entry, source: Served): Exit.Exit<A, E> => {
  const exit = answerWith(reader, entry, source)
  recordAnswer(reader, entry, source)
  tellAnswer(reader, entry, source)
  return exit
}

export const answerWith = <A, E>(
  { engine, fiber, policy, request }: Reader<A, E>,
  entry: Entry,
  source: Served
): Exit.Exit<A, E> => {
  entry.reads++
  // An entry from the store is not in memory, or has just entered it, and entering counts as a read for the policy.
  if (!isFromStore(source)) Memory.touch(engine.memory, entry)
  if (source === "stale") entry.counters.stale++
  else if (isFromStore(source)) entry.counters.storeHits++
  else entry.counters.hits++
  if (!isFresh(source)) engine.meter?.served(entry.counters, "stale", source)
  if (request.slides && policy.writes) slide(engine, request, entry, nowOf(engine, fiber))
  return entry.exit as Exit.Exit<A, E>
}

export const isFresh = (served: Served): served is "memory" | "store" => served === "memory" || served === "store"

/** Records which entry the surrounding load was served, and whether it was stale. Must run before the listeners. */
export const recordAnswer = ({ engine, fiber }: Reader, entry: Entry, source: Served): void => {
  const { within } = readContextOf(engine, fiber)
  if (within === undefined) return
  recordServed(engine, within, entry)
  if (!isFresh(source)) within.fromStale = true
}

export const tellAnswer = ({ engine, fiber, policy, request }: Reader, entry: Entry, source: Served): void => {
  if (source === "stale") emitValue(engine, request.key, entry, { _tag: "Stale" })
  else emitHit(engine, request.key, entry, isFromStore(source) ? "store" : "memory")
  if (policy.detector === undefined && isFresh(source)) return
  report(engine, { policy, request, span: readContextOf(engine, fiber).span }, entry.id, {
    source: isFresh(source) ? source : "stale",
    entry,
    exit: entry.exit,
    now: nowOf(engine, fiber)
  })
}
