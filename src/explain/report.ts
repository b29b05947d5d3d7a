/** A text for bug reports. It contains no key, tag, value, secret or URL. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Version from "effect/Version"
import { withCaching } from "../cached/withCaching.ts"
import type { Caching } from "../Caching.ts"
import type { Operation } from "../internal/engine/boundCache.ts"
import type { Engine } from "../internal/engine/engine.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import * as Circuit from "../internal/engine/storeTier/circuit.ts"
import * as Pending from "../internal/engine/storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../internal/engine/storeTier/storeTier.ts"
import { infoOf } from "../internal/key/ofKey.ts"
import { lengthOf } from "../internal/text/failures.ts"
import { monotonicMillis } from "../internal/time/monotonic.ts"
import { version } from "../internal/version.ts"
import { plural, redacted, shown } from "./render.ts"

const mostFlights = 5
const mostClasses = 20

interface Platform {
  readonly Bun?: { readonly version: string }
  readonly Deno?: { readonly version: { readonly deno: string } }
  readonly process?: { readonly version?: string; readonly platform?: string; readonly arch?: string }
  readonly navigator?: { readonly userAgent?: string }
}

const platformOf = ({ Bun, Deno, navigator, process }: Platform): string => {
  const machine = process?.platform === undefined ? "" : ` on ${process.platform} ${process.arch}`
  if (Bun !== undefined) return `Bun ${Bun.version}${machine}`
  if (Deno !== undefined) return `Deno ${Deno.version.deno}${machine}`
  return process?.version === undefined
    ? navigator?.userAgent ?? "unknown platform"
    : `Node ${process.version}${machine}`
}

/** An option without what it may contain: only numbers, flags and names of the library are shown. */
const optionText = (value: unknown): string => {
  switch (typeof value) {
    case "number":
      return String(Number(value.toFixed(3)))
    case "boolean":
      return String(value)
    case "string":
      // Durations and names of modes. Any other text may be a secret.
      return /^[\w. ]{1,30}$/.test(value) ? value : "a text"
    default:
      return Array.isArray(value)
        ? `a list of ${value.length}`
        : `a${typeof value === "object" ? "n" : ""} ${typeof value}`
  }
}

