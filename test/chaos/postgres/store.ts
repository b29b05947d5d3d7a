/** The store of a process, in a PostgreSQL database. */
import { Effect, Schedule } from "effect"
import { PgStore } from "effect-cached/postgres"

/** A process that starts while the server is gone tries again until it is back. */
export const storeOf = (where: PgStore.Options) => Effect.orDie(Effect.retry(PgStore.make(where), Schedule.spaced(100)))
