/** Reads and changes the counters of a store on Redis. */
import type { Counter } from "../../../ports/store.ts"
import type { Done } from "../connection/connection.ts"
import { noAnswer } from "../fault.ts"
import * as Replies from "../protocol/replies.ts"
import { run } from "../session/era.ts"
import { asking, askingAll, isDone, momentOf, type Operation, outOfRange, refusalOf, type StoreState } from "./state.ts"

export const increment = (self: StoreState, name: string, by: number, expiresAt: number): Operation<number> =>
  asking(
    "increment",
    (done) => {
      if (!Number.isSafeInteger(by)) {
        return done(outOfRange)
      }
      run(self.session, "increment", {
        keys: [["n", name]],
        args: [String(by === 0 ? 0 : by), momentOf(self, expiresAt)],
        isWrite: true
      }, done)
    },
    (answer) =>
      refusalOf(answer) ?? Replies.toInteger(Array.isArray(answer) ? answer[0] : undefined) ?? noAnswer("increment")
  )

export const counter = (self: StoreState, name: string): Operation<Counter | undefined> =>
  asking("counter", (done) => ask(self, name, done), (answer) => counterOf(self, answer))

export const counters = (
  self: StoreState,
  operation: string,
  names: ReadonlyArray<string>
): Operation<ReadonlyArray<Counter | undefined>> =>
  askingAll(
    operation,
    names,
    (name, done) => ask(self, name, done),
    (answers) => answers.map((answer) => counterOf(self, answer))
  )

const ask = ({ session }: StoreState, name: string, done: Done): void =>
  run(session, "counter", { keys: [["n", name]] }, done)

const counterOf = ({ session }: StoreState, answer: unknown): Counter | undefined =>
  Array.isArray(answer) ? Replies.toCounter(answer[0], answer[1], session.wire.offset()) : undefined

export const touchCounter = (self: StoreState, name: string, expiresAt: number): Operation<boolean> =>
  asking("touchCounter", (done) => {
    run(self.session, "touchCounter", { keys: [["n", name]], args: [momentOf(self, expiresAt)], isWrite: true }, done)
  }, isDone)

export const removeCounter = ({ session }: StoreState, name: string): Operation<boolean> =>
  asking(
    "removeCounter",
    (done) => run(session, "removeCounter", { keys: [["n", name]], isWrite: true }, done),
    isDone
  )
