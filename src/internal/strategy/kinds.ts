/** The kinds of strategies, each with its decision rule. */
import type { Timing } from "../../CacheEntry.ts"
import type * as Ttl from "../../Ttl.ts"
import { toMillis } from "../../Ttl.ts"
import * as Defaults from "../defaults/options.ts"
import { millisOrZero, mistake } from "../options/options.ts"
import { type AnyOptions, type Kind, kind } from "./kind.ts"

const isGone = (entry: Timing | undefined, now: number): entry is undefined =>
  entry === undefined || now >= entry.expiresAt

export const ttl = kind("ttl", {
  decide: (_, entry, now) => isGone(entry, now) ? "Load" : "Serve"
})

export const softTtl = kind("softTtl", {
  own: ["softTtl"],
  fallsBack: true,
  beside: "softTtl",
  decide: (_, entry, now) =>
    isGone(entry, now) ? "Load" : now < (entry as Timing).softExpiresAt ? "Serve" : "LoadOrStale",
  lifetime: (options, ttl, softTtl) => ({ softTtl: within("softTtl", softTtl, options, ttl), ttl })
})

export const refreshAhead = kind("refreshAhead", {
  own: ["refreshAfter"],
  beside: "refreshAfter",
  hints: { fallbackOn: " With softTimeout: 0, softTtl loads in the background too." },
  decide: (_, entry, now) =>
    isGone(entry, now) ? "Load" : now < (entry as Timing).softExpiresAt ? "Serve" : "ServeAndRefresh",
  lifetime: (options, ttl, refreshAfter) => ({ softTtl: within("refreshAfter", refreshAfter, options, ttl), ttl })
})

export const probabilistic = kind("probabilistic", {
  own: ["beta"],
  check: (options) => checkBeta(options),
  deadlinesOnly: false,
  servesFresh: false,
  decide: (options, entry, now, random) => {
    if (isGone(entry, now)) return "Load"
    // XFetch: the logarithm is negative, so this adds to `now`: the costlier the load, the earlier the refresh.
    const ahead = (entry as Timing).loadMillis * (options.beta ?? Defaults.beta)
    return ahead > 0 && now - ahead * Math.log(random()) >= (entry as Timing).expiresAt ? "ServeAndRefresh" : "Serve"
  }
})

/** Each read of an entry moves its `expiresAt`, up to its `softExpiresAt`. */
export const sliding = kind("sliding", {
  own: ["idle"],
  beside: "idle",
  decide: (_, entry, now) => isGone(entry, now) ? "Load" : "Serve",
  ttl: (options) => options.ttl ?? Infinity,
  lifetime: (options, ttl) => {
    const idle = toMillis(options.idle!, "idle")
    if (idle <= 0) throw mistake(`idle must be above zero, not ${idle} ms`)
    return { softTtl: ttl, ttl: within("idle", idle, options, ttl) }
  },
  // A read never moves the expiry earlier, because `Cached.touch` may have extended it.
  touch: (options, entry, now) =>
    Math.max(entry.expiresAt, Math.min(now + toMillis(options.idle!), entry.softExpiresAt))
})

export const maxHits = kind("maxHits", {
  own: ["hits", "refreshAfter"],
  check: (options) => checkHits(options),
  countsReads: true,
  servesFresh: false,
  decide: ({ hits, refreshAfter = Infinity }, entry, now) => {
    if (isGone(entry, now)) return "Load"
    const { reads = 0 } = entry as Timing
    if (reads >= hits!) return "Load"
    return reads + 1 >= (refreshAfter as number) ? "ServeAndRefresh" : "Serve"
  }
})

export const failover = kind("failover", {
  fallsBack: true,
  retryAfter: Defaults.retryAfterOfFailoverMillis,
  servesFresh: false,
  decide: (_, entry, now) => isGone(entry, now) ? "Load" : "LoadOrStale"
})

export const untilInvalidated = kind("untilInvalidated", {
  options: new Set(),
  decide: (_, entry, now) => isGone(entry, now) ? "Load" : "Serve",
  ttl: () => Infinity
})

/** The kinds by the words that users write. */
export const words = { ttl, softTtl, refreshAhead, probabilistic, sliding, maxHits, failover, untilInvalidated }

export const wordsOf = (holds: (kind: Kind) => boolean): ReadonlyArray<string> =>
  Object.values(words).filter(holds).map(({ name }) => name)

export const strategiesWith = (option: string): ReadonlyArray<string> => wordsOf(({ options }) => options.has(option))

const within = (name: keyof AnyOptions, soft: unknown, options: AnyOptions, ttl: number): number => {
  // The duration that a user's function returns may be negative. The engine cuts one beyond the ttl.
  if (typeof options[name] === "function") return Math.max(0, toMillis(soft as Ttl.Input, name))
  const millis = millisOrZero(name, soft as Ttl.Input)
  // A soft deadline at or after a fixed ttl is a mistake (`idle` may equal the ttl). A computed ttl limits it instead.
  const isLate = name === "idle" ? millis > ttl : millis >= ttl
  if (isLate && typeof options.ttl !== "function" && ttl > 0) {
    const relation = millis > ttl ? "is longer than" : "is as long as"
    throw mistake(`${name} (${millis} ms) ${relation} ttl (${ttl} ms): shorten ${name}, or lengthen ttl`)
  }
  return Math.min(millis, ttl)
}

const checkBeta = ({ beta }: AnyOptions): void => {
  if (beta === undefined || (beta > 0 && beta < Infinity)) return
  throw mistake(`beta must be a number above 0, not ${beta}`)
}

const checkHits = ({ hits, refreshAfter }: AnyOptions): void => {
  if (!isCount(hits)) throw mistake(`hits must be a whole number of at least 1, not ${hits}`)
  if (refreshAfter === undefined || (isCount(refreshAfter) && refreshAfter <= hits)) return
  throw mistake(`refreshAfter must be a number of reads from 1 to hits (${hits}), not ${String(refreshAfter)}`)
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1
