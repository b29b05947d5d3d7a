/** `effect-cached ls`: a line for each entry. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { cacheArgument, inspect, isLive, isPage, patternArgument, patternOf, type Row, rows } from "./cache.ts"
import {
  bold,
  columns,
  cut,
  duration,
  entries,
  escape,
  jsonFlag,
  jsonLine,
  note,
  print,
  size,
  toggle
} from "./terminal.ts"
import { formatName } from "./values.ts"

export const ls = Command.make("ls", {
  cache: cacheArgument,
  pattern: patternArgument,
  all: Flag.withAlias(toggle("all", "Also entries that are never served: expired, invalidated or damaged"), "a"),
  json: jsonFlag
}, ({ all, cache, json, pattern }) =>
  Effect.scoped(Effect.gen(function*() {
    const glob = yield* patternOf(pattern)
    const inspection = yield* inspect(cache)
    const width = columns()
    const now = yield* Clock.currentTimeMillis
    let count = 0
    if (!json) yield* print(`${bold(line(["STATE", "SIZE", "EXPIRES", "FORMAT", "ID"]))}\n`)
    yield* Stream.runForEach(rows(inspection, glob.prefix), (found) => {
      const listed = found.filter((row) => !isPage(row.id) && (all || isLive(row)) && glob.matches(row.id))
      count += listed.length
      const text = listed.map((row) => json ? jsonLine(factsOf(row)) : `${shown(row, now, width)}\n`).join("")
      return text === "" ? Effect.void : print(text)
    })
    if (!json) yield* note(entries(count))
  }))).pipe(
    Command.withDescription("Lists the entries, in no particular order, with their states"),
    Command.withShortDescription("List the entries"),
    Command.withExamples([
      { command: "effect-cached ls ./cache", description: "The entries of a folder" },
      { command: "effect-cached ls ./cache 'user:*' --json", description: "Some of them, as JSON lines" }
    ])
  )

const widths = [11, 9, 9, 10]

const line = (cells: ReadonlyArray<string>): string =>
  cells.map((cell, i) => i === 1 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i] ?? 0)).join("  ")

const shown = ({ entry, id, state }: Row, now: number, width: number | undefined): string => {
  const until = entry === undefined ? "" : entry.meta.expiresAt === Infinity
    ? "never"
    : entry.meta.expiresAt <= now
    ? "-"
    : duration(entry.meta.expiresAt - now)
  const format = entry === undefined ? "" : formatName(entry.meta.serializer)
  const begin = line([state, entry === undefined ? "" : size(entry.payload.length), until, format, ""])
  const text = escape(id)
  return begin + (width === undefined ? text : cut(text, Math.max(8, width - begin.length)))
}

/** The facts that programs get of an entry. A time without an end is `null`. */
export const factsOf = ({ entry, id, staleTags, state }: Row) => ({
  id,
  state,
  ...entry === undefined ? {} : {
    outcome: entry.meta.outcome,
    bytes: entry.payload.length,
    format: formatName(entry.meta.serializer),
    createdAt: entry.meta.createdAt,
    softExpiresAt: finite(entry.meta.softExpiresAt),
    expiresAt: finite(entry.meta.expiresAt),
    loadMillis: entry.meta.loadMillis,
    tags: entry.meta.tags.map(({ tag }) => tag),
    staleTags,
    ...entry.meta.etag === undefined ? {} : { etag: entry.meta.etag }
  }
})

const finite = (time: number): number | null => Number.isFinite(time) ? time : null
