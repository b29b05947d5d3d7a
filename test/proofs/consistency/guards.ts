/** The guards of a process of the check: calls under limits, and a lock with one holder at a time. */
import { Effect } from "effect"
import { Guard } from "effect-cached"
import { GuardStore, Lock } from "effect-cached/adapters"
import { PgGuards } from "effect-cached/postgres"
import { RedisGuards } from "effect-cached/redis"
import { SqliteGuards } from "effect-cached/sqlite"
import { clock, type Recorder } from "../../processes/recording.ts"
import { guardsOf, lockOf } from "../../support/services.ts"
import { leaseMillis, limits, type Plan, prefix, redisAt, windowMillis } from "./plan.ts"
import type { Dice } from "./random.ts"

type Limit = keyof typeof limits

// Without the place no call is let through: each process would have a limit of its own.
const onStoreError = "fail"

const guardOf = (limit: Limit) => {
  const options = { key: limit, limit: limits[limit], window: windowMillis, onStoreError } as const
  switch (limit) {
    case "fixed":
      return Guard.rateLimit(options)
    case "bucket":
      return Guard.rateLimit({ ...options, algorithm: "token-bucket" })
    case "log":
      return Guard.rateLimit({ ...options, algorithm: "sliding-log" })
    case "counter":
      return Guard.rateLimit({ ...options, algorithm: "sliding-counter" })
  }
}

export type Places = Pick<Plan, "directory" | "nodes" | "url">

const guardStoreOf = ({ directory, nodes, url }: Places) =>
  url === undefined
    ? guardsOf(SqliteGuards.layer({ directory }))
    : url.startsWith("postgres:")
    ? Effect.retry(guardsOf(PgGuards.layer({ url, schema: prefix })), { times: 5 })
    : guardsOf(RedisGuards.layer({ ...redisAt(url, nodes), prefix }))

const lockAt = ({ directory, nodes, url }: Places) =>
  url === undefined
    ? lockOf(SqliteGuards.layer({ directory }))
    : url.startsWith("postgres:")
    ? Effect.retry(lockOf(PgGuards.layer({ url, schema: prefix })), { times: 5 })
    : lockOf(RedisGuards.layer({ ...redisAt(url, nodes), prefix }))

export const makeGuards = Effect.fnUntraced(function*(
  places: Places,
  { write }: Recorder,
  { below, pick }: Dice,
  recordLag: () => void
) {
  const guards = yield* guardStoreOf(places)
  const lock = yield* lockAt(places)

  const limited = (limit: Limit) =>
    Effect.suspend(() => {
      const at = clock()
      return Effect.sync(() => write("admitted", { id: limit, at })).pipe(
        guardOf(limit),
        Effect.catchTag("RateLimitExceeded", () => Effect.sync(() => write("limited", { id: limit, at })))
      )
    })

  const locked = Effect.gen(function*() {
    const token = String((yield* Guard.Held).token)
    // A process may be killed before its timer records it.
    recordLag()
    write("entered", { id: "door", token })
    yield* Effect.ensuring(Effect.sleep(below(30)), Effect.sync(() => write("left", { id: "door", token })))
  }).pipe(Guard.locked({ key: "door", lease: leaseMillis, wait: "2 seconds" }))

  const step = Effect.suspend(() =>
    below(20) === 0
      ? Effect.ignore(locked)
      : Effect.ignore(limited(pick(Object.keys(limits) as ReadonlyArray<Limit>)))
  )
  return step.pipe(
    Effect.provideService(GuardStore.GuardStore, guards),
    Effect.provideService(Lock.Lock, lock)
  )
})
