/** Removes what has expired, now and then. Of all processes, one at a time does it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { lockLifeMillis } from "../../../internal/defaults/processes.ts"
import * as Defaults from "../../../internal/defaults/sql.ts"
import { markersKept } from "../../../internal/defaults/stores.ts"
import { ask, type Session } from "../session/session.ts"

const once = (self: Session) =>
  ask(self, "tidy", self.statements.tidy, [Defaults.changesMillis, markersKept, String(lockLifeMillis)])

const all = (self: Session): Effect.Effect<void> =>
  Effect.flatMap(once(self), ([row]) => row?.[0] === true ? all(self) : Effect.void).pipe(Effect.ignore)

export const tidying = (self: Session): Effect.Effect<unknown, never, Scope.Scope> =>
  Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(Defaults.tidyMillis), all(self))))
