/** The engine of one cache: its state, its start and its close. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { Inherit, ReadDefaults } from "../../cached/options.ts"
import { CacheClosed } from "../../CacheError.ts"
import type { Eviction } from "../../ports/eviction.ts"
import type { Serializer } from "../../ports/serializer.ts"
import type { Store } from "../../ports/store.ts"
import type { Weigher } from "../../ports/weigher.ts"
import type { Strategy } from "../../Strategy.ts"
import { endingLeases } from "../defaults/processes.ts"
import * as Counters from "../store/counters.ts"
import * as Tokens from "../token.ts"
import { answerNow, isBehind, respond } from "./flight/callers.ts"
import { detach, releaseLease, startNext, unregister } from "./flight/ending.ts"
import { FlightIndex } from "./flight/flightsById.ts"
import * as Questions from "./flight/questions.ts"
import { forgetRefresh } from "./flight/refreshing.ts"
import { RunningList } from "./flight/running.ts"
import * as Watches from "./flight/watches.ts"
import { abandon, makeWork } from "./flight/work.ts"
import * as LeaseWaits from "./lease/leaseWaits.ts"
import { start } from "./load/start.ts"
import type { MakeCurve } from "./memory/curve.ts"
import { makeSweeper } from "./memory/expiry.ts"
import * as Memory from "./memory/memory.ts"
import * as TagEpochs from "./memory/tagEpochs.ts"
import type { Flight, Flights, StoreReads } from "./state.ts"
import * as Pending from "./storeTier/pendingInvalidations.ts"
import type { StoreTier, StoreTierLimits } from "./storeTier/storeTier.ts"
import * as KeyClasses from "./telemetry/keyClasses.ts"
import * as Log from "./telemetry/log.ts"
import { noCounters } from "./telemetry/telemetry.ts"

/**
 * The state of one cache, as one record: each room sees the part that it declares. Every change of it is synchronous.
 */
export interface Engine extends Flights {
  /** the strategy of `Cached.withStrategy` where it names none */
  readonly strategy: Strategy | undefined
}

/** The options of an engine. They are already checked. */
export interface EngineOptions extends StoreTierLimits {
  /** entries in memory, or what they may weigh; 0: no memory tier */
  readonly capacity: number
  /** `undefined`: each entry weighs 1 */
  readonly weigher: Weigher | undefined
  readonly eviction: Eviction
  /** whether `Cached.curve` is to be drawn */
  readonly curve: boolean
  readonly store: { readonly store: Store; readonly serializer: Serializer } | undefined
  /** what a result takes over from values that caches served inside its load, where the read does not say it */
  readonly inherit: Inherit
  /** the options of reads that do not say otherwise */
  readonly readDefaults: ReadDefaults
  /** the strategy of `Cached.withStrategy` where it names none */
  readonly strategy: Strategy | undefined
  /** `"private"`: each reader loads for itself */
  readonly flights: "shared" | "private"
  /** how long closing waits for loads with callers */
  readonly shutdownMillis: number
  readonly refresh: {
    readonly concurrency: number
    readonly timeoutMillis: number
    /** `undefined`: twice, with exponential backoff */
    readonly retry: Schedule.Schedule<unknown, unknown> | undefined
  }
}

/** What an engine has where there is a store; a cache without one does not load it. */
export interface StoreParts {
  readonly makeTier: (engine: Engine, options: EngineOptions) => StoreTier
  readonly throughStore: NonNullable<Flights["throughStore"]>
  readonly storeReads: StoreReads
}

/** Makes an engine. It does not track changes until `track`. */
export const make = (
  options: EngineOptions,
  context: Context.Context<never>,
  storeParts: StoreParts | undefined,
  makeCurve: MakeCurve | undefined
): Engine => {
  const tokens = Tokens.make(Context.get(context, Tokens.Seed))
  const engine: { -readonly [K in keyof Engine]: Engine[K] } = {
    memory: Memory.make(options, {
      telemetry: () => engine,
      seed: tokens.word,
      makeCurve,
      onGone: (entry) => forgetRefresh(engine, entry),
      // a platform that ends what a request has begun ends its timers too
      sweeper: options.flights === "private" || options.capacity === 0 ? undefined : makeSweeper(() => engine)
    }),
    tagEpochs: TagEpochs.make(),
    isPrivate: options.flights === "private",
    flights: new FlightIndex(),
    running: new RunningList(),
    ending: new Map(),
    endingMillis: options.waitMillis ?? endingLeases * options.leaseMillis,
    work: makeWork({ respond, isBehind, start }, context),
    inherit: options.inherit,
    readDefaults: options.readDefaults,
    strategy: options.strategy,
    refreshing: { ...options.refresh, running: new Set(), queue: new Set() },
    leaseWaits: LeaseWaits.make(),
    questions: Questions.make(),
    behind: 0,
    retryAt: new Map(),
    answered: new Map(),
    failing: new Set(),
    watches: Watches.make(options.flights === "private"),
    transactions: new WeakSet(),
    storeTier: undefined,
    throughStore: storeParts?.throughStore,
    storeReads: storeParts?.storeReads,
    stats: { ...noCounters },
    classes: new Map(),
    keyClasses: KeyClasses.make(),
    listeners: { events: undefined },
    warned: new Set(),
    hitsHaveEffects: false,
    counters: Counters.make(),
    tokens,
    lastReadContext: undefined,
    forgetReadContext: () => {
      engine.lastReadContext = undefined
    },
    context,
    mutations: 0,
    closed: false,
    onIdle: undefined
  }
  engine.storeTier = storeParts?.makeTier(engine, options)
  return engine
}

/**
 * Closes the engine. It starts no new flight, interrupts flights without callers, and gives the others, and writes that
 * nobody waits for, `shutdownMillis`; then their callers die with `CacheClosed`. Within one store timeout what runs in the background
 * ends, and pending invalidations are sent once more; what is lost is logged.
 */
export const close = Effect.fnUntraced(function*(self: Engine, shutdownMillis: number) {
  self.closed = true
  self.memory.sweeper?.stop()
  for (const { flights } of self.refreshing.queue) for (const flight of flights) detach(self, flight.id)
  for (const flight of self.running.all()) {
    // what is queued behind it would start after the close
    startNext(self, flight)
    // a write whose callers did not wait for it is waited for here
    if (flight.callers.size === 0 && !flight.isBehind) end(self, flight)
  }
  if (self.running.size > 0 && shutdownMillis > 0) {
    yield* Effect.timeoutOption(
      Effect.callback<void>((resume) => {
        if (self.running.size === 0) return resume(Effect.void)
        self.onIdle = () => resume(Effect.void)
      }),
      shutdownMillis
    )
  }
  for (const flight of self.running.all()) {
    for (const caller of flight.callers) {
      answerNow(caller, Effect.die(new CacheClosed({ key: flight.id })))
    }
    end(self, flight)
  }
  const { storeTier: tier } = self
  if (tier === undefined) return
  yield* tier.steps.close(tier)
  if (Pending.isEmpty(tier.pending)) return
  self.stats.lostInvalidations = Pending.size(tier.pending)
  Log.warning(
    self,
    `The cache closed with ${self.stats.lostInvalidations} invalidations that the store "${tier.store.name}" has not ` +
      "acknowledged: the invalidated entries may be served from it until their ttl. Invalidate them again when the " +
      "store answers"
  )
})

const end = (self: Engine, flight: Flight): void => {
  flight.storable = false
  releaseLease(flight)
  flight.limit?.interruptUnsafe()
  unregister(self, flight)
  abandon(self, flight)
}
