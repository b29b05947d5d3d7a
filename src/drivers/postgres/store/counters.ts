/** Counters, each a row. */
import * as Effect from "effect/Effect"
import * as Defaults from "../../../internal/defaults/sql.ts"
import type { Store } from "../../../ports/store.ts"
import { ask } from "../../shared/sql/client.ts"
import * as Counters from "../../shared/sql/counters.ts"
import { keyOf, named, nameOf } from "../session/names.ts"
import type { Session } from "../session/session.ts"
import { paged } from "./entries.ts"

export const operations = (self: Session) =>
  Counters.operations(self, {
    counter: (name, now) => [keyOf(name), String(now)],
    increment: (name, by, expiresAt, now) => {
      const { key, whole } = named(name)
      return [key, whole, String(by), String(expiresAt), String(now)]
    },
    touchCounter: (name, expiresAt, now) => [keyOf(name), String(expiresAt), String(now)],
    removeCounter: (name, now) => [keyOf(name), String(now)]
  })

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
