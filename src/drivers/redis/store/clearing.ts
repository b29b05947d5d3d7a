/** Implements `clear`: starts a new era, and removes the keys of former eras in the background. */
import * as Effect from "effect/Effect"
import * as Connection from "../connection/connection.ts"
import * as Answers from "../session/answers.ts"
import { begin } from "../session/era.ts"
import { messageOf } from "../tracking/published.ts"
import { eachPage } from "./listing.ts"
import { sendTurn } from "./many.ts"
import { asking, confirmed, type Operation, type StoreState } from "./state.ts"

const all = [{ _tag: "All" }] as const

export const clear = (self: StoreState): Operation<void> =>
  Effect.flatMap(
    asking("clear", (done) => {
      sendTurn(self)
      begin(self.session, messageOf(self.published, all), confirmed(self, all, done))
    }, Number),
    (era) => startSweeping(self, era)
  )

/** Removes keys of former eras until the scope closes. Remaining keys expire, or the next `clear` removes them. */
const startSweeping = (self: StoreState, before: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const isRunning = self.sweptBefore !== undefined
    self.sweptBefore = before
    if (isRunning) return Effect.void
    const end = Effect.sync(() => self.sweptBefore = undefined)
    return Effect.asVoid(Effect.forkIn(Effect.ensuring(sweepAll(self), end), self.scope))
  })

const sweepAll = Effect.fnUntraced(function*(self: StoreState) {
  // Another `clear` during the sweep leaves old keys in parts that the cursor has already passed, so the sweep repeats.
  for (let done = 0; done !== self.sweptBefore;) {
    done = self.sweptBefore!
    for (const master of self.session.wire.masters()) yield* Effect.ignore(sweep(self, master))
  }
})

const sweep = (self: StoreState, master: Connection.Connection): Operation<void> => {
  const { keys, wire } = self.session
  const isOld = (key: Buffer) => Number(keys.partsOf(key.toString())?.era ?? Infinity) < self.sweptBefore!
  return eachPage("clear", master, keys.allEras, (found, done) => {
    const old = found.filter(isOld)
    if (old.length === 0) return done([])
    if (!wire.isCluster) return Connection.send(master, ["UNLINK", ...old], done)
    Answers.all(old, (key, done) => Connection.send(master, ["UNLINK", key], done), done)
  })
}
