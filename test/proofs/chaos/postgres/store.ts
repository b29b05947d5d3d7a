/** The store of a process, in a PostgreSQL database. */
import { Effect, Schedule } from "effect"
import { PgStore } from "effect-cached/postgres"
import type { Recorder } from "../../../processes/recording.ts"
import { postgresWitness } from "../../../support/postgresWitness.ts"
import { storeFrom } from "../../../support/storeFrom.ts"

/** A process that starts while the server is gone tries again until it is back. */
export const storeOf = (where: PgStore.Options) =>
  Effect.orDie(Effect.retry(storeFrom(PgStore.layer(where)), Schedule.spaced(100)))

/** Records how late the machine itself is. */
export const watchLateness = ({ url }: { readonly url: string }, name: string, recorder: Recorder): void =>
  postgresWitness({ url, name }, recorder)
