/** Holds a Web Lock for each lease owner. A closed tab loses its locks, so other tabs need not wait for its leases. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Locks {
  readonly name: string
  readonly manager: LockManager
  readonly held: Map<string, Held>
}

/** An owner's lock. A bulk call has one owner for all its leases, so the lock is held until the last lease ends. */
interface Held {
  leases: number
  end: (() => void) | undefined
  readonly isLocked: Promise<boolean>
}

/** Returns `undefined` if the platform has no Web Locks. A closed tab's leases then end only when they expire. */
export const make = (name: string): Effect.Effect<Locks | undefined, never, Scope.Scope> =>
  Effect.suspend(() => {
    // A page in an insecure context has no Web Locks.
    const manager = (globalThis.navigator as Partial<Navigator> | undefined)?.locks
    if (manager === undefined) return Effect.undefined
    const self: Locks = { name, manager, held: new Map() }
    const letAllGo = Effect.sync(() => {
      for (const { end } of self.held.values()) end?.()
      self.held.clear()
    })
    return Effect.as(Effect.addFinalizer(() => letAllGo), self)
  })

const lockOf = ({ name }: Locks, owner: string): string => `effect-cached/${name}/${owner}`

/** Holds the lock of an owner for one more lease. Returns whether the tab has the lock. */
export const hold = (self: Locks, owner: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const held = self.held.get(owner) ?? request(self, owner)
    held.leases++
    void held.isLocked.then((isLocked) => resume(Effect.succeed(isLocked)))
    return Effect.sync(() => letGo(self, owner))
  })

const request = (self: Locks, owner: string): Held => {
  // No other tab uses this owner's name, so the lock is always free and the request need not wait.
  const isLocked = new Promise<boolean>((answer) => {
    self.manager.request(lockOf(self, owner), { ifAvailable: true }, (lock) => {
      if (lock === null || self.held.get(owner) !== held) return answer(false)
      return new Promise<void>((end) => {
        held.end = end
        answer(true)
      })
    }).catch(() => answer(false))
  })
  const held: Held = { leases: 0, end: undefined, isLocked }
  self.held.set(owner, held)
  return held
}

/** Ends one of an owner's leases. The lock is released with the last one. */
export const letGo = ({ held }: Locks, owner: string): void => {
  const lock = held.get(owner)
  if (lock === undefined || --lock.leases > 0) return
  held.delete(owner)
  lock.end?.()
}

export const isGone = (self: Locks, owner: string): Effect.Effect<boolean> =>
  Effect.match(Effect.tryPromise(() => self.manager.query()), {
    onFailure: () => false,
    onSuccess: ({ held = [] }) => held.every((lock) => lock.name !== lockOf(self, owner))
  })
