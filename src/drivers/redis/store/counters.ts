/** Reads and changes the counters of a store on Redis. */
import type { Counter } from "../../../ports/store.ts"
import type { Done } from "../connection/connection.ts"
import { isFault, noAnswer } from "../fault.ts"
import * as Replies from "../protocol/replies.ts"
import { run } from "../session/era.ts"
import { asking, askingAll, isDone, list, type Operation, outOfRange, refusalOf, type StoreState } from "./state.ts"
import * as Program from "./writing/program.ts"

/** Not sent with others: a counter that is damaged fails the whole script. */
const alone = (self: StoreState, add: (program: Program.Program) => void, done: Done): void => {
  const program = Program.make(self, 0, 0)
  add(program)
  Program.run(program, 1, (answer) => done(isFault(answer) ? answer : list(answer)[0]))
}

export const increment = (self: StoreState, name: string, by: number, expiresAt: number): Operation<number> =>
  asking("increment", (done) => {
    if (!Number.isSafeInteger(by)) return done(outOfRange)
    alone(self, (program) => Program.increment(program, name, by, expiresAt), done)
  }, (answer) => refusalOf(answer) ?? Replies.toInteger(answer) ?? noAnswer("increment"))

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
    (name, done) => ask(self, name, operation === "scanCounters" ? withoutDamage(done) : done),
    (answers) => answers.map((answer) => counterOf(self, answer))
  )

/** A listing leaves out a counter that is damaged, because the other counters can be read. */
const withoutDamage = (done: Done): Done => (answer) =>
  done(isFault(answer) && answer.reason === "Corrupt" ? undefined : answer)

const ask = ({ session }: StoreState, name: string, done: Done): void =>
  run(session, "counter", { keys: [["n", name]] }, done)

const counterOf = ({ session }: StoreState, answer: unknown): Counter | undefined =>
  Array.isArray(answer) ? Replies.toCounter(answer[0], answer[1], session.wire.offset()) : undefined

export const touchCounter = (self: StoreState, name: string, expiresAt: number): Operation<boolean> =>
  asking("touchCounter", (done) => {
    alone(self, (program) => Program.touchCounter(program, name, expiresAt), done)
  }, isDone)

export const removeCounter = (self: StoreState, name: string): Operation<boolean> =>
  asking("removeCounter", (done) => alone(self, (program) => Program.removeCounter(program, name), done), isDone)
