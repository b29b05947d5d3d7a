/** The locks of a transaction, and how failures of locks and stores reach the transaction's boundary. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { LockError } from "../../../CacheError.ts"
import { chunk } from "../../defaults/bounds.ts"
import { layer } from "../../defaults/options.ts"
import * as Turns from "../../time/turns.ts"
import type { Fault } from "../storeTier/storeTier.ts"
import type { Overlay, Root } from "./overlay.ts"

/** Carries the failure of a lock or store as a defect, because the types of inner operations do not include it. */
class Failed {
  readonly root: Root
  readonly error: LockError | Fault
  constructor(root: Root, error: LockError | Fault) {
    this.root = root
    this.error = error
  }
}

export const fail = (root: Root, error: LockError | Fault): Effect.Effect<never> => Effect.die(new Failed(root, error))

export const surfacing = <A, E, R>(
  root: Root,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E | LockError | Fault, R> =>
  Effect.catchCause(self, (cause): Effect.Effect<never, E | LockError | Fault> => {
    for (const reason of cause.reasons) {
      if (Cause.isDieReason(reason) && reason.defect instanceof Failed && reason.defect.root === root) {
        return Effect.fail(reason.defect.error)
      }
    }
    return Effect.failCause(cause)
  })

/** Locks names until the transaction ends, in an order that is the same in every transaction, to avoid deadlocks. */
export const lock = ({ root }: Overlay, names: ReadonlyArray<string>): Effect.Effect<void> => {
  if (root.isolation !== "locked") return Effect.void
  const locked = Effect.suspend(() => {
    const missing = Array.from(new Set(names)).filter((name) => root.locked.get(name) !== "held").sort()
    // Even an uncontended lock takes time, so many locks are acquired over several turns.
    return missing.length === 0 ? Effect.void : Turns.forEachEffect(missing, (name) => lockOne(root, name))
  })
  // Sorting thousands of names takes a while, so it begins in a new turn.
  return names.length <= chunk ? locked : Effect.andThen(Effect.yieldNow, locked)
}

const lockOne = (root: Root, name: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const known = root.locked.get(name)
    if (known === "held") return Effect.void
    // Another fiber of this transaction is acquiring the lock. If that fiber fails, this one tries.
    if (known !== undefined) return Effect.andThen(known.await, lockOne(root, name))
    const asked = Latch.makeUnsafe()
    root.locked.set(name, asked)
    return root.acquire({ name: `tx:${name}`, leaseMillis: layer.leaseMillis, waitMillis: root.lockMillis }).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) root.locked.set(name, "held")
          else root.locked.delete(name)
          asked.openUnsafe()
        })
      ),
      Effect.catch((error) => fail(root, error))
    )
  })
