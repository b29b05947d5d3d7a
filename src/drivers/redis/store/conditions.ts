/** Writes under a condition: they read, decide and write, and start again if another process has written in between. */
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import * as Conditions from "../../../internal/store/conditions.ts"
import type { SetCondition, SetRequest, TouchOptions } from "../../../ports/store.ts"
import { storeError } from "../fault.ts"
import { run } from "../session/era.ts"
import { type Present, present } from "./reads.ts"
import { asking, confirmed, contended, isDone, now, type RedisStoreState } from "./state.ts"
import { beginWrite, checked, keysToWrite } from "./writes.ts"

interface ConditionalWrite {
  readonly id: string
  readonly script: "setIf" | "touch"
  /** The entry to write; `undefined` if the condition does not hold. */
  readonly decide: (present: Present) => Stored | undefined
}

export const setIf = (
  self: RedisStoreState,
  { entry, id }: SetRequest,
  condition: SetCondition
): Effect.Effect<boolean, StoreError> => {
  const decide = (present: Present) =>
    Conditions.holds(condition, present.entry, now(self), tagsOf(present)) ? entry : undefined
  return checked(self, "set", [{ id, entry }], attempt(self, { id, script: "setIf", decide }, Limits.conflicts))
}

export const touch = (
  self: RedisStoreState,
  id: string,
  options: TouchOptions
): Effect.Effect<boolean, StoreError> => {
  const decide = (present: Present) => Conditions.touched(present.entry, options, now(self), tagsOf(present))
  return attempt(self, { id, script: "touch", decide }, Limits.conflicts)
}

/** The table of tags of a condition. */
export const tagsOf = ({ versions }: Present): { readonly version: (tag: string) => string | undefined } => ({
  version: (tag) => versions.get(tag)
})

const attempt = Effect.fnUntraced(function*(
  self: RedisStoreState,
  { decide, id, script }: ConditionalWrite,
  attempts: number
): Effect.fn.Return<boolean, StoreError> {
  const operation = script === "setIf" ? "set" : "touch"
  for (let left = attempts; left > 0; left--) {
    const [found] = yield* present(self, operation, [id])
    const entry = decide(found!)
    if (entry === undefined) return false
    const isWritten = yield* asking(operation, (done) => {
      const keys = script === "setIf" ? keysToWrite(self, id) : [["v", id] as const]
      const args = [...beginWrite(self, { id, entry }), found!.head]
      const changed = confirmed(self, [{ _tag: script === "setIf" ? "Entry" : "Load", id }], done)
      run(self.session, script, { keys, args, ended: 0, isWrite: true }, changed)
    }, isDone)
    if (isWritten) return true
  }
  return yield* Effect.fail(storeError(operation, contended))
})
