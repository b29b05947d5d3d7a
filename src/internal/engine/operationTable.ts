/** All operations of a cache. Each is a separate value for `perform`, so that programs bundle only what they use. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { InMemory, Known } from "../../CacheEntry.ts"
import type { StoreError, StoreErrorReason } from "../../CacheError.ts"
import type { Progress, Removal } from "../../CacheEvent.ts"
import type { Counter, NamedCounter } from "../../ports/store.ts"
import type { Key } from "../key/ofKey.ts"
import { mistake } from "../options/options.ts"
import type { SizeInput } from "../options/size.ts"
import type { Glob } from "../text/glob.ts"
import type { Named } from "../text/lineOf.ts"
import type { ManyRequest } from "./batch/reading.ts"
import { readMany as readManyOver } from "./batch/readMany.ts"
import { loadWithoutCache } from "./batch/withoutCache.ts"
import type { Operation } from "./boundCache.ts"
import type { Engine } from "./engine.ts"
import * as Invalidate from "./invalidation/invalidate.ts"
import { sweep } from "./memory/expiry.ts"
import { noRemovals } from "./memory/memory.ts"
import * as Quotas from "./memory/quotas.ts"
import * as ByPattern from "./operations/byPattern.ts"
import * as Counters from "./operations/counters.ts"
import * as CurrentOf from "./operations/current.ts"
import * as Curve from "./operations/curve.ts"
import { guardFault, guardRefusal } from "./operations/guardFault.ts"
import * as Inspect from "./operations/inspect.ts"
import * as Lookup from "./operations/lookup.ts"
import * as Metering from "./operations/metering.ts"
import * as Pressure from "./operations/pressure.ts"
import * as Ranking from "./operations/ranking.ts"
import * as Removals from "./operations/removals.ts"
import * as Resize from "./operations/resize.ts"
import * as Entries from "./operations/set.ts"
import * as Touch from "./operations/touch.ts"
import { consume } from "./streams/consume.ts"
import type { Streaming } from "./streams/request.ts"
import * as Log from "./telemetry/log.ts"
import { total, withRatios } from "./telemetry/stats.ts"
import { type Details, type Disguise, type EventListener, type Meter, noCounters } from "./telemetry/telemetry.ts"

interface LookedUp extends Known {
  readonly exit: Exit.Exit<unknown, unknown>
}

export const readMany: Operation<
  [fiber: Fiber.Fiber<any, any>, many: ManyRequest],
  Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, unknown, any>
> = {
  over: readManyOver,
  without: (_, many) => loadWithoutCache(many)
}

export const lookup: Operation<[key: Key], Effect.Effect<LookedUp | undefined, never, any>> = {
  over: Lookup.lookup,
  without: () => Effect.undefined
}

export const find: Operation<[key: Key], Effect.Effect<LookedUp | undefined, never, any>> = {
  over: Lookup.find,
  without: () => Effect.undefined
}

export const lookupMany: Operation<
  [keys: ReadonlyArray<Key>],
  Effect.Effect<ReadonlyArray<LookedUp | undefined>, never, any>
> = {
  over: Lookup.lookupMany,
  without: (keys) => Effect.succeed(keys.map(() => undefined))
}

export const set: Operation<
  [key: Key, value: unknown, options: Entries.SetOptions],
  Effect.Effect<boolean, StoreError, any>
> = {
  over: Entries.set,
  without: () => Effect.succeed(false)
}

export const setMany: Operation<
  [pairs: ReadonlyArray<readonly [key: Key, value: unknown]>, options: Entries.SetOptions],
  Effect.Effect<void, StoreError, any>
> = {
  over: Entries.setMany,
  without: () => Effect.void
}

/** Reads the entry that an update will replace. `tries` counts earlier tries. `undefined` if the cache is disabled. */
export const current: Operation<
  [key: Key, tries: number],
  Effect.Effect<CurrentOf.Current<LookedUp> | undefined, StoreError, any>
> = {
  over: CurrentOf.current,
  without: () => Effect.undefined
}

export const touch: Operation<[key: Key, ttlMillis: number], Effect.Effect<boolean>> = {
  over: Touch.touch,
  without: () => Effect.succeed(false)
}

export const increment: Operation<[name: string, by: number, ttlMillis: number], Effect.Effect<number, StoreError>> = {
  over: Counters.increment,
  without: (_, by) => Effect.succeed(by)
}

export const counter: Operation<[name: string], Effect.Effect<Counter | undefined, StoreError>> = {
  over: Counters.counter,
  without: () => Effect.undefined
}

export const touchCounter: Operation<[name: string, ttlMillis: number], Effect.Effect<boolean, StoreError>> = {
  over: Counters.touchCounter,
  without: () => Effect.succeed(false)
}

export const removeCounter: Operation<[name: string], Effect.Effect<boolean, StoreError>> = {
  over: Counters.removeCounter,
  without: () => Effect.succeed(false)
}

