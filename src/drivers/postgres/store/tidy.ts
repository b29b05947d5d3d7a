/** Removes what has expired, and what does not fit, now and then. Of all processes, one at a time does it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../../CacheError.ts"
import { lockLifeMillis } from "../../../internal/defaults/processes.ts"
import { turnMillis } from "../../../internal/defaults/room.ts"
import * as Defaults from "../../../internal/defaults/sql.ts"
import { markersKept } from "../../../internal/defaults/stores.ts"
import * as Room from "../../shared/room.ts"
import { ask, type Params, type Row } from "../../shared/sql/client.ts"
import { keyOf } from "../session/names.ts"
import { numbers, type Session } from "../session/session.ts"

/** The lock of the turn. No name of a lock has these bytes. */
const turn = Uint8Array.of(0xff, 0)

const stepsOf = (self: Session): Room.Steps<StoreError> => {
  const { room, statements } = self
  const asked = (statement: string, params: Params) => ask(self, "tidy", statement, params)
  const first = <A>(statement: string, params: Params, of: (row: Row | undefined) => A) =>
    Effect.map(asked(statement, params), ([row]) => of(row))
  const held = { token: "", until: 0 }
  return {
    takeTurn: Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (held.until > now) return Effect.succeed(true)
      const [statement, params] = held.token === ""
        ? [statements.lock, [turn, String(turnMillis)]]
        : [statements.renewLock, [turn, held.token, String(turnMillis)]]
      return first(statement, params, (row) => {
        held.token = row === undefined ? "" : held.token || String(row[0])
        held.until = row === undefined ? 0 : now + turnMillis / 2
        return row !== undefined
      })
    }),
    endTurn: Effect.suspend(() => {
      const { token } = held
      held.token = ""
      held.until = 0
      return token === "" ? Effect.void : asked(statements.unlock, [[turn], [token]])
    }),
    removeExpired: first(
      statements.tidy,
      [Defaults.changesMillis, markersKept, String(lockLifeMillis)],
      (row) => row?.[0] === true
    ),
    measure: first(statements.measure, [String(room.maxSize)], (row) => Number(row?.[0] ?? 0)),
    removeOldest: (bytes) => first(statements.evict, [String(bytes)], (row) => Number(row?.[0] ?? 0))
  }
}

export const tidying = (self: Session): Effect.Effect<unknown, never, Scope.Scope> => {
  const { room, statements } = self
  const tell = (uses: ReadonlyMap<string, number>) =>
    ask(self, "get", statements.use, [Array.from(uses.keys(), keyOf), numbers(Array.from(uses.values()))])
  return Effect.andThen(
    Effect.forkScoped(Room.keeping(room, stepsOf(self))),
    Effect.forkScoped(Room.telling(room, tell))
  )
}
