/** Keeps ten-second slots of the last hour, from the first look until an hour after the last one. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CacheEvent } from "../CacheEvent.ts"
import { inspector as limits } from "../internal/defaults/options.ts"
import type { Engine } from "../internal/engine/engine.ts"
import * as Look from "../internal/engine/operations/look.ts"
import { listen } from "../internal/engine/operations/removals.ts"
import type * as Api from "./api.ts"
import { arePlain } from "./entries.ts"

/** A cache that the page shows. */
interface Shown {
  readonly name: string
  readonly engine: Engine
  readonly disabled: ReadonlySet<string>
}

export interface Watched extends Shown {
  readonly slots: Array<Api.Slot>
  counts: Record<string, number>
  readonly loads: Histogram
  readonly store: Histogram
  readonly incidents: Set<Api.Slot["incidents"][number]>
  stop: (() => void) | undefined
}

export interface Recorder {
  readonly caches: ReadonlyArray<Watched>
  readonly scope: Scope.Scope
  /** `undefined` while nothing is counted. */
  since: number | undefined
  lookedAt: number
}

export const make = (caches: ReadonlyArray<Shown>): Effect.Effect<Recorder, never, Scope.Scope> =>
  Effect.gen(function*() {
    const self: Recorder = {
      caches: caches.map((shown) => ({
        ...shown,
        slots: [],
        counts: {},
        loads: new Map(),
        store: new Map(),
        incidents: new Set(),
        stop: undefined
      })),
      scope: yield* Effect.scope,
      since: undefined,
      lookedAt: 0
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => end(self)))
    return self
  })

/** Durations by their size, in steps of 15 %. */
type Histogram = Map<number, number>

const step = Math.log(1.15)

const note = (histogram: Histogram, millis: number): void => {
  const size = Math.ceil(Math.log(Math.max(millis, 0.001)) / step)
  histogram.set(size, (histogram.get(size) ?? 0) + 1)
}

const quantiles = (histogram: Histogram): Api.Slot["loadMillis"] => {
  if (histogram.size === 0) return null
  const sizes = Array.from(histogram).sort(([a], [b]) => a - b)
  const total = sizes.reduce((sum, [, count]) => sum + count, 0)
  const at = (share: number): number => {
    let left = share * total
    const [size] = sizes.find(([, count]) => (left -= count) <= 0) ?? sizes.at(-1)!
    // The middle of the step.
    return Number(Math.exp((size - 0.5) * step).toPrecision(3))
  }
  return [at(0.5), at(0.95)]
}

/** Notes a look, and begins to count with the first one. */
export const look = (self: Recorder): Effect.Effect<number> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    self.lookedAt = now
    if (self.since !== undefined) {
      for (const watched of self.caches) sample(watched, now)
      return Effect.succeed(self.since)
    }
    self.since = now
    for (const watched of self.caches) begin(watched, now)
    return Effect.as(Effect.forkIn(sampling(self), self.scope), now)
  })

/** Ends an hour after the last look. */
const sampling = (self: Recorder): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (true) {
      yield* Effect.sleep(limits.slotMillis - (yield* Clock.currentTimeMillis) % limits.slotMillis)
      const now = yield* Clock.currentTimeMillis
      if (now - self.lookedAt >= limits.keptMillis) return end(self)
      // The timer is a little late, and what it counts belongs to the slot that has just ended.
      for (const watched of self.caches) sample(watched, now - limits.lateMillis)
    }
  })

const kinds: ReadonlySet<CacheEvent["_tag"]> = new Set<CacheEvent["_tag"]>(["Load", "StoreFailure"])

const begin = (watched: Watched, now: number): void => {
  const { engine, incidents, loads, store } = watched
  watched.counts = Look.countsOf(engine)
  const unlisten = listen(engine, (event) => {
    if (event._tag === "Load") note(loads, event.millis)
    else if (event._tag === "StoreFailure") incidents.add("store")
  }, kinds)
  const unasked = Look.onAsked(engine, (millis) => note(store, millis))
  watched.stop = () => {
    unlisten()
    unasked()
  }
  sample(watched, now)
}

const end = (self: Recorder): void => {
  self.since = undefined
  for (const watched of self.caches) {
    watched.stop?.()
    watched.stop = undefined
    watched.slots.length = 0
    forget(watched)
  }
}

const forget = ({ incidents, loads, store }: Watched): void => {
  for (const kept of [incidents, loads, store]) kept.clear()
}

const durationsOf = ({ incidents, loads, store }: Watched) => ({
  loadMillis: quantiles(loads),
  storeMillis: quantiles(store),
  incidents: Array.from(incidents)
})

/** Adds what has happened since the last sample to the slot of now. */
const sample = (watched: Watched, now: number): void => {
  const { counts: before, engine, incidents, slots } = watched
  const at = now - now % limits.slotMillis
  const counts: Record<string, number> = watched.counts = Look.countsOf(engine)
  // After the clock was set back.
  while (slots.length > 0 && slots.at(-1)!.at > at) slots.pop()
  const last = slots.at(-1)
  const isSame = last?.at === at
  const added: Record<string, number> = {}
  for (const name in counts) {
    const more = counts[name]! - before[name]! + (isSame ? last.counts[name] ?? 0 : 0)
    if (more !== 0) added[name] = Number(more.toFixed(3))
  }
  if (!isSame) {
    if (last !== undefined) slots[slots.length - 1] = { ...last, ...durationsOf(watched) }
    forget(watched)
  }
  const { store: tier } = Look.gauges(engine)
  if (tier?.isFailing) incidents.add("store")
  if (tier?.isUntracked) incidents.add("untracked")
  if (tier?.isOpen) incidents.add("circuit")
  if ((added["loadFailures"] ?? 0) * 2 > (added["loads"] ?? 0)) incidents.add("loads")
  const slot: Api.Slot = { at, counts: added, ...durationsOf(watched) }
  if (isSame) slots[slots.length - 1] = slot
  else slots.push(slot)
  while (slots[0]!.at <= now - limits.keptMillis) slots.shift()
}

/** The state of a cache in a beat. `from`: the first slot to send. */
export const stateOf = ({ engine, name, slots }: Watched, from: number): Api.Cache => {
  const { store, capacity, ...gauges } = Look.gauges(engine)
  return {
    name,
    isPlain: arePlain(engine),
    counts: Look.countsOf(engine),
    classes: Object.fromEntries(Array.from(engine.classes, ([name, counters]) => [name, { ...counters }])),
    ...gauges,
    capacity: Number.isFinite(capacity) ? capacity : null,
    store: store ?? null,
    slots: slots.filter(({ at }) => at >= from)
  }
}
