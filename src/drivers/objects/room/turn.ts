/** Whose turn it is to clean up: a lease in an object of its own, which also shows when the last clean-up ended. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import { closeMillis, tidyMillis } from "../../../internal/defaults/objects.ts"
import { turnMillis } from "../../../internal/defaults/room.ts"
import * as Leases from "../../../internal/store/leases.ts"
import { changeLease, timed, withLease } from "../store/leases.ts"
import { changeInLine, type Next, type Objects } from "../store/objects.ts"
import { none } from "../store/record.ts"

const key = { operation: "tidy", kind: "r", id: "turn" } as const

interface Turn {
  /** Begins or prolongs the turn of this process. Returns `false` if it is another one's turn, or none is due. */
  readonly takeTurn: Effect.Effect<boolean, StoreError>
  readonly endTurn: Effect.Effect<unknown, StoreError>
}

export const make = (self: Objects): Turn => {
  const owner = self.bucket.tokens.next(16)
  /** Until when this process need not prolong its turn, and when it looks whether a clean-up is due. */
  let [heldUntil, looksAt] = [0, 0]

  const acquire = changeInLine(self, key, (seen) =>
    timed(self, (now, local): Next<boolean> => {
      const ago = now - seen.modifiedAt
      const isDone = seen.body?.head.lease?.owner === Leases.noOwner && ago < tidyMillis
      if (isDone) {
        looksAt = local + tidyMillis - ago
        return { answer: false }
      }
      const request = { id: key.id, owner, leaseMillis: turnMillis, join: false, rejectedWriteId: undefined }
      const newGeneration = () => Leases.newGeneration(self.bucket.tokens)
      const [acquired, lease] = withLease(
        key.id,
        seen,
        (leases) => leases.acquire(request, now, newGeneration)
      )
      return acquired._tag === "Granted"
        ? { answer: true, write: { head: { lease }, frame: none } }
        : { answer: false }
    }))

  const prolong = changeLease(self, key, (leases, now) => leases.renew(key.id, owner, turnMillis, now))
  const giveBack = changeLease(self, key, (leases, now) => leases.release(key.id, owner, now, undefined))

  return {
    takeTurn: Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (heldUntil > now) return Effect.succeed(true)
      if (heldUntil === 0 && looksAt > now) return Effect.succeed(false)
      return Effect.tap(heldUntil === 0 ? acquire : prolong, (isTaken) =>
        Effect.sync(() => {
          heldUntil = isTaken ? now + turnMillis / 2 : 0
        }))
    }),
    endTurn: Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (heldUntil === 0) return Effect.void
      heldUntil = 0
      looksAt = now + tidyMillis
      // A process that ends does not wait for a server that is gone.
      return Effect.timeoutOption(Effect.interruptible(giveBack), closeMillis)
    })
  }
}
