/**
 * A replica may take the place of its server before it has received all changes. Then each process repeats its own of
 * the last few seconds, before it reads from that server. A server that has only crashed still has them.
 */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import { ask } from "../../shared/sql/client.ts"
import { isRefused } from "../../shared/sql/fault.ts"
import type { Session } from "../session/session.ts"
import { clear, remove } from "./entries.ts"
import { invalidate } from "./tags.ts"

const repeat = Effect.fnUntraced(function*(session: Session): Effect.fn.Return<void, StoreError> {
  const { followed, recent, statements } = session
  // Services whose servers have no log of their own name no timeline, and lose nothing with a server.
  const timeline = yield* Effect.catchIf(
    Effect.map(ask(session, "changes", statements.timeline, []), ([row]) => String(row![0])),
    isRefused,
    () => Effect.succeed("")
  )
  if (followed.timeline !== undefined && followed.timeline !== timeline) {
    const { all, ids, tags } = recent.since(followed.at)
    if (all) yield* clear(session)
    else {
      if (ids.length > 0) yield* remove(session)(ids)
      if (tags.length > 0) yield* invalidate(session)(tags)
    }
  }
  followed.timeline = timeline
  followed.isLost = false
})

/** Compares the server with the one that was followed. One read at a time does it, and the others wait. */
export const recover = (session: Session): Effect.Effect<void, StoreError> =>
  session.followed.turn.withPermits(1)(Effect.suspend(() => session.followed.isLost ? repeat(session) : Effect.void))

const isDoubtful = ({ followed }: Session): boolean => followed.isLost && followed.timeline !== undefined

/** Runs a step when the server has this process's last changes. */
export const recovered = <A>(session: Session, step: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => isDoubtful(session) ? Effect.andThen(recover(session), step) : step)

/** Runs a read, once more if the server was lost meanwhile: it may have been answered by the one in its place. */
export const reading = <A>(session: Session, read: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
  Effect.matchEffect(recovered(session, read), {
    onFailure: (error) => {
      if (error.reason === "Unavailable") session.followed.isLost = true
      return Effect.fail(error)
    },
    onSuccess: (answer) => isDoubtful(session) ? recovered(session, read) : Effect.succeed(answer)
  })
