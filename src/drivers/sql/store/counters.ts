/** Counters, each a row. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/sql.ts"
import type { Store } from "../../../ports/store.ts"
import { storeName } from "../session/fault.ts"
import { ask, type Session } from "../session/session.ts"
import { keyOf, named, nameOf } from "../session/text.ts"
import { paged } from "./entries.ts"

const outOfRange = Effect.fail(new StoreError({ store: storeName, operation: "increment", reason: "OutOfRange" }))

export const counter = (self: Session): Store["counter"] => (name) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.map(
      ask(self, "counter", self.statements.counter, [keyOf(name), String(now)]),
      ([row]) => row && { value: Number(row[0]), expiresAt: Number(row[1]) }
    ))

export const increment = (self: Session): Store["increment"] => {
  const read = counter(self)
  return (name, by, { expiresAt = Infinity } = {}) => {
    if (!Number.isSafeInteger(by)) return outOfRange
    if (by === 0) return Effect.map(read(name), (found) => found?.value ?? 0)
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const { key, whole } = named(name)
      const params = [key, whole, String(by), String(expiresAt), String(now)]
      return Effect.flatMap(
        ask(self, "increment", self.statements.increment, params),
        ([row]) => row === undefined ? outOfRange : Effect.succeed(Number(row[0]))
      )
    })
  }
}

export const touch = (self: Session): Store["touchCounter"] => (name, expiresAt) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.map(
      ask(self, "touchCounter", self.statements.touchCounter, [keyOf(name), String(expiresAt), String(now)]),
      (rows) => rows.length > 0
    ))

export const remove = (self: Session): Store["removeCounter"] => (name) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.map(
      ask(self, "removeCounter", self.statements.removeCounter, [keyOf(name), String(now)]),
      ([row]) => row?.[0] === true
    ))

export const scan = (self: Session): Store["scanCounters"] => ({ prefix = "" } = {}) =>
  paged(
    prefix,
    (after, { from, to }) =>
      ask(self, "scanCounters", self.statements.scanCounters, [after, from, to, Defaults.page.rows]),
    (rows) =>
      Effect.succeed(
        rows.map((row) => ({ name: nameOf(row[0], row[1]), value: Number(row[2]), expiresAt: Number(row[3]) }))
      )
  )
