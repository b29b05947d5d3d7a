/** Makes and closes the engine of one cache. */
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
import { WallTime } from "../time/wallTime.ts"
import * as Tokens from "../token.ts"
import { answerNow, respond } from "./flight/callers.ts"
import { detach, releaseLease, startNext, unregister } from "./flight/ending.ts"
import { FlightIndex } from "./flight/flightsById.ts"
import { makeDurations, restartIfOutlasted } from "./flight/patience.ts"
import { forgetRefresh } from "./flight/refreshing.ts"
import { RunningList } from "./flight/running.ts"
import * as Watches from "./flight/watches.ts"
import { abandon, makeWork } from "./flight/work.ts"
import * as LeaseWaits from "./lease/leaseWaits.ts"
import { runAgain } from "./load/load.ts"
import { start } from "./load/start.ts"
import type { MakeCurve } from "./memory/curve.ts"
import { makeSweeper } from "./memory/expiry.ts"
import * as Memory from "./memory/memory.ts"
import * as TagEpochs from "./memory/tagEpochs.ts"
import type { Flight, Flights, StoreReads } from "./state.ts"
import type { StoreTier, StoreTierLimits } from "./storeTier/storeTier.ts"
import * as KeyClasses from "./telemetry/keyClasses.ts"
import { noCounters } from "./telemetry/telemetry.ts"
import { noteClosed } from "./telemetry/useless.ts"

/** The whole state of one cache. Each module declares the part that it uses. The state changes only synchronously. */
export interface Engine extends Flights {
  readonly strategy: Strategy<any, any, any> | undefined
}

export interface EngineOptions extends StoreTierLimits {
  /** The maximum number or total weight of entries in memory. With 0, there is no memory tier. */
  readonly capacity: number
  readonly weigher: Weigher | undefined
  readonly eviction: Eviction
  readonly curve: boolean
  readonly store: { readonly store: Store; readonly serializer: Serializer } | undefined
  readonly inherit: Inherit
  readonly readDefaults: ReadDefaults
  readonly maxLoadMillis: number
  readonly strategy: Strategy<any, any, any> | undefined
  /** With `"private"`, each reader runs its own load. */
  readonly flights: "shared" | "private"
  /** How long `close` waits for loads that still have callers, and for writes. */
  readonly shutdownMillis: number
  readonly refresh: {
    readonly concurrency: number
    readonly timeoutMillis: number
    /** If `undefined`, there are two retries with exponential backoff. */
    readonly retry: Schedule.Schedule<unknown, unknown> | undefined
  }
}

/** The parts of an engine that need a store. A cache without a store does not bundle them. */
export interface StoreParts {
  readonly makeTier: (engine: Engine, options: EngineOptions) => StoreTier
  readonly throughStore: NonNullable<Flights["throughStore"]>
  readonly storeReads: StoreReads
}

/** Makes an engine. It does not track changes by other processes until `track` is called. */
export const make = (
  options: EngineOptions,
  context: Context.Context<never>,
  storeParts: StoreParts | undefined,
  makeCurve: MakeCurve | undefined
): Engine => {
  const tokens = Tokens.make(Context.get(context, Tokens.Seed))
  const time = new WallTime()
  const engine: { -readonly [K in keyof Engine]: Engine[K] } = {
    memory: Memory.make(options, {
      telemetry: () => engine,
      time,
      seed: tokens.word,
      makeCurve,
      onGone: (entry, cause) => {
        forgetRefresh(engine, entry)
        engine.history?.left(entry, cause)
      },
      // With private flights there is no sweeper, because the platform cancels timers when a request finishes.
      sweeper: options.flights === "private" || options.capacity === 0 ? undefined : makeSweeper(() => engine)
    }),
    tagEpochs: TagEpochs.make(),
    isPrivate: options.flights === "private",
    flights: new FlightIndex(),
    running: new RunningList(),
    ending: new Map(),
    endingMillis: options.waitMillis ?? endingLeases * options.leaseMillis,
    work: makeWork({ respond, start, again: runAgain, restartIfOutlasted }, context),
    maxLoadMillis: options.maxLoadMillis,
    durations: makeDurations(),
    inherit: options.inherit,
    readDefaults: options.readDefaults,
    strategy: options.strategy,
    refreshing: { ...options.refresh, running: new Set(), queue: new Set() },
    leaseWaits: LeaseWaits.make(),
    questions: { byId: new Map(), open: new Set(), isTimed: false },
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
    meter: undefined,
    history: undefined,
    disguise: undefined,
    countsInvalidations: true,
    warned: new Set(),
    hitsHaveEffects: false,
    counters: Counters.make(time),
    tokens,
    time,
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
 * Closes the engine: starts no more flights, and interrupts flights without callers. Other flights and writes have
 * `shutdownMillis` to end. Then remaining callers die with `CacheClosed`, and pending invalidations are sent once more.
 */
export const close = Effect.fnUntraced(function*(self: Engine, shutdownMillis: number) {
  self.closed = true
  yield* Effect.withFiber((fiber) =>
    Effect.sync(() => noteClosed(self, self.storeTier?.store.name ?? "in memory", fiber))
  )
  self.memory.sweeper?.stop()
  // Stubs of bulk calls become flights, so that they end like all other flights.
  if (self.flights.stubs !== undefined) yield* self.flights.stubs.allToFlights
  for (const { flights } of self.refreshing.queue) for (const flight of flights) detach(self, flight.id)
  for (const flight of self.running.all()) {
    // Starts the flights queued behind this one. `start` refuses them, because the engine is closed.
    startNext(self, flight)
    // A flight whose callers did not wait for its write has no callers left, but may still complete the write.
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
  if (tier !== undefined) yield* tier.steps.close(tier)
})

const end = (self: Engine, flight: Flight): void => {
  flight.storable = false
  releaseLease(flight)
  flight.limit?.interruptUnsafe()
  unregister(self, flight)
  abandon(self, flight)
}
