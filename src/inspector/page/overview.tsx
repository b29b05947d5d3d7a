/** How the cache does: numbers of now, and charts of the last hour. */
import type * as Api from "../api.ts"
import { clock, duration, number, percent, plural, rate } from "./format.ts"
import { Chart, type Line, Name, Tile } from "./parts.tsx"

type Slots = ReadonlyArray<Api.Slot>

type Counts = Api.Cache["counts"]

/** The counts of slots together. */
const sum = (slots: Slots): Counts => {
  const all: Record<string, number> = {}
  for (const { counts } of slots) for (const name in counts) all[name] = (all[name] ?? 0) + counts[name]!
  return all
}

const readsOf = ({ hits = 0, misses = 0, storeHits = 0 }: Counts): number => hits + storeHits + misses

const hitRatioOf = (counts: Counts): number => (readsOf(counts) - (counts["misses"] ?? 0)) / readsOf(counts)

const slotMillis = 10_000

const incidents = {
  store: { name: "Store fails", color: "--band-store" },
  circuit: { name: "Store is not asked", color: "--band-store" },
  untracked: { name: "Changes cannot be followed", color: "--band-untracked" },
  loads: { name: "Loads fail", color: "--band-loads" }
} as const

const sources: ReadonlyArray<readonly [name: string, count: string, color: string]> = [
  ["memory", "hits", "--c1"],
  ["store", "storeHits", "--c2"],
  ["joined a load", "joined", "--c3"],
  ["stale", "stale", "--c4"],
  ["load", "loaded", "--c5"]
]

const causes: ReadonlyArray<readonly [name: string, count: string, color: string]> = [
  ["expired", "expired", "--c1"],
  ["replaced", "replaced", "--c2"],
  ["evicted", "evicted", "--c4"],
  ["invalidated", "invalidated", "--c5"],
  ["unverified", "unverified", "--c3"]
]

const limitOf = (cache: Api.Cache): string =>
  cache.capacity === null ? "no limit" : `of ${number(cache.capacity)}${cache.isWeighed ? " weight" : ""}`

