/** Counters. */
import type * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import type { Counter } from "../../../ports/store.ts"
import type { Done } from "../connection/connection.ts"
import { noAnswer } from "../fault.ts"
import * as Replies from "../protocol/replies.ts"
import { all } from "../session/answers.ts"
import { run } from "../session/era.ts"
import { asking, isDone, list, momentOf, outOfRange, type RedisStoreState, refusalOf } from "./state.ts"

export const increment = (
  self: RedisStoreState,
  name: string,
  by: number,
  expiresAt: number
): Effect.Effect<number, StoreError> =>
  asking("increment", (done) => {
    if (!Number.isSafeInteger(by)) {
      return done(outOfRange)
    }
    run(self.session, "increment", {
      keys: [["n", name]],
      args: [String(by === 0 ? 0 : by), momentOf(self, expiresAt)],
      isWrite: true
    }, done)
  }, (answer) =>
    refusalOf(answer) ?? Replies.toInteger(Array.isArray(answer) ? answer[0] : undefined) ?? noAnswer("increment"))

export const counter = (self: RedisStoreState, name: string): Effect.Effect<Counter | undefined, StoreError> =>
  asking("counter", (done) => ask(self, name, done), (answer) => counterOf(self, answer))

/** Counters, in the order of the names. */
export const counters = (
  self: RedisStoreState,
  operation: string,
  names: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Counter | undefined>, StoreError> =>
  asking(
    operation,
    (done) => all(names, (name, done) => ask(self, name, done), done),
    (answers) => list(answers).map((answer) => counterOf(self, answer))
  )

const ask = ({ session }: RedisStoreState, name: string, done: Done): void =>
  run(session, "counter", { keys: [["n", name]] }, done)

const counterOf = ({ session }: RedisStoreState, answer: unknown): Counter | undefined =>
  Array.isArray(answer) ? Replies.toCounter(answer[0], answer[1], session.wire.offset()) : undefined

export const touchCounter = (
  self: RedisStoreState,
  name: string,
  expiresAt: number
): Effect.Effect<boolean, StoreError> =>
  asking("touchCounter", (done) => {
    run(self.session, "touchCounter", { keys: [["n", name]], args: [momentOf(self, expiresAt)], isWrite: true }, done)
  }, isDone)

export const removeCounter = ({ session }: RedisStoreState, name: string): Effect.Effect<boolean, StoreError> =>
  asking(
    "removeCounter",
    (done) => run(session, "removeCounter", { keys: [["n", name]], isWrite: true }, done),
    isDone
  )
