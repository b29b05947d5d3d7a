/** Removes the keys of locks whose holders have died, unless another process has done so in the last half hour. */
import * as Effect from "effect/Effect"
import * as Limits from "../../internal/defaults/redis.ts"
import * as Connection from "./connection/connection.ts"
import { all } from "./session/answers.ts"
import type { Session } from "./session/session.ts"
import { scanKeys } from "./store/listing.ts"
import { asking } from "./store/state.ts"

export const sweepLocks = (session: Session): Effect.Effect<void> => {
  const { keys: { controlTag, swept }, wire } = session
  const claim = ["SET", swept, "", "NX", "PX", String(Limits.lockSweepMillis / 2)]
  return Effect.ignore(Effect.gen(function*() {
    const answer = yield* asking("sweep", (done) => wire.send(controlTag, claim, done), (answer) => answer)
    if (answer === null) return
    for (const master of wire.masters()) yield* Effect.ignore(sweep(session, master))
  }))
}

const sweep = Effect.fnUntraced(function*({ keys, scripts }: Session, master: Connection.Connection) {
  const { source } = scripts.sweepLock
  let cursor = "0"
  do {
    const args = ["SCAN", cursor, "MATCH", keys.allLocks, "COUNT", String(Limits.keysPerCommand)]
    const found = yield* scanKeys("sweep", master, args)
    cursor = found.cursor
    yield* asking(
      "sweep",
      // A key whose slot has just moved stays until the next sweep.
      (done) =>
        all(found.keys, (key, done) => Connection.send(master, ["EVAL", source, "1", key], () => done(1)), done),
      () => undefined
    )
    yield* Effect.yieldNow
  } while (cursor !== "0")
})
