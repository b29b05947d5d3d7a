/** The parts of an open schema: its store, locks and guards. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Lock } from "../../Lock.ts"
import type { GuardStore } from "../../ports/guardStore.ts"
import type { Store } from "../../ports/store.ts"
import { guardsOver } from "./guards.ts"
import { lockOver } from "./locks.ts"
import type { Session } from "./session/session.ts"
import { storeOver } from "./store/store.ts"

export interface Opened {
  readonly store: Store
  /** Absent for the clients of SQLite, whose programs have the locks and guards of their process. */
  readonly lock?: Effect.Effect<Lock>
  readonly guards?: Effect.Effect<GuardStore>
}

export const openedOver = (session: Session): Effect.Effect<Opened, never, Scope.Scope> =>
  Effect.map(storeOver(session), (store) => ({
    store,
    lock: Effect.sync(() => lockOver(session)),
    guards: Effect.sync(() => guardsOver(session))
  }))