export const counters: Operation<[prefix: string], Stream.Stream<NamedCounter, StoreError>> = {
  over: Counters.counters,
  without: () => Stream.empty
}

export const invalidate: Operation<[ids: ReadonlyArray<string>, mode?: "hard" | "soft"], Effect.Effect<number>> = {
  over: (engine, ids, mode) =>
    mode === "soft" ? Invalidate.softenIds(engine, ids) : Invalidate.invalidateIds(engine, ids),
  without: () => Effect.succeed(0)
}

export const invalidateTags: Operation<[tags: ReadonlyArray<string>, mode?: "hard" | "soft"], Effect.Effect<void>> = {
  over: Invalidate.invalidateTags,
  without: () => Effect.void
}

export const invalidateMatching: Operation<[glob: Glob, mode?: "hard" | "soft"], Stream.Stream<Progress, StoreError>> =
  {
    over: ByPattern.invalidateMatching,
    without: () => Stream.empty
  }

export const clear: Operation<[], Effect.Effect<void>> = {
  over: Invalidate.clear,
  without: () => Effect.void
}

export const entries: Operation<[prefix: string], Stream.Stream<Known, StoreError>> = {
  over: Inspect.entries,
  without: () => Stream.empty
}

export const size: Operation<[], Effect.Effect<number, StoreError>> = {
  over: Inspect.size,
  without: () => Effect.succeed(0)
}

export const ranked: Operation<
  [ranking: Ranking.Ranking, count: number],
  Effect.Effect<ReadonlyArray<InMemory>>
> = {
  over: Ranking.ranked,
  without: () => Effect.succeed([])
}

export const ping: Operation<[], Effect.Effect<void, StoreError>> = {
  over: Inspect.ping,
  without: () => Effect.void
}

export const stream: Operation<[streaming: Streaming], Stream.Stream<unknown, unknown, any>> = {
  over: consume,
  without: ({ origin }) => origin
}

export const resize: Operation<[capacity: SizeInput], Effect.Effect<void>> = {
  over: Resize.resize,
  without: () => Effect.void
}

export const enforceQuotas: Operation<[quotas: Quotas.Quotas], void> = {
  over: Quotas.enforce,
  without: () => {}
}

export const pressureOn: Operation<[most: number], (share: number) => void> = {
  over: Pressure.pressureOn,
  without: () => () => {}
}

export const curve: Operation<[], ReturnType<typeof Curve.curve>> = {
  over: Curve.curve,
  without: () => Effect.succeed({ capacity: 0, reads: 0, share: 0, points: [] })
}

const counted = (engine: Engine) => ({
  ...withRatios(total(engine)),
  evictions: engine.memory.removals.evicted,
  evictedWeight: engine.memory.evictedWeight,
  removals: { ...engine.memory.removals },
  size: engine.memory.entries.size,
  weight: engine.memory.weight,
  classes: Object.fromEntries(Array.from(engine.classes, ([name, counters]) => [name, withRatios(counters)]))
})

export const stats: Operation<[], Effect.Effect<ReturnType<typeof counted>>> = {
  over: (engine) => Effect.map(sweep(engine), () => counted(engine)),
  without: () =>
    Effect.sync(() => ({
      ...withRatios(noCounters),
      evictions: 0,
      evictedWeight: 0,
      removals: { ...noRemovals },
      size: 0,
      weight: 0,
      classes: {}
    }))
}

/** Attaches a meter. `undefined` if there is no cache. */
export const meter: Operation<[meter: Meter], Metering.Metered | undefined> = {
  over: Metering.attach,
  without: () => undefined
}

export const disguise: Operation<[disguise: Disguise], void> = {
  over: (engine, given) => {
    if (engine.disguise !== undefined && engine.disguise !== given) {
      throw mistake("This cache has telemetry options already: use CacheLayer.withTelemetry once")
    }
    engine.disguise = given
  },
  without: () => {},
  joined: () => {}
}

/** The text of a log line that a driver of the cache writes. */
export const lineOf: Operation<[text: string, named: Named], string> = {
  over: ({ disguise }, text, named) => disguise?.line(text, named)[0] ?? text,
  without: (text) => text
}

export const warnOnce: Operation<[topic: string, message: string, details: Details], void> = {
  over: Log.warnOnce,
  without: () => {}
}

export const listen: Operation<[listener: EventListener, kinds?: Removals.Kinds], () => void> = {
  over: Removals.listen,
  without: () => () => {}
}

export const onRemoval: Operation<[listener: (removal: Removal) => void], () => void> = {
  over: Removals.onRemoval,
  without: () => () => {}
}

export const noteCallbackFailure: Operation<[], void> = {
  over: ({ stats }) => void stats.callbackFailures++,
  without: () => {}
}

export const noteGuardRefusal: Operation<[kind: string], void> = {
  over: guardRefusal,
  without: () => {}
}

export const noteGuardFault: Operation<[operation: string, reason: StoreErrorReason], void> = {
  over: guardFault,
  without: () => {}
}
