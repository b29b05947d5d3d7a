/** Locks and guard stores as values: what a layer provides, until the scope closes. */
import { Context, Effect, Layer } from "effect"
import { GuardStore, Lock } from "effect-cached/adapters"
import { MemoryGuards } from "effect-cached/memory"

/** Opens the lock service of a layer. */
export const lockOf = <E, R>(layer: Layer.Layer<never, E, R>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, Lock.Lock))

/** Opens the guard store of a layer. */
export const guardsOf = <E, R>(layer: Layer.Layer<never, E, R>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, GuardStore.GuardStore)!)

/** Locks in this process, of which nothing has to be closed. */
export const processLock = (): Lock.Lock => Effect.runSync(Effect.scoped(lockOf(MemoryGuards.layer)))

/** The state of guards in this process, of which nothing has to be closed. */
export const memoryGuards = (): GuardStore.GuardStore => Effect.runSync(Effect.scoped(guardsOf(MemoryGuards.layer)))
