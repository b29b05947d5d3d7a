/**
 * Follows the changes by other processes. A process asks for the changes that became visible since its last snapshot,
 * so it misses none, whatever the order of commits. Notifications only tell it when to ask.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/sql.ts"
import type { Change, Store } from "../../../ports/store.ts"
import { ask, inTime, type Row } from "../../shared/sql/client.ts"
import { refusal } from "../../shared/sql/fault.ts"
import * as Waiting from "../../shared/waitingChanges.ts"
import { fromBytes } from "../session/names.ts"
import { now, type Session } from "../session/session.ts"
import { recover } from "./recovery.ts"

interface Listening {
  readonly listen: (
    channel: string
  ) => Effect.Effect<Queue.Dequeue<{ readonly payload: string }, SqlError>, SqlError, Scope.Scope>
  readonly config?: { readonly maxConnections?: number | undefined } | undefined
}

/** The client's `LISTEN`, if it has one and so many connections that it can give one away. */
const listeningOf = ({ sql }: Session): Listening["listen"] | undefined => {
  const { config, listen } = sql as Partial<Listening>
  const connections = config?.maxConnections ?? Defaults.maxConnections
  return typeof listen === "function" && connections >= Defaults.listeningConnections ? listen : undefined
}

interface Follower {
  readonly session: Session
  /** Open while there may be changes. */
  readonly due: Latch.Latch
  /** A text that only this follower sends to itself. Its arrival proves that the connection passes notifications on. */
  readonly echo: string
  /** Whether notifications arrive. A pooler may accept `LISTEN` and then drop the notifications. */
  isHeard: boolean
  snapshot: string
  /** Names the history of the server to which the snapshot belongs. */
  readonly history: string
}

export const changes = (session: Session): Store["changes"] =>
  Waiting.stream((offer) =>
    Effect.gen(function*() {
      yield* recover(session)
      const [row] = yield* ask(session, "changes", session.statements.snapshot, [session.tokens.next(8)])
      const self: Follower = {
        session,
        due: Latch.makeUnsafe(),
        echo: `?${session.tokens.next(8)}`,
        isHeard: false,
        snapshot: String(row![0]),
        history: String(row![1])
      }
      offer({ _tag: "Coherent" })
      const listen = listeningOf(session)
      if (listen !== undefined) yield* Effect.forkScoped(Effect.forever(hearing(self, listen)))
      return yield* Effect.forever(following(self, offer))
    }).pipe(Effect.ensuring(Effect.sync(() => {
      session.followed.isLost = true
    })))
  )

const following = (self: Follower, offer: Waiting.Offer): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    const millis = self.isHeard ? Defaults.following.heardMillis : Defaults.following.unheardMillis
    yield* Effect.timeoutOption(self.due.await, millis)
    self.due.closeUnsafe()
    yield* poll(self, offer)
    yield* Effect.sleep(Defaults.following.pauseMillis)
  })

const poll = Effect.fnUntraced(function*(self: Follower, offer: Waiting.Offer) {
  const { origin, statements } = self.session
  const { most } = Defaults.following
  const rows = yield* ask(self.session, "changes", statements.changes_since, [
    self.snapshot,
    origin,
    most,
    self.history
  ])
  const head = rows.find((row) => row[2] !== null)!
  if (head[4] === false) {
    return yield* refusal(
      "changes",
      "Unavailable",
      "the server has crashed or was replaced, or its table of changes was, so changes may be missing"
    )
  }
  self.snapshot = String(head[2])
  self.session.followed.at = now()
  if (head[3] === true || rows.length > most) {
    return offer({ _tag: "Gap", why: `more than ${most} changes at once, or older ones than are kept` })
  }
  for (const row of rows) {
    const change = changeOf(row)
    if (change !== undefined) offer(change)
  }
})

const changeOf = ([kind, subject]: Row): Change | undefined => {
  switch (kind) {
    case "C":
      return { _tag: "Changed", id: fromBytes(subject) }
    case "T":
      return { _tag: "TagChanged", tag: fromBytes(subject) }
    case "A":
      return { _tag: "AllChanged" }
    default:
      return undefined
  }
}

/** Asks at once, too: changes may have come between two connections. */
const turn = (self: Follower, isHeard: boolean): void => {
  self.isHeard = isHeard
  self.due.openUnsafe()
}

/**
 * Before a client gives the connection back, it waits for the answer to `UNLISTEN`, even if none comes. So both happen
 * at once, and the client closes the connection.
 */
const listening = (self: Follower, listen: Listening["listen"]) =>
  Effect.flatMap(
    Effect.acquireRelease(Scope.make("parallel"), Scope.close),
    (scope) => inTime("listen", Scope.provide(listen(self.session.channel), scope))
  )

/** Listens until the connection fails or passes nothing on. Meanwhile the follower asks often. */
const hearing = (self: Follower, listen: Listening["listen"]): Effect.Effect<void> =>
  Effect.scoped(Effect.gen(function*() {
    const notifications = yield* listening(self, listen)
    let isAnswered = false
    const receiving = Effect.forever(Effect.map(Queue.take(notifications), ({ payload }) => {
      if (payload === self.echo) {
        isAnswered = true
        if (!self.isHeard) turn(self, true)
      } else if (!payload.startsWith("?") && payload !== self.session.origin) self.due.openUnsafe()
    }))
    const check = Effect.gen(function*() {
      const { channel, statements } = self.session
      isAnswered = false
      yield* ask(self.session, "listen", statements.notify, [channel, self.echo])
      yield* Effect.sleep(Defaults.following.checkMillis)
      return isAnswered
    })
    const checking = Effect.repeat(check, { while: (isAnswered) => isAnswered })
    const fiber = yield* Effect.forkScoped(receiving)
    yield* Effect.raceFirst(checking, Fiber.join(fiber))
  })).pipe(
    Effect.ignoreCause,
    Effect.andThen(Effect.suspend(() => {
      const { againMillis, checkMillis } = Defaults.following
      // If notifications have arrived before, their connection has failed. Otherwise, a pooler drops them.
      const pause = self.isHeard ? againMillis : checkMillis
      if (self.isHeard) self.session.followed.isLost = true
      turn(self, false)
      return Effect.sleep(pause)
    }))
  )
