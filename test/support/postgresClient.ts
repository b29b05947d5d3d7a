/** Clients for PostgreSQL that send statements in another way, and sessions that keep locks. */
import type { PgClient } from "@effect/sql-pg"
import { Deferred, Effect, Fiber } from "effect"
import { until } from "./until.ts"

type Values = PgClient.PgClient["unsafe"] extends (...args: any) => { readonly values: infer A } ? A : never

export const changed = (client: PgClient.PgClient, parts: object) =>
  Object.assign(client.safe.bind(undefined), client, parts) as unknown as PgClient.PgClient

/** A client that sends some statements in another way. */
export const sending = (client: PgClient.PgClient, some: RegExp, how: (values: Values) => Values) =>
  changed(client, {
    unsafe: (statement: string, params: ReadonlyArray<unknown>) => {
      const asked = client.unsafe(statement, params)
      return some.test(statement) ? { values: how(asked.values) } : asked
    }
  })

/** Waits until a statement of another session waits for a lock. */
export const untilOneWaits = (client: PgClient.PgClient) =>
  until(
    "a statement that waits",
    Effect.map(
      client.unsafe("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").values,
      (rows) => rows.length > 0
    )
  )

/** Runs statements in a transaction that keeps its locks. Returns what runs the last statements, and ends it. */
export const holding = (client: PgClient.PgClient, ...first: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const hasBegun = yield* Deferred.make<void>()
    const end = yield* Deferred.make<ReadonlyArray<string>>()
    const session = yield* Effect.forkScoped(client.withTransaction(Effect.gen(function*() {
      for (const statement of first) yield* client.unsafe(statement)
      yield* Deferred.succeed(hasBegun, undefined)
      for (const statement of yield* Deferred.await(end)) yield* client.unsafe(statement)
    })))
    yield* Effect.raceFirst(Deferred.await(hasBegun), Fiber.join(session))
    return (...last: ReadonlyArray<string>) => Effect.andThen(Deferred.succeed(end, last), Fiber.join(session))
  })
