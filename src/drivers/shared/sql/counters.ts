/** Counters, each a row of a table. The clients' clocks say which are live. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { StoreError } from "../../../CacheError.ts"
import type { Store } from "../../../ports/store.ts"
import { ask, type Params, type Sender } from "./client.ts"
import { storeName } from "./fault.ts"

type Operations = Pick<Store, "counter" | "increment" | "touchCounter" | "removeCounter">

interface Counting extends Sender {
  readonly statements: { readonly [Name in keyof Operations]: string }
}

/** The parameters of each statement, in the form of the database. */
interface Forms {
  readonly counter: (name: string, now: number) => Params
  readonly increment: (name: string, by: number, expiresAt: number, now: number) => Params
  readonly touchCounter: (name: string, expiresAt: number, now: number) => Params
  readonly removeCounter: (name: string, now: number) => Params
}

const outOfRange = Effect.fail(new StoreError({ store: storeName, operation: "increment", reason: "OutOfRange" }))

export const fromColumn = (deadline: unknown): number => deadline === null ? Infinity : Number(deadline)

export const operations = (self: Counting, forms: Forms): Operations => {
  const asked = (operation: keyof Operations, params: (now: number) => Params) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => ask(self, operation, self.statements[operation], params(now)))
  const counter: Operations["counter"] = (name) =>
    Effect.map(
      asked("counter", (now) => forms.counter(name, now)),
      ([row]) => row && { value: Number(row[0]), expiresAt: fromColumn(row[1]) }
    )
  return {
    counter,
    increment: (name, by, { expiresAt = Infinity } = {}) => {
      if (!Number.isSafeInteger(by)) return outOfRange
      if (by === 0) return Effect.map(counter(name), (found) => found?.value ?? 0)
      return Effect.flatMap(
        asked("increment", (now) => forms.increment(name, by, expiresAt, now)),
        ([row]) => row === undefined ? outOfRange : Effect.succeed(Number(row[0]))
      )
    },
    touchCounter: (name, expiresAt) =>
      Effect.map(asked("touchCounter", (now) => forms.touchCounter(name, expiresAt, now)), (rows) => rows.length > 0),
    removeCounter: (name) =>
      Effect.map(
        asked("removeCounter", (now) => forms.removeCounter(name, now)),
        ([row]) => Number(row?.[0] ?? 0) === 1
      )
  }
}
