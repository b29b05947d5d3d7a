/** Holds a Web Lock for each lease. The browser releases a closed tab's locks, so no other tab waits for its leases. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Locks {
  readonly name: string
  readonly manager: LockManager
  /** The owners whose locks this tab holds, each with the function that releases the lock. */
  readonly held: Map<string, () => void>
}

/** Returns `undefined` if the platform has no Web Locks. A closed tab's leases then end only when they expire. */
export const make = (name: string): Effect.Effect<Locks | undefined, never, Scope.Scope> =>
  Effect.suspend(() => {
    // A page in an insecure context has no Web Locks.
    const manager = (globalThis.navigator as Partial<Navigator> | undefined)?.locks
    if (manager === undefined) return Effect.undefined
    const self: Locks = { name, manager, held: new Map() }
    const letAllGo = Effect.sync(() => Array.from(self.held.keys()).forEach((owner) => letGo(self, owner)))
    return Effect.as(Effect.addFinalizer(() => letAllGo), self)
  })

const lockOf = ({ name }: Locks, owner: string): string => `effect-cached/${name}/${owner}`

export const hold = (self: Locks, owner: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const { held, manager } = self
    if (held.has(owner)) return resume(Effect.succeed(true))
    let isWanted = true
    // No other tab uses this owner's name, so the lock is always free and the request need not wait.
    manager.request(lockOf(self, owner), { ifAvailable: true }, (lock) => {
      if (lock === null) return resume(Effect.succeed(false))
      if (!isWanted) return
      return new Promise<void>((end) => {
        held.set(owner, end)
        resume(Effect.succeed(true))
      })
    }).catch(() => resume(Effect.succeed(false)))
    return Effect.sync(() => {
      isWanted = false
      letGo(self, owner)
    })
  })

export const letGo = ({ held }: Locks, owner: string): void => {
  held.get(owner)?.()
  held.delete(owner)
}

export const isGone = (self: Locks, owner: string): Effect.Effect<boolean> =>
  Effect.match(Effect.tryPromise(() => self.manager.query()), {
    onFailure: () => false,
    onSuccess: ({ held = [] }) => held.every((lock) => lock.name !== lockOf(self, owner))
  })
