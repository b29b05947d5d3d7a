/** `effect-cached stats`: what a cache holds, in numbers. */
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { cacheArgument, inspect, isPage, type Row, rows, type State, states } from "./cache.ts"
import { bold, cut, duration, escape, fields, json, jsonFlag, number, pad, print, progress, size } from "./terminal.ts"
import { formatName } from "./values.ts"

interface Share {
  entries: number
  bytes: number
}

export const stats = Command.make(
  "stats",
  { cache: cacheArgument, json: jsonFlag },
  ({ cache, json: isJson }) =>
    Effect.scoped(Effect.gen(function*() {
      const inspection = yield* inspect(cache)
      const tell = yield* progress("read")
      const total = emptyTotal()
      yield* Stream.runForEach(rows(inspection), (found) =>
        Effect.sync(() => {
          for (const row of found) count(total, row)
          tell(total.entries)
        }))
      const facts = {
        entries: total.entries,
        bytes: total.bytes,
        pages: total.pages,
        failures: total.failures,
        states: total.states,
        formats: Object.fromEntries(total.formats),
        groups: Object.fromEntries(largest(total.groups)),
        oldest: total.oldest === Infinity ? null : total.oldest,
        newest: total.newest === -Infinity ? null : total.newest
      }
      if (isJson) return yield* json(facts)
      const now = yield* Clock.currentTimeMillis
      const age = (time: number | null) => time === null ? "-" : `${duration(Math.max(0, now - time))} ago`
      yield* print(fields([
        ["entries", number(facts.entries)],
        ["bytes", `${size(facts.bytes)} of values`],
        ...Object.entries(facts.states).flatMap(([state, count]) =>
          count === 0 ? [] : [[`  ${state}`, number(count)] as const]
        ),
        ["failures", number(facts.failures)],
        ["pages of streams", number(facts.pages)],
        ["oldest", age(facts.oldest)],
        ["newest", age(facts.newest)]
      ]))
      const table = (title: string, shares: ReadonlyArray<readonly [string, Share]>) =>
        shares.length === 0 ? Effect.void : print(
          `\n${bold(`${title.padEnd(32)}  ENTRIES       SIZE`)}\n` +
            shares.map(([name, { bytes, entries }]) =>
              `${pad(cut(escape(name), 32), 32)}  ${number(entries).padStart(7)}  ${size(bytes).padStart(9)}\n`
            ).join("")
        )
      yield* table("FORMAT", Array.from(total.formats))
      yield* table("GROUP", largest(total.groups))
    }))
).pipe(
  Command.withDescription(
    "Counts the entries by state, format and group, the beginning of an id up to its first colon"
  ),
  Command.withShortDescription("Count what is there"),
  Command.withExamples([{ command: "effect-cached stats ./cache", description: "The numbers of a folder" }])
)

const emptyTotal = () => ({
  entries: 0,
  bytes: 0,
  pages: 0,
  failures: 0,
  states: Object.fromEntries(states.map((state) => [state, 0])) as Record<State, number>,
  formats: new Map<string, Share>(),
  groups: new Map<string, Share>(),
  oldest: Infinity,
  newest: -Infinity
})

/** Beyond this many groups, ids without a structure would fill the memory. */
const mostGroups = 10_000

const count = (total: ReturnType<typeof emptyTotal>, { entry, id, state }: Row): void => {
  const bytes = entry?.payload.length ?? 0
  total.bytes += bytes
  if (isPage(id)) return void total.pages++
  total.entries++
  total.states[state]++
  if (entry === undefined) return
  if (entry.meta.outcome === "failure") total.failures++
  total.oldest = Math.min(total.oldest, entry.meta.createdAt)
  total.newest = Math.max(total.newest, entry.meta.createdAt)
  add(total.formats, formatName(entry.meta.serializer), bytes)
  // The group of a key class is its name, without the fingerprint after the @. Ids of long keys are hashes.
  const group = /^~#|^~[^:@]*|^[^:]*/.exec(id)![0]
  add(total.groups, total.groups.has(group) || total.groups.size < mostGroups ? group : "(others)", bytes)
}

const add = (shares: Map<string, Share>, name: string, bytes: number): void => {
  const share = shares.get(name) ?? { entries: 0, bytes: 0 }
  share.entries++
  share.bytes += bytes
  shares.set(name, share)
}

const largest = (groups: Map<string, Share>): ReadonlyArray<readonly [string, Share]> =>
  Array.from(groups).sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, 20)