export const Overview = ({ cache, now, since, slots }: {
  cache: Api.Cache
  now: number
  since: number
  slots: Slots
}) => {
  const { classes, counts, store } = cache
  const end = now / 1000
  const range = [end - Math.min(3600, Math.max(120, end - since / 1000)), end] as const
  const x = slots.map(({ at }) => Math.min(now, at + slotMillis) / 1000)
  const perSecond = (slot: Api.Slot, name: string): number => {
    const seconds = Math.max(1, (Math.min(now, slot.at + slotMillis) - Math.max(slot.at, since)) / 1000)
    const count = name === "loaded"
      ? Math.max(0, (slot.counts["misses"] ?? 0) - (slot.counts["joined"] ?? 0) - (slot.counts["stale"] ?? 0))
      : slot.counts[name] ?? 0
    return count / seconds
  }
  const lines = (list: typeof sources): ReadonlyArray<Line> =>
    list.map(([name, count, color]) => ({ name, color, values: slots.map((slot) => perSecond(slot, count)) }))
  const bands = slots.flatMap(({ at, incidents: kinds }) =>
    kinds.map((kind) => ({ from: at / 1000, to: (at + slotMillis) / 1000, color: incidents[kind].color }))
  )
  const ago = [{ from: 0, to: since / 1000, color: "--unknown" }, ...bands]
  const kinds = Array.from(new Set(slots.flatMap(({ incidents }) => incidents)))
  const lately = slots.slice(-7, -1).length > 0 ? slots.slice(-7, -1) : slots
  const recent = sum(lately)
  const reads = readsOf(recent)
  const seconds = Math.max(1, Math.min(now, lately.at(-1)!.at + slotMillis) / 1000 - Math.max(lately[0]!.at, since) / 1000)
  const times = (name: "loadMillis" | "storeMillis"): ReadonlyArray<Line> => [
    { name: "median", color: "--c1", values: slots.map((slot) => slot[name]?.[0] ?? null) },
    { name: "95th percentile", color: "--c4", values: slots.map((slot) => slot[name]?.[1] ?? null) }
  ]
  const median = lately.findLast(({ loadMillis }) => loadMillis !== null)?.loadMillis
  const { loadFailures: failures = 0, loads = 0 } = recent
  const chart = { x, range, bands: ago }
  const trouble = store === null ? undefined : store.isOpen
    ? "not asked: it timed out"
    : store.isFailing
    ? "fails"
    : store.isUntracked
    ? "changes cannot be followed"
    : undefined
  return (
    <>
      <dl class="tiles">
        <Tile name="Hit ratio" value={percent(hitRatioOf(recent))} note={`${percent(hitRatioOf(counts))} overall`} />
        <Tile name="Reads" value={`${rate(reads / seconds)} /s`} note={`${number(reads)} in ${duration(1000 * Math.round(seconds))}`} />
        <Tile
          name="Load time"
          value={median ? duration(median[0]) : "–"}
          note={failures > 0 ? `${number(failures)} of ${number(loads)} failed` : median ? `95 % within ${duration(median[1])}` : "no load yet"}
          tone={failures > 0 ? "bad" : ""}
        />
        <Tile
          name="In memory"
          value={number(cache.isWeighed ? cache.weight : cache.size)}
          note={`${cache.isWeighed ? `${plural(cache.size, "entry", "entries")} · ` : ""}${limitOf(cache)}`}
          fill={cache.capacity === null ? undefined : cache.weight / cache.capacity}
        />
        <Tile
          name="Running"
          value={plural(cache.flights, "load")}
          note={cache.refreshQueue > 0 ? `${plural(cache.refreshQueue, "refresh", "refreshes")} queued` : plural(cache.waiters, "reader waits", "readers wait")}
        />
        <Tile
          name="Store"
          value={store?.name ?? "none"}
          note={store === null ? "only memory" : trouble ?? (store.pending > 0 ? `${plural(store.pending, "invalidation")} not acknowledged` : "answers")}
          tone={trouble === undefined ? "" : "bad"}
        />
      </dl>
      <p class="hint">
        Counts began at {clock(since)}. Nothing is counted while nobody looks.
        {kinds.map((kind) => (
          <span class="key"><i style={{ background: `var(${incidents[kind].color})` }} />{incidents[kind].name}</span>
        ))}
      </p>
      <div class="charts">
        <Chart {...chart} title="Reads a second, by source" lines={lines(sources)} isStack show={rate} />
        <Chart
          {...chart}
          title="Hit ratio"
          lines={[{
            name: "memory and store",
            color: "--c1",
            values: slots.map(({ counts }) => readsOf(counts) === 0 ? null : hitRatioOf(counts))
          }]}
          show={percent}
          most={1}
        />
        <Chart {...chart} title="Time of a load" lines={times("loadMillis")} show={duration} />
        {store !== null && <Chart {...chart} title="Time of the store" lines={times("storeMillis")} show={duration} />}
        <Chart {...chart} title="Removals a second, by cause" lines={lines(causes)} isStack show={rate} />
      </div>
      {Object.keys(classes).length > 0 && <Classes classes={classes} whole={counts} />}
    </>
  )
}

const Classes = ({ classes, whole }: { classes: Api.Cache["classes"]; whole: Counts }) => {
  const rest: Record<string, number> = { ...whole }
  for (const counts of Object.values(classes)) for (const name in counts) rest[name] = (rest[name] ?? 0) - counts[name]!
  const rows = [...Object.entries(classes), ...readsOf(rest) > 0 ? [["string keys", rest] as const] : []]
    .sort(([, a], [, b]) => readsOf(b) - readsOf(a))
  return (
    <section class="card">
      <h3>Key classes, since the start</h3>
      <div class="scroll" tabIndex={0} role="region" aria-label="Key classes">
        <table>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col" class="n">Reads</th>
              <th scope="col">Hit ratio</th>
              <th scope="col" class="n">Loads</th>
              <th scope="col" class="n">Failed</th>
              <th scope="col" class="n">Mean load</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, counts]) => (
              <tr>
                <th scope="row"><Name name={name} plain={name === "string keys"} /></th>
                <td class="n">{number(readsOf(counts))}</td>
                <td>
                  <span class="meter wide" aria-hidden="true"><i style={{ width: `${100 * (hitRatioOf(counts) || 0)}%` }} /></span>
                  {percent(hitRatioOf(counts))}
                </td>
                <td class="n">{number(counts["loads"] ?? 0)}</td>
                <td class={`n ${counts["loadFailures"] ? "bad" : ""}`}>{number(counts["loadFailures"] ?? 0)}</td>
                <td class="n">{counts["loads"] ? duration(counts["loadMillis"]! / counts["loads"]) : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
