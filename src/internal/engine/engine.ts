import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Schedule from "effect/Schedule"
import { CacheClosed } from "../../CacheError.ts"
import type { Eviction } from "../../Eviction.ts"
import type { Serializer } from "../../Serializer.ts"
import type { Store } from "../../Store.ts"
import * as Numbers from "../store/numbers.ts"
import { checked } from "./checked.ts"
import * as Circuit from "./circuit.ts"
import { abandon, makeLoops } from "./flight.ts"
import { giveBack } from "./giveBack.ts"
import { replay } from "./invalidate.ts"
import * as Journal from "./journal.ts"
import * as Log from "./log.ts"
import * as Memory from "./memory.ts"
import type { Backend, Engine } from "./model.ts"
import * as Observe from "./observe.ts"
import { detach } from "./refresh.ts"
import * as Tags from "./tags.ts"
import * as Told from "./told.ts"
import { depart, retire } from "./waiting.ts"

export interface BackendOptions {
  readonly store: Store
  readonly serializer: Serializer
  readonly budgetMillis: number
  readonly leaseMillis: number
  readonly waitMillis: number
  readonly boundMillis: number
}

export interface EngineOptions {
  readonly context: Context.Context<never>
  readonly capacity: number
  readonly eviction: Eviction
  readonly store: BackendOptions | undefined
  readonly refresh: {
    readonly concurrency: number
    readonly timeoutMillis: number
    readonly retry: Schedule.Schedule<unknown, unknown>
  }
}

export const make = (options: EngineOptions): Engine => ({
  memory: Memory.make(options),
  tags: Tags.make(),
  flights: new Map(),
  running: new Set(),
  loops: makeLoops(),
  refreshing: { ...options.refresh, running: new Set(), queue: new Set(), draining: false },
  retryAt: new Map(),
  backend: options.store === undefined ? undefined : makeBackend(options.store),
  stats: { ...Observe.noCounters },
  classes: new Map(),
  watchers: Observe.make(),
  isAttentive: false,
  numbers: Numbers.make(),
  surroundings: undefined,
  context: options.context,
  mutations: 0,
  closed: false,
  onIdle: undefined
})

const makeBackend = (options: BackendOptions): Backend => ({
  ...options,
  store: checked(options.store),
  codecs: new WeakMap(),
  plain: { success: options.serializer.make(undefined), failure: undefined },
  journal: Journal.make(),
  circuit: Circuit.make(),
  failing: new Set(),
  warned: new Set(),
  releasing: new Set(),
  follower: undefined,
  heardAt: 0,
  deaf: false,
  wipedAt: 0,
  told: Told.make(),
  replay: undefined
})

/**
 * Starts nothing new, ends what nobody waits for, gives the rest `shutdownMillis`, then ends it too; tells the store
 * once more what it has not acknowledged, and says what was lost.
 */
export const close = Effect.fnUntraced(function*(self: Engine, shutdownMillis: number) {
  self.closed = true
  for (const flight of self.refreshing.queue) detach(self, flight.id)
  for (const flight of self.running) {
    if (flight.waiters.size === 0) end(self, flight)
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
    for (const waiter of flight.waiters) {
      depart(waiter)
      waiter.resume(Effect.die(new CacheClosed({ key: flight.id })))
    }
    end(self, flight)
  }
  if (self.backend === undefined) return
  self.backend.follower?.interruptUnsafe()
  for (const releasing of self.backend.releasing) yield* Fiber.await(releasing)
  self.backend.replay?.interruptUnsafe()
  Journal.loseAll(self.backend.journal)
  if (Journal.isEmpty(self.backend.journal) || (yield* replay(self, { leftMillis: self.backend.budgetMillis }))) return
  self.stats.lostInvalidations = Journal.size(self.backend.journal)
  Log.warning(
    self,
    `Closed with ${self.stats.lostInvalidations} invalidations that the store "${self.backend.store.name}" has not ` +
      "acknowledged: what they were to remove may be served by others until its ttl"
  )
})

const end = (self: Engine, flight: Parameters<typeof retire>[1]): void => {
  flight.publishes = false
  giveBack(self, flight)
  flight.limit?.interruptUnsafe()
  retire(self, flight)
  abandon(self.loops, flight)
}
