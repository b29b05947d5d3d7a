/** Serves an entry: counts the read, moves the deadline of a sliding entry, and emits the event. */
import type * as Exit from "effect/Exit"
import { recordServed } from "../derived/recorder.ts"
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import { readContextOf, wallNow } from "../request/context.ts"
import { slide } from "../request/sliding.ts"
import type { Reader } from "../state.ts"
import { report } from "../telemetry/detect.ts"
import { countServed, isFresh, isFromStore, type Served, tellServed } from "../telemetry/tell.ts"

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
  countServed(engine, entry, source)
  if (request.slides && policy.writes) slide(engine, request, entry, wallNow(engine, fiber))
  return entry.exit as Exit.Exit<A, E>
}

/** Records which entry the surrounding load was served, and whether it was stale. Must run before the listeners. */
export const recordAnswer = ({ engine, fiber }: Reader, entry: Entry, source: Served): void => {
  const { within } = readContextOf(engine, fiber)
  if (within === undefined) return
  recordServed(engine, within, entry)
  if (!isFresh(source)) within.fromStale = true
}

export const tellAnswer = ({ engine, fiber, policy, request }: Reader, entry: Entry, source: Served): void => {
  tellServed(engine, request.key, entry, source)
  if (policy.detector === undefined && isFresh(source)) return
  report(engine, { policy, request, span: readContextOf(engine, fiber).span }, entry.id, {
    source: isFresh(source) ? source : "stale",
    entry,
    exit: entry.exit,
    now: wallNow(engine, fiber)
  })
}
