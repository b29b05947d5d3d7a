/** A store whose operations concern one id, as most laws do. */
import type * as Effect from "effect/Effect"
import type { Stored } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import { only } from "../../internal/store/many.ts"
import type { Acquired, AcquireRequest, SetCondition, Store } from "../../ports/store.ts"

type Asked<A> = Effect.Effect<A, StoreError>

interface Ones {
  readonly set: (id: string, entry: Stored, condition?: SetCondition) => Asked<boolean>
  readonly remove: (id: string) => Asked<boolean>
  readonly acquire: (id: string, options: Omit<AcquireRequest, "id">) => Asked<Acquired>
  readonly commit: (id: string, generation: string, entry: Stored) => Asked<boolean>
  readonly renew: (id: string, owner: string, leaseMillis: number) => Asked<boolean>
}

export interface Singly extends Omit<Store, keyof Ones>, Ones {
  /** The store itself. */
  readonly many: Store
}

export const singly = (store: Store): Singly => ({
  ...store,
  many: store,
  set: (id, entry, condition) => only(store.set([{ id, entry, condition }])),
  remove: (id) => only(store.remove([id])),
  acquire: (id, options) => only(store.acquire([{ ...options, id }])),
  commit: (id, generation, entry) => only(store.commit([{ id, generation, entry }])),
  renew: (id, owner, leaseMillis) => only(store.renew([id], owner, leaseMillis))
})
