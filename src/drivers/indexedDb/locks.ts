/**
 * Web Locks beside the leases of a database: who has a lease holds a lock of its owner's name, which the browser takes
 * back when the tab is gone. So nobody waits for the end of a lease that a closed tab has left.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Locks {
  /** whether it is held from now on */
  readonly hold: (owner: string) => Effect.Effect<boolean>
  readonly letGo: (owner: string) => void
  /** whether nobody holds the lock of an owner, in no tab */
  readonly isGone: (owner: string) => Effect.Effect<boolean>
}

/** `undefined` where the platform has no Web Locks: leases end by their time alone. */
export const make = (name: string): Effect.Effect<Locks | undefined, never, Scope.Scope> =>
  Effect.gen(function*() {
    // an insecure page has none
    const manager = (globalThis.navigator as Partial<Navigator> | undefined)?.locks
    if (manager === undefined) return undefined
    const nameOf = (owner: string): string => `effect-cached/${name}/${owner}`
    const held = new Map<string, () => void>()
    const letGo = (owner: string): void => {
      held.get(owner)?.()
      held.delete(owner)
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => Array.from(held.keys()).forEach(letGo)))
    return {
      hold: (owner) =>
        Effect.callback((resume) => {
          if (held.has(owner)) return resume(Effect.succeed(true))
          let isWanted = true
          // at once or not at all: nobody else has the name of an owner
          manager.request(nameOf(owner), { ifAvailable: true }, (lock) => {
            if (lock === null) return resume(Effect.succeed(false))
            if (!isWanted) return
            return new Promise<void>((end) => {
              held.set(owner, end)
              resume(Effect.succeed(true))
            })
          }).catch(() => resume(Effect.succeed(false)))
          return Effect.sync(() => {
            isWanted = false
            letGo(owner)
          })
        }),
      letGo,
      isGone: (owner) =>
        Effect.match(Effect.tryPromise(() => manager.query()), {
          onFailure: () => false,
          onSuccess: ({ held = [] }) => held.every((lock) => lock.name !== nameOf(owner))
        })
    }
  })
