/** The services that the layers for guards provide: a lock and a guard store. */
import * as Context from "effect/Context"
import { GuardStore } from "../../GuardStore.ts"
import { Lock } from "../../Lock.ts"

export const lockAndGuards = (lock: Lock, guards: GuardStore): Context.Context<never> =>
  Context.make(Lock, lock).pipe(Context.add(GuardStore, guards))
