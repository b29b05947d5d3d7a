/** Makes engines and caches, with or without a store. The code for stores is imported only through this file. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { endingLeases } from "../defaults/processes.ts"
import { type Cache, type Operation, over, start } from "./boundCache.ts"
import type { Engine, EngineOptions, StoreParts } from "./engine.ts"
import { removeInStore, sendToStore } from "./invalidation/inStore.ts"
import { closeStore, markUnsent } from "./invalidation/replay.ts"
import { softenInStore } from "./invalidation/softenInStore.ts"
import { track } from "./invalidation/tracking.ts"
import { throughStore } from "./lease/loadThroughStore.ts"
import { endQuestions } from "./read/askStore.ts"
import { storeReads } from "./read/storeReads.ts"
import { prolong, touch } from "./storeTier/ask.ts"
import { codecsOf } from "./storeTier/codec.ts"
import { makeStoreTier } from "./storeTier/makeStoreTier.ts"
import * as Pending from "./storeTier/pendingInvalidations.ts"
import type { StoreSteps } from "./storeTier/storeTier.ts"
import { GivenDisguise } from "./telemetry/disguise.ts"

const steps: StoreSteps = {
  codecsOf,
  touch,
  prolong,
  remove: removeInStore,
  soften: softenInStore,
  send: sendToStore,
  removeLater: (tier, id) => markUnsent(tier, Pending.add(tier.pending, { _tag: "Id", id })),
  close: closeStore
}

const partsOf = (store: NonNullable<EngineOptions["store"]>): StoreParts => ({
  makeTier: (engine, options) => makeStoreTier(engine, { ...options, ...store }, steps),
  throughStore,
  storeReads
})

export const startOver = (options: EngineOptions): Effect.Effect<Engine, never, Scope.Scope> =>
  Effect.tap(start(options, options.store && partsOf(options.store)), follow)

type Mutable = { -readonly [K in keyof Engine]: Engine[K] }

const follow = (engine: Mutable): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(GivenDisguise, (disguise) => {
    engine.disguise ??= disguise
    track(engine)
    // Runs before the engine closes, because the finalizer that is added last runs first.
    return Effect.addFinalizer(() => endQuestions(engine))
  })

/** Puts a cache in memory in front of a store, before its first use. */
export const attach: Operation<[options: EngineOptions], Effect.Effect<boolean, never, Scope.Scope>> = {
  over: (engine: Mutable, options) => {
    if (engine.storeTier !== undefined) return Effect.succeed(false)
    const { makeTier, storeReads, throughStore } = partsOf(options.store!)
    Object.assign(engine, { storeReads, throughStore, storeTier: makeTier(engine, options) })
    // As `Engine.make` does it, which every bundle has.
    engine.endingMillis = options.waitMillis ?? endingLeases * options.leaseMillis
    return Effect.as(follow(engine), true)
  },
  without: () => Effect.succeed(false)
}

export const make = (options: EngineOptions): Effect.Effect<Cache, never, Scope.Scope> =>
  Effect.map(startOver(options), over)
