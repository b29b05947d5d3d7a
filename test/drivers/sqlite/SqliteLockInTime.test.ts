/** The laws of locks hold for SQLite in real time too: leases end by the clock of the machine. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqliteGuards } from "effect-cached/sqlite"
import { lockLaws } from "effect-cached/testing"
import { lockOf } from "../../support/services.ts"
import { tempDirectory } from "../../support/tempDirectory.ts"

const twoLocks = Effect.gen(function*() {
  const directory = yield* tempDirectory
  return [yield* lockOf(SqliteGuards.layer({ directory })), yield* lockOf(SqliteGuards.layer({ directory }))] as const
})

describe.concurrent("the SQLite lock in real time", () => {
  for (const { name, run } of lockLaws(twoLocks)) it.live(name, () => run)
})
