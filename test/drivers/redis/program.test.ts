/** Programs of the script that writes. */
import { expect } from "@effect/vitest"
import { Clock, Effect } from "effect"
import type { Wire } from "../../../src/drivers/redis/connection/wire.ts"
import * as Keys from "../../../src/drivers/redis/protocol/keys.ts"
import * as Scripts from "../../../src/drivers/redis/protocol/scripts/all.ts"
import * as Session from "../../../src/drivers/redis/session/session.ts"
import * as State from "../../../src/drivers/redis/store/state.ts"
import { remove } from "../../../src/drivers/redis/store/writing/writes.ts"
import * as Published from "../../../src/drivers/redis/tracking/published.ts"
import * as Tokens from "../../../src/internal/token.ts"
import { test } from "../../support/tests.ts"

test("a server without the slot of several ids has removed none of them", function*() {
  const wire: Partial<Wire> = {
    isCluster: true,
    offset: () => 0,
    // As when changes are repeated on a server that came back.
    send: (_, [command], done) => done(command === "MGET" ? [Buffer.from("1"), Buffer.from("1")] : 0)
  }
  const store = State.make({
    session: Session.make({
      keys: Keys.make("p"),
      scripts: Scripts.make(true),
      replicas: 0,
      waitMillis: 1,
      wire: wire as Wire
    }),
    tokens: Tokens.make(yield* Tokens.Seed),
    clock: yield* Clock.Clock,
    scope: yield* Effect.scope,
    maxValue: 1,
    published: Published.make("sender"),
    debts: { all: new Map(), isDue: undefined as never },
    changed: () => {}
  })
  expect(yield* remove(store, ["{a}:1", "{a}:2"])).toEqual([false, false])
})
