/** All operations of a cache. Each is a separate value for `perform`, so that programs bundle only what they use. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../CacheError.ts"
import type { Progress } from "../../CacheEvent.ts"
import type { Key } from "../key/ofKey.ts"
import { mistake } from "../options/options.ts"
import type { Glob } from "../text/glob.ts"
import type { Named } from "../text/lineOf.ts"
import { readMany as readManyOver } from "./batch/readMany.ts"
import { loadWithoutCache } from "./batch/withoutCache.ts"
import type { Operation, OperationOf } from "./boundCache.ts"
import type { Engine } from "./engine.ts"
import * as Invalidate from "./invalidation/invalidate.ts"
import type { Entry } from "./memory/entry.ts"
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
import * as Log from "./telemetry/log.ts"
import { total, withRatios } from "./telemetry/stats.ts"
import { type Disguise, type Meter, noCounters } from "./telemetry/telemetry.ts"

export const readMany: OperationOf<typeof readManyOver> = {
  over: readManyOver,
  without: (_, many) => loadWithoutCache(many)
}

export const lookup: OperationOf<typeof Lookup.lookup> = {
  over: Lookup.lookup,
  without: () => Effect.undefined
}

export const find: OperationOf<typeof Lookup.find> = {
  over: Lookup.find,
  without: () => Effect.undefined
}

export const lookupMany: OperationOf<typeof Lookup.lookupMany> = {
  over: Lookup.lookupMany,
  without: (keys) => Effect.succeed(keys.map(() => undefined))
}

export const set: OperationOf<typeof Entries.set> = {
  over: Entries.set,
  without: () => Effect.succeed(false)
}

export const setMany: OperationOf<typeof Entries.setMany> = {
  over: Entries.setMany,
  without: () => Effect.void
}

/** Reads the entry that an update will replace. `tries` counts earlier tries. `undefined` if the cache is disabled. */
export const current: Operation<
  [key: Key, tries: number],
  Effect.Effect<CurrentOf.Current<Entry> | undefined, StoreError, any>
> = {
  over: CurrentOf.current,
  without: () => Effect.undefined
}

export const touch: OperationOf<typeof Touch.touch> = {
  over: Touch.touch,
  without: () => Effect.succeed(false)
}

export const increment: OperationOf<typeof Counters.increment> = {
  over: Counters.increment,
  without: (_, by) => Effect.succeed(by)
}

export const counter: OperationOf<typeof Counters.counter> = {
  over: Counters.counter,
  without: () => Effect.undefined
}

export const touchCounter: OperationOf<typeof Counters.touchCounter> = {
  over: Counters.touchCounter,
  without: () => Effect.succeed(false)
}

export const removeCounter: OperationOf<typeof Counters.removeCounter> = {
  over: Counters.removeCounter,
  without: () => Effect.succeed(false)
}

export const counters: OperationOf<typeof Counters.counters> = {
  over: Counters.counters,
  without: () => Stream.empty
}

export const invalidate: Operation<[ids: ReadonlyArray<string>, mode?: "hard" | "soft"], Effect.Effect<number>> = {
  over: (engine, ids, mode) =>
    mode === "soft" ? Invalidate.softenIds(engine, ids) : Invalidate.invalidateIds(engine, ids),
  without: () => Effect.succeed(0)
}

export const invalidateTags: OperationOf<typeof Invalidate.invalidateTags> = {
  over: Invalidate.invalidateTags,
  without: () => Effect.void
}

export const invalidateMatching: Operation<[glob: Glob, mode?: "hard" | "soft"], Stream.Stream<Progress, StoreError>> =
  {
    over: ByPattern.invalidateMatching,
    without: () => Stream.empty
  }

export const clear: OperationOf<typeof Invalidate.clear> = {
  over: Invalidate.clear,
  without: () => Effect.void
}

export const entries: OperationOf<typeof Inspect.entries> = {
  over: Inspect.entries,
  without: () => Stream.empty
}

export const size: OperationOf<typeof Inspect.size> = {
  over: Inspect.size,
  without: () => Effect.succeed(0)
}

export const ranked: OperationOf<typeof Ranking.ranked> = {
  over: Ranking.ranked,
  without: () => Effect.succeed([])
}

export const ping: OperationOf<typeof Inspect.ping> = {
  over: Inspect.ping,
  without: () => Effect.void
}

export const stream: OperationOf<typeof consume> = {
  over: consume,
  without: ({ origin }) => origin
}

export const resize: OperationOf<typeof Resize.resize> = {
  over: Resize.resize,
  without: () => Effect.void
}

export const enforceQuotas: OperationOf<typeof Quotas.enforce> = {
  over: Quotas.enforce,
  without: () => {}
}

export const pressureOn: OperationOf<typeof Pressure.pressureOn> = {
  over: Pressure.pressureOn,
  without: () => () => {}
}

export const curve: OperationOf<typeof Curve.curve> = {
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

export const warnOnce: OperationOf<typeof Log.warnOnce> = {
  over: Log.warnOnce,
  without: () => {}
}

export const listen: OperationOf<typeof Removals.listen> = {
  over: Removals.listen,
  without: () => () => {}
}

export const onRemoval: OperationOf<typeof Removals.onRemoval> = {
  over: Removals.onRemoval,
  without: () => () => {}
}

export const noteCallbackFailure: Operation<[], void> = {
  over: ({ stats }) => void stats.callbackFailures++,
  without: () => {}
}

export const noteGuardRefusal: OperationOf<typeof guardRefusal> = {
  over: guardRefusal,
  without: () => {}
}

export const noteGuardFault: OperationOf<typeof guardFault> = {
  over: guardFault,
  without: () => {}
}