const listText = (options: object): string =>
  Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${optionText(value)}`)
    .join(", ") || "none"

const millisText = (millis: number | undefined): string | undefined =>
  millis === undefined ? undefined : millis === Infinity ? "Infinity" : lengthOf(millis)

const layersOf = ({ history, listeners, memory, meter, storeTier }: Engine): string => {
  const bound = memory.weigh === undefined ? `${memory.capacity} entries` : `a weight of ${memory.capacity}`
  const eviction = `${bound}, ${shown(memory.eviction.name)}${memory.curve === undefined ? "" : ", curve"}`
  const parts = [memory.capacity === 0 ? "no memory" : `memory (${eviction})`]
  if (storeTier !== undefined) {
    const { capabilities, name } = storeTier.store
    parts.push(`store ${shown(redacted(name))} (${listText(capabilities)})`)
    parts.push(`serializer ${shown(storeTier.serializer.name)}`)
  }
  if (meter !== undefined) parts.push("metrics")
  if (history !== undefined) parts.push("history")
  if (listeners.events !== undefined) parts.push(`${listeners.events.length} listeners of events`)
  return parts.join(", ")
}

const optionsOf = ({ inherit, isPrivate, maxLoadMillis, readDefaults, refreshing, storeTier, strategy }: Engine) => ({
  inherit,
  flights: isPrivate ? "private" : "shared",
  strategy: strategy?.name,
  "refresh.concurrency": refreshing.concurrency,
  "refresh.timeout": millisText(refreshing.timeoutMillis),
  maxLoad: millisText(maxLoadMillis),
  ...storeTier && {
    storeTimeout: millisText(storeTier.storeTimeoutMillis),
    lease: millisText(storeTier.leaseMillis),
    wait: millisText(storeTier.waitMillis),
    maxStaleness: millisText(storeTier.maxStalenessMillis)
  },
  ...Object.fromEntries(Object.entries(readDefaults).map(([name, value]) => [`defaults.${name}`, value]))
})

const storeState = (
  { circuit, incident, pending, untracked }: StoreTier,
  clock: Clock.Clock
): ReadonlyArray<string> => {
  const now = monotonicMillis(clock)
  const failing = Array.from(incident.failing, ([operation, { at }]) => `${operation} ${lengthOf(now - at)} ago`)
  return [
    `incident: ${incident.since === undefined ? "none" : `since ${lengthOf(now - incident.since)}`}${
      failing.length === 0 ? "" : `; last failures: ${failing.join(", ")}`
    }`,
    `pending invalidations: ${Pending.size(pending)}, of them unsent: ${pending.unsent.size}`,
    `changes by other processes: ${untracked ? "not followed" : "followed, or none"}`,
    `circuit: ${Circuit.isOpen(circuit) ? `open, for at most ${lengthOf(circuit.pauseMillis)}` : "closed"}`
  ]
}

const flightsOf = ({ refreshing, running }: Engine, now: number): ReadonlyArray<string> => {
  const all = running.all()
  const longest = all
    .map((flight) => [flight, now - (flight.attempt.startedAt ?? now)] as const)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, mostFlights)
  return [
    `flights: ${all.length}, refreshes in the queue: ${refreshing.queue.size}`,
    ...longest.map(([{ callers, phase, refresh, request: { key, strategy } }, millis]) =>
      `  ${shown(infoOf(key)?.name ?? "a string key")}: ${phase} for ${lengthOf(millis)}, ${
        plural(callers.size, "caller")
      }, ` +
      `${refresh ? "a refresh, " : ""}strategy ${shown(strategy.name)}`
    )
  ]
}

const sectionOf: Operation<[], Effect.Effect<string>> = {
  over: (engine) =>
    Effect.clockWith((clock) =>
      Effect.map(Operations.stats.over(engine), ({ classes, removals, ...totals }) => {
        const names = Object.keys(classes)
        return [
          `cache: ${layersOf(engine)}${engine.closed ? ", closed" : ""}`,
          `options: ${listText(optionsOf(engine))}`,
          `stats: ${listText(totals)}`,
          `removals: ${listText(removals)}`,
          `classes: ${names.length}`,
          ...names.slice(0, mostClasses).map((name) => {
            const { hits, loadFailures, loads, misses, storeHits } = classes[name]!
            return `  ${shown(name)}: ${listText({ hits, storeHits, misses, loads, loadFailures })}`
          }),
          ...engine.storeTier === undefined ? [] : storeState(engine.storeTier, clock),
          ...flightsOf(engine, clock.currentTimeMillisUnsafe())
        ].join("\n")
      })
    ),
  without: () => Effect.succeed("cache: disabled"),
  joined: (sections: ReadonlyArray<Effect.Effect<string>>) => Effect.map(Effect.all(sections), (all) => all.join("\n"))
}

/**
 * Makes a text about the cache for a bug report: versions, layers, options, statistics, incidents of the store, and the
 * longest running loads.
 *
 * **Details**
 *
 * The text contains names of key classes and strategies, but no key, tag, value, function, secret or URL.
 *
 * **Example** (Printing a report)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { report } from "effect-cached/explain"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), report)
 * const text = await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory({ capacity: 100 }))))
 * text.includes("cache: memory (100 entries, adaptive)") // => true
 * ```
 *
 * @see `Cached.stats` for the numbers alone
 * @category accessors
 * @since 0.1.0
 */
export const report: Effect.Effect<string, never, Caching> = withCaching((caching) =>
  Effect.map(
    caching.perform(sectionOf),
    (sections) =>
      `effect-cached ${version}, effect ${Version.getCurrentVersion()}, ${
        platformOf(globalThis as Platform)
      }\n${sections}`
  )
)
