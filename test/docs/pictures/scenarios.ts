/** The scenarios behind the timelines of docs/strategies.md. One minute of a scenario is one unit of its axis. */
import { type Effect, Random } from "effect"
import { Cached, type Caching } from "effect-cached"

type Load = Effect.Effect<number, "down">

/** Minutes, and a number of `hits`. */
export type Settings = Readonly<Record<"ttl" | "softTtl" | "refreshAfter" | "idle" | "hits", number>>

export interface Scenario {
  /** The file in `docs/images/`, without its extension. */
  readonly file: string
  /** A sentence for readers that cannot see the picture. */
  readonly says: string
  readonly minutes: number
  readonly loadSeconds: number
  /** The minutes in which the source fails. */
  readonly down?: readonly [from: number, to: number] | undefined
  /** The minutes at which a caller reads. */
  readonly reads: ReadonlyArray<number>
  /** The minute of an invalidation by hand. */
  readonly invalidatedAt?: number
  /** Those that its strategy has. */
  readonly settings: Partial<Settings>
  readonly cached: (load: Load, settings: Settings) => Effect.Effect<number, "down", Caching.Caching>
}

export const key = "report"

export const scenarios: ReadonlyArray<Scenario> = [
  {
    file: "strategy-ttl",
    says: "Under ttl the stored value is served for ten minutes; then a read waits for the next load.",
    minutes: 24,
    loadSeconds: 60,
    reads: [0, 3, 6, 9, 14, 18, 22],
    settings: { ttl: 10 },
    cached: (load, { ttl }) => load.pipe(Cached.ttl(key, { ttl: `${ttl} minutes` }))
  },
  {
    file: "strategy-soft-ttl",
    says: "Under softTtl a read loads again after seven minutes; while the source is down, reads get the stored value "
      + "until it is fourteen minutes old, and then the failure.",
    minutes: 28,
    loadSeconds: 60,
    down: [10, 26],
    reads: [0, 3, 5, 8, 11, 14, 17, 20.5, 23.5, 26.25],
    settings: { ttl: 14, softTtl: 7 },
    cached: (load, { softTtl, ttl }) =>
      load.pipe(
        Cached.softTtl(key, {
          ttl: `${ttl} minutes`,
          softTtl: `${softTtl} minutes`,
          retryAfter: "1 minute",
          fallbackOn: "all"
        })
      )
  },
  {
    file: "strategy-refresh-ahead",
    says:
      "Under refreshAhead a read after seven minutes gets the stored value at once and starts a load in the background.",
    minutes: 24,
    loadSeconds: 90,
    reads: [0, 3, 6, 9, 9.5, 12, 15, 18, 21],
    settings: { ttl: 16, refreshAfter: 7 },
    cached: (load, { refreshAfter, ttl }) =>
      load.pipe(Cached.refreshAhead(key, { ttl: `${ttl} minutes`, refreshAfter: `${refreshAfter} minutes` }))
  },
  {
    file: "strategy-probabilistic",
    says: "Under probabilistic one of the reads before the deadline starts a load in the background.",
    minutes: 24,
    loadSeconds: 90,
    reads: [0, 2, 4, 6, 7, 8, 9, 10, 11, 12, 14, 16, 17, 18, 19, 20, 21, 22],
    settings: { ttl: 12 },
    cached: (load, { ttl }) => load.pipe(Cached.probabilistic(key, { ttl: `${ttl} minutes` }), Random.withSeed("d"))
  },
  {
    file: "strategy-sliding",
    says: "Under sliding each read moves the deadline by six minutes; when no read comes for so long, the value ends.",
    minutes: 24,
    loadSeconds: 60,
    reads: [0, 4, 8, 12, 21],
    settings: { idle: 6 },
    cached: (load, { idle }) => load.pipe(Cached.sliding(key, { idle: `${idle} minutes`, ttl: "1 hour" }))
  },
  {
    file: "strategy-max-hits",
    says: "Under maxHits the stored value is served three times; the next read waits for a load.",
    minutes: 24,
    loadSeconds: 60,
    reads: [0, 2, 4, 6, 9, 12, 14, 16, 19],
    settings: { hits: 3 },
    cached: (load, { hits }) => load.pipe(Cached.maxHits(key, { hits, ttl: "1 hour" }))
  },
  {
    file: "strategy-failover",
    says:
      "Under failover every read loads; while the source is down, reads get the stored value until it is ten minutes "
      + "old, and then the failure.",
    minutes: 24,
    loadSeconds: 60,
    down: [7, 20],
    reads: [0, 4, 8, 12, 17, 21],
    settings: { ttl: 10 },
    cached: (load, { ttl }) => load.pipe(Cached.failover(key, { ttl: `${ttl} minutes`, fallbackOn: "all" }))
  },
  {
    file: "strategy-until-invalidated",
    says: "Under untilInvalidated the stored value is served until an invalidation; the next read waits for a load.",
    minutes: 24,
    loadSeconds: 60,
    reads: [0, 3, 7, 11, 15, 19, 22],
    invalidatedAt: 13,
    settings: {},
    cached: (load) => load.pipe(Cached.untilInvalidated(key))
  }
]
