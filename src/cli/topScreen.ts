/** The screen of `effect-cached top`, as lines of text. */
import type * as Api from "../inspector/api.ts"
import { bold, cut, duration, escape, number, pad } from "./terminal.ts"

/** The state that is drawn. */
export interface View {
  readonly overview: Api.Overview
  readonly cache: number
  readonly slots: ReadonlyArray<Api.Slot>
  readonly flights: ReadonlyArray<Api.Flight>
  /** The newest event is the first. */
  readonly events: ReadonlyArray<Event>
  readonly isPaused: boolean
  readonly isLost: boolean
  readonly filter: string
  /** The last line: a question, or the answer to the last act. */
  readonly said: string | undefined
}

interface Event {
  readonly at: number
  readonly event: { readonly _tag: string; readonly id?: string; readonly millis?: number; readonly outcome?: string }
}

const sources = [["memory", "hits"], ["store", "storeHits"], ["joined", "joined"], ["stale", "stale"], [
  "miss",
  "misses"
]] as const

const levels = "▁▂▃▄▅▆▇█"

const sparkline = (values: ReadonlyArray<number>): string => {
  const most = Math.max(...values, 1)
  return values.map((value) => value === 0 ? " " : levels[Math.min(7, Math.floor(8 * value / most))]).join("")
}

const ratioOf = (counts: { readonly [name: string]: number }): number => {
  const hits = (counts["hits"] ?? 0) + (counts["storeHits"] ?? 0)
  return hits / (hits + (counts["misses"] ?? 0))
}

const percent = (share: number): string => Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : "-"

const clock = (at: number): string => new Date(at).toISOString().slice(11, 19)

const slotSeconds = 10

/** The lines for a terminal of this size. */
export const draw = (view: View, columns: number, rows: number): ReadonlyArray<string> => {
  const { events, flights, overview, slots } = view
  const { at, process } = overview
  const cache = overview.caches[view.cache]
  if (cache === undefined) return ["The program has no cache"]
  const last = slots.at(-2)?.counts ?? slots.at(-1)?.counts ?? {}
  const times = slots.findLast(({ loadMillis }) => loadMillis !== null)?.loadMillis
  const width = Math.max(10, Math.min(60, columns - 30))
  const head = [
    bold(`effect-cached top  ${escape(cache.name)}`) +
    `  ${escape(process.host)} · ${process.pid} · up ${duration(at - process.startedAt)}` +
    (view.isLost ? `  NO CONNECTION, as of ${clock(at)}` : view.isPaused ? "  PAUSED" : ""),
    [
      `hits ${percent(ratioOf(last))} (${percent(ratioOf(cache.counts))} since the start)`,
      `load ${times ? `${duration(times[0])}, 95 % ${duration(times[1])}` : "-"}`,
      `memory ${number(cache.weight)} of ${cache.capacity === null ? "any" : number(cache.capacity)}`,
      `store ${
        cache.store === null
          ? "none"
          : `${escape(cache.store.name)}${cache.store.isOpen || cache.store.isFailing ? " FAILS" : ""}`
      }`
    ].join("   "),
    "",
    ...sources.map(([name, count]) => {
      const counts = slots.slice(-width).map((slot) => slot.counts[count] ?? 0)
      return `${pad(name, 8)}${pad(sparkline(counts), width)}  ${((last[count] ?? 0) / slotSeconds).toFixed(1)} /s`
    }),
    ""
  ]
  const classes = Object.entries(cache.classes).sort(([, a], [, b]) => (b["hits"] ?? 0) - (a["hits"] ?? 0)).slice(0, 5)
  const table = classes.length === 0 ? [] : [
    bold(
      `${pad("CLASS", 24)}${"HITS".padStart(12)}${"RATIO".padStart(10)}${"LOADS".padStart(10)}${"FAILED".padStart(8)}`
    ),
    ...classes.map(([name, counts]) =>
      pad(cut(escape(name), 24), 24) + number(counts["hits"] ?? 0).padStart(12) +
      percent(ratioOf(counts)).padStart(10) +
      number(counts["loads"] ?? 0).padStart(10) + number(counts["loadFailures"] ?? 0).padStart(8)
    ),
    ""
  ]
  const running = [
    bold(`LOADS ${number(cache.flights)}`),
    ...flights.toSorted((a, b) => (b.ageMillis ?? 0) - (a.ageMillis ?? 0)).slice(0, 5).map((flight) =>
      `${pad(flight.phase, 14)}${(flight.ageMillis === null ? "-" : duration(flight.ageMillis)).padStart(8)}` +
      `${number(flight.waiters).padStart(6)} readers  ${flight.isLate ? "LATE " : ""}${escape(flight.id)}`
    ),
    ""
  ]
  const shown = events.filter(({ event }) => `${event._tag} ${event.id ?? ""}`.includes(view.filter))
  const tail = shown.map(({ at, event }) =>
    `${clock(at)}  ${pad(event._tag, 12)}  ${escape(event.id ?? "")}` +
    (event.millis === undefined ? "" : `  ${event.outcome ?? ""} ${duration(event.millis)}`)
  )
  const above = [
    ...head,
    ...table,
    ...running,
    bold(`EVENTS${view.filter === "" ? "" : ` with "${escape(view.filter)}"`}`)
  ]
  const foot = view.said ?? `q quit   p pause   / filter   ${overview.isReadOnly ? "" : "i invalidate   "}c next cache`
  const left = Math.max(0, rows - above.length - 1)
  const lines = [...above, ...tail.slice(0, left)].slice(0, rows - 1)
  return [...lines, ...Array.from({ length: rows - 1 - lines.length }, () => ""), foot].map((line) =>
    cut(line, columns)
  )
}

/** A line for a log. */
export const lineOf = ({ at, caches }: Api.Overview): string =>
  caches.map(({ counts, flights, name, size }) =>
    `${clock(at)}  ${escape(name)}  hits ${percent(ratioOf(counts))}  reads ${
      number((counts["hits"] ?? 0) + (counts["storeHits"] ?? 0) + (counts["misses"] ?? 0))
    }  loads ${number(counts["loads"] ?? 0)}  failed ${number(counts["loadFailures"] ?? 0)}  entries ${
      number(size)
    }  ` +
    `running ${number(flights)}\n`
  ).join("")
