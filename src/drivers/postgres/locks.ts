/**
 * Implements locks as rows of a table. Advisory locks would need a connection for each lock that is held, are lost in
 * poolers that lend a connection for one statement only, and have neither a lease nor a token that grows.
 */
import * as Effect from "effect/Effect"
import { LockError } from "../../CacheError.ts"
import { lockPollMillis } from "../../internal/defaults/processes.ts"
import * as Lock from "../../Lock.ts"
import { ask, type Params, type Row } from "../shared/sql/client.ts"
import { storeName } from "../shared/sql/fault.ts"
import { keyOf } from "./session/names.ts"
import type { Session } from "./session/session.ts"

const asking = (self: Session, name: string, statement: string, params: Params) =>
  Effect.mapError(
    ask(self, "lock", statement, params),
    (cause) => new LockError({ lock: name, reason: "Unavailable", cause })
  )

const leftOf = ([row]: ReadonlyArray<Row>): number => Math.max(0, Number(row?.[0] ?? 0))

export const lockOver = (self: Session): Lock.Lock => {
  const { statements } = self
  const left = (name: string) => Effect.map(asking(self, name, statements.lockLeft, [keyOf(name)]), leftOf)
  const releaseMany: NonNullable<Lock.Backend["releaseMany"]> = (held) =>
    Effect.asVoid(asking(self, held[0]?.name ?? "", statements.unlock, [
      held.map(({ name }) => keyOf(name)),
      held.map(({ token }) => String(token))
    ]))
  return Lock.make({
    name: storeName,
    pollMillis: lockPollMillis,
    tryAcquire: (name, leaseMillis) =>
      Effect.flatMap(
        asking(self, name, statements.lock, [keyOf(name), String(leaseMillis)]),
        ([row]): Effect.Effect<Lock.Acquired, LockError> =>
          row === undefined
            ? Effect.map(left(name), (leftMillis) => ({ _tag: "Wait", leftMillis }))
            : Effect.succeed({ _tag: "Held", token: BigInt(String(row[0])) })
      ),
    renew: (name, token, leaseMillis) =>
      Effect.map(
        asking(self, name, statements.renewLock, [keyOf(name), String(token), String(leaseMillis)]),
        (rows) => rows.length > 0
      ),
    release: (name, token) => releaseMany([{ name, token }]),
    releaseMany,
    isHeld: (name) => Effect.map(left(name), (millis) => millis > 0)
  })
}
