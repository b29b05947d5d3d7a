/** The engine of one cache: its state, its start and its close. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Schedule from "effect/Schedule"
import { CacheClosed } from "../../CacheError.ts"
import type { Eviction } from "../../Eviction.ts"
import type { Serializer } from "../../ports/serializer.ts"
import type { Store } from "../../ports/store.ts"
import * as Counters from "../store/counters.ts"
import { removeCaller, unregister } from "./flight/callers.ts"
import { detach } from "./flight/detach.ts"
import type { Flights } from "./flight/flights.ts"
import { abandon, makeLoops } from "./flight/loops.ts"
import { releaseLease } from "./flight/releaseLease.ts"
import { startRefresh } from "./flight/startRefresh.ts"
import { replay } from "./invalidation/replay.ts"
import * as Memory from "./memory/memory.ts"
import * as TagEpochs from "./memory/tagEpochs.ts"
import * as Pending from "./storeTier/pendingInvalidations.ts"
import { makeStoreTier, type StoreTierLimits } from "./storeTier/storeTier.ts"
import { noCounters } from "./telemetry/counters.ts"
import * as Log from "./telemetry/log.ts"

/**
 * The state of one cache, as one record: each room sees the part that it declares. Every change of it is synchronous.
 */
export interface Engine extends Flights {}

/** The options of an engine. They are already checked. */
export interface EngineOptions extends StoreTierLimits {
  /** entries in memory; 0: no memory tier */
  readonly capacity: number
  readonly eviction: Eviction
  readonly store: { readonly store: Store; readonly serializer: Serializer } | undefined
  /** how long closing waits for loads with callers */
  readonly shutdownMillis: number
  readonly refresh: {
    readonly concurrency: number
    readonly timeoutMillis: number
    readonly retry: Schedule.Schedule<unknown, unknown>
  }
}

/** Makes an engine. It does not track changes until `track`. */
export const make = (options: EngineOptions, context: Context.Context<never>): Engine => {
  const engine: { -readonly [K in keyof Engine]: Engine[K] } = {
    memory: Memory.make(options, () => engine),
    tagEpochs: TagEpochs.make(),
    flights: new Map(),
    running: new Set(),
    loops: makeLoops(),
    refreshing: { ...options.refresh, running: new Set(), queue: new Set(), draining: false, start: startRefresh },
    retryAt: new Map(),
    failing: new Set(),
    storeTier: undefined,
    stats: { ...noCounters },
    classes: new Map(),
    listeners: { events: undefined },
    warned: new Set(),
    hitsHaveEffects: false,
    counters: Counters.make(),
    lastReadContext: undefined,
    context,
    mutations: 0,
    closed: false,
    onIdle: undefined
  }
  if (options.store !== undefined) engine.storeTier = makeStoreTier(engine, { ...options, ...options.store })
  return engine
}

/**
 * Closes the engine. It starts no new flight, interrupts flights without callers, and gives the others
 * `shutdownMillis`; then their callers die with `CacheClosed`. Pending invalidations are sent once more, and what is
 * lost is logged.
 */
export const close = Effect.fnUntraced(function*(self: Engine, shutdownMillis: number) {
  self.closed = true
  for (const flight of self.refreshing.queue) detach(self, flight.id)
  for (const flight of self.running) {
    if (flight.callers.size === 0) end(self, flight)
  }
  if (self.running.size > 0) {
    yield* Effect.timeoutOption(
      Effect.callback<void>((resume) => {
        if (self.running.size === 0) return resume(Effect.void)
        self.onIdle = () => resume(Effect.void)
      }),
      shutdownMillis
    )
  }
  for (const flight of self.running) {
    for (const caller of flight.callers) {
      removeCaller(caller)
      caller.resume(Effect.die(new CacheClosed({ key: flight.id })))
    }
    end(self, flight)
  }
  const { storeTier: tier } = self
  if (tier === undefined) return
  tier.tracker?.interruptUnsafe()
  // what listens may have something to close, which the store is still needed for
  if (tier.follower !== undefined) yield* Effect.timeoutOption(Fiber.interrupt(tier.follower), tier.storeTimeoutMillis)
  for (const releasing of tier.background) yield* Fiber.await(releasing)
  tier.replay?.interruptUnsafe()
  Pending.markAllUnsent(tier.pending)
  if (Pending.isEmpty(tier.pending) || (yield* replay(tier, { leftMillis: tier.storeTimeoutMillis }))) return
  self.stats.lostInvalidations = Pending.size(tier.pending)
  Log.warning(
    self,
    `Closed with ${self.stats.lostInvalidations} invalidations that the store "${tier.store.name}" has not ` +
      "acknowledged: the invalidated entries may be served from it until their ttl. Invalidate them again when the " +
      "store answers"
  )
})

const end = (self: Engine, flight: Parameters<typeof unregister>[1]): void => {
  flight.storable = false
  releaseLease(flight)
  flight.unattendedLimit?.interruptUnsafe()
  unregister(self, flight)
  abandon(self.loops, flight)
}
