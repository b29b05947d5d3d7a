/** Removes the keys of locks whose holders have died, unless another process has done so in the last half hour. */
import * as Effect from "effect/Effect"
import * as Limits from "../../internal/defaults/redis.ts"
import * as Connection from "./connection/connection.ts"
import type { Done } from "./connection/connection.ts"
import { all } from "./session/answers.ts"
import type { Session } from "./session/session.ts"
import { eachPage } from "./store/listing.ts"
import { asking } from "./store/state.ts"

export const sweepLocks = (session: Session): Effect.Effect<void> => {
  const { keys: { allLocks, controlTag, swept }, scripts: { sweepLock }, wire } = session
  const claim = ["SET", swept, "", "NX", "PX", String(Limits.lockSweepMillis / 2)]
  return Effect.ignore(Effect.gen(function*() {
    const answer = yield* asking("sweep", (done) => wire.send(controlTag, claim, done), (answer) => answer)
    if (answer === null) return
    for (const master of wire.masters()) {
      // A key whose slot has just moved stays until the next sweep.
      const one = (key: Buffer, done: Done) =>
        Connection.send(master, ["EVAL", sweepLock.source, "1", key], () => done(1))
      yield* Effect.ignore(eachPage("sweep", master, allLocks, (found, done) => all(found, one, done)))
    }
  }))
}
