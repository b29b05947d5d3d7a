/**
 * How late this machine is: the notifications of a PostgreSQL server on connections of this process's own, beside the
 * library's. They are late where the library has to be late: where the server or the process is busy. The library's own
 * delay is not included.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Queue, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { clock, type Recorder } from "../processes/recording.ts"

interface Options {
  readonly url: string
  readonly name: string
}

/** Shorter delays are not recorded, in milliseconds. */
const soonMillis = 4
const pauseMillis = 10

/** Ends when a connection is lost. A notification that never arrived proves nothing. */
const observe = ({ name, url }: Options, { write }: Recorder) =>
  Effect.scoped(Effect.gen(function*() {
    const client = yield* PgClient.make({ url: Redacted.make(url), maxConnections: 2 })
    const channel = `witness_${name}`
    const arrived = yield* client.listen(channel)
    for (;;) {
      const at = clock()
      yield* client.unsafe("SELECT pg_notify($1::text, '')", [channel])
      yield* Queue.take(arrived)
      if (clock() - at > soonMillis) write("witnessed", { at })
      yield* Effect.sleep(pauseMillis)
    }
  }))

/** Records how long each of its own notifications took to arrive at this process, for as long as the process lives. */
export const postgresWitness = (options: Options, recorder: Recorder): void =>
  void Effect.runFork(
    Effect.forever(Effect.andThen(Effect.ignoreCause(observe(options, recorder)), Effect.sleep(100))).pipe(
      Effect.provide(Reactivity.layer)
    )
  )
