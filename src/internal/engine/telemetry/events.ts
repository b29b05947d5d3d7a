/** Emits events to all listeners. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { CacheEvent, Valued } from "../../../CacheEvent.ts"
import { infoOf, type Key } from "../../key/ofKey.ts"
import * as Log from "./log.ts"
import type { Subject, Telemetry } from "./telemetry.ts"

type Listener<A, B> = (told: A, also: B) => void

/** Wraps a listener so that it cannot disturb the cache: an exception unsubscribes it, and is counted and logged. */
export const isolated =
  <A, B>(self: Telemetry, listener: Listener<A, B>, unsubscribe: () => void): Listener<A, B> => (told, also) => {
    try {
      listener(told, also)
    } catch (defect) {
      unsubscribe()
      noteThrown(self, defect)
    }
  }

export const noteThrown = (self: Telemetry, defect: unknown): void => {
  self.stats.callbackFailures++
  Log.warning(self, "A listener of the cache threw (see the cause): it is not called again", {
    cause: Cause.die(defect)
  })
}

export const without = <A>(list: ReadonlyArray<A> | undefined, item: A): ReadonlyArray<A> | undefined => {
  const rest = list?.filter((other) => other !== item)
  return rest?.length === 0 ? undefined : rest
}

type OfId = Extract<CacheEvent, { readonly keyClass: unknown }>

export const emitOf = <E extends Exclude<OfId, { readonly _tag: Valued }>>(
  self: Telemetry,
  key: Key,
  id: string,
  event: E extends OfId ? Omit<E, "id" | "keyClass"> : never
): void => {
  if (self.listeners.events !== undefined) emit(self, { ...event, id, keyClass: infoOf(key)?.name } as never)
}

export const emitValue = <E extends Extract<OfId, { readonly _tag: Valued }>>(
  self: Telemetry,
  key: Key,
  subject: Subject,
  event: E extends OfId ? Omit<E, "id" | "keyClass" | "ageMillis"> : never
): void => {
  if (self.listeners.events !== undefined) {
    emit(self, { ...event, id: subject.id, keyClass: infoOf(key)?.name } as never, subject)
  }
}

/** Like `emitValue`, for hits: does not copy the event, and allocates nothing if there is no listener. */
export const emitHit = (self: Telemetry, key: Key, subject: Subject, source: "memory" | "store"): void => {
  if (self.listeners.events !== undefined) {
    emit(self, { _tag: "Hit", source, id: subject.id, keyClass: infoOf(key)?.name }, subject)
  }
}

export const emit = (self: Telemetry, event: CacheEvent, subject?: Subject): void => {
  // Adding or removing a listener replaces the list, so this list does not change during the loop.
  const listeners = self.listeners.events
  if (listeners === undefined) return
  for (let i = 0; i < listeners.length; i++) listeners[i]!(event, subject)
}

export const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "success" | "failure" | "interrupted" =>
  Exit.isSuccess(exit) ? "success" : Exit.hasInterrupts(exit) ? "interrupted" : "failure"
