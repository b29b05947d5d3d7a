/** Completes a read with the store's answer. */
import type * as Effect from "effect/Effect"
import { putInMemory } from "../flight/complete.ts"
import { Entry, protectedUntilOf } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import { wallNow } from "../request/context.ts"
import { planFound } from "../request/decide.ts"
import type { Question, Reader } from "../state.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { type Fetched, mayBeValid, NeedsEffect } from "../storeTier/storeTier.ts"
import { join, use } from "./read.ts"

/** Uses the store's answer for one reader. `question`: the store request, if other readers share its answer. */
export const useFound = <A, E>(
  reader: Reader<A, E>,
  rejected: string | undefined,
  found: Fetched | typeof NeedsEffect,
  question?: Question
): Effect.Effect<A, E> => {
  const { engine, fiber, policy, request } = reader
  let rejectedWriteId = rejected
  let protectedUntil = -Infinity
  if (found instanceof Entry) {
    const plan = found.writeId === rejected ? "Load" : planFound(engine, fiber, request, found)
    if (plan !== "Load") {
      // Read before `putInMemory`, because that may evict entries, and their removal listeners may invalidate this one.
      const { mutations } = question ?? engine
      // A value that the store has not acknowledged may be served for a limited time only, so it does not enter memory.
      const isUnsure = Pending.isPending(engine.storeTier!.pending, reader.id)
      const now = wallNow(engine, fiber)
      if (
        policy.writes && question?.isInMemory !== true && !isUnsure && mutations === engine.mutations &&
        !Memory.hasNewer(engine.memory, engine.tagEpochs, found, now)
      ) {
        if (question !== undefined) question.isInMemory = true
        putInMemory(engine, request, found, now)
      }
      return use(reader, { entry: found, plan, source: "store", mutations })
    }
    rejectedWriteId = found.writeId
    protectedUntil = protectedUntilOf(found)
  } else if (found !== NeedsEffect) rejectedWriteId = mayBeValid(found) ? rejected : found?.writeId
  return join(reader, {
    readsStore: found === NeedsEffect,
    stale: undefined,
    rejectedWriteId,
    protectedUntil,
    storeMillis: question?.storeMillis,
    mutations: engine.mutations
  })
}
