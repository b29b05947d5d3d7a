/** A Redis client that receives the invalidations of one master (client-side caching in broadcasting mode). */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { type Client, destroy } from "../connection/client.ts"
import { toConnect } from "../connection/wire.ts"
import { Fault, faultOf, type Scrub } from "../fault.ts"
import { hasRole } from "../protocol/replies.ts"

interface Listener {
  readonly onInvalidate: (key: unknown) => void
  readonly onLost: (why: Fault) => void
  readonly answerMillis: (questions: number) => number
  /** The beginnings of the keys whose changes are reported, whoever has read them. */
  readonly prefixes: ReadonlyArray<string>
  readonly scrub: Scrub
}

export type Ask = (...args: ReadonlyArray<string>) => Effect.Effect<unknown, Fault>

export const listen = Effect.fnUntraced(function*(
  client: Client,
  { answerMillis, onInvalidate, onLost, prefixes, scrub }: Listener
): Effect.fn.Return<Ask, Fault, Scope.Scope> {
  let connecting: Promise<unknown> = Promise.resolve()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      destroy(client)
      void connecting.then(() => destroy(client), () => {})
    })
  )
  client.on("error", (thrown: unknown) => onLost(faultOf(thrown, scrub)))
  client.on("end", () => onLost(new Fault("Unavailable", "the server closed the connection")))
  client.on("invalidate", onInvalidate)
  const ask: Ask = (...args) =>
    withTimeout(
      Effect.tryPromise({ try: () => client.sendCommand(args), catch: (thrown) => faultOf(thrown, scrub) }),
      answerMillis(1)
    )
  yield* withTimeout(
    Effect.tryPromise({ try: () => connecting = client.connect(), catch: (thrown) => faultOf(thrown, scrub) }),
    answerMillis(toConnect)
  )
  yield* requireMaster(ask)
  // With `emitInvalidate`, the client enables tracking in the default mode. Broadcasting mode has to replace it.
  yield* ask("CLIENT", "TRACKING", "OFF")
  yield* ask("CLIENT", "TRACKING", "ON", "BCAST", ...prefixes.flatMap((prefix) => ["PREFIX", prefix]))
  // Fails at once if the user may not run the command that later proves that the server still tracks.
  yield* ask("CLIENT", "TRACKINGINFO")
  return ask
})

/** Sleeps several times instead of once, so that a busy program can read the answer between two sleeps. */
const withTimeout = <A>(effect: Effect.Effect<A, Fault>, millis: number): Effect.Effect<A, Fault> =>
  Effect.raceFirst(
    effect,
    Effect.andThen(
      Effect.forEach(looks, () => Effect.sleep(millis / looks.length), { discard: true }),
      Effect.fail(new Fault("Timeout", "the server does not answer on the connection that tracks changes"))
    )
  )

const looks = [1, 2, 3, 4]

/** Fails if the server is a replica. A master that has become a replica sends late or different invalidations. */
const requireMaster = (ask: Ask): Effect.Effect<void, Fault> =>
  Effect.flatMap(
    Effect.catch(ask("ROLE"), (fault) => fault.code === "NOPERM" ? Effect.succeed([]) : Effect.fail(fault)),
    (role) =>
      hasRole(role, "slave")
        ? Effect.fail(new Fault("Unsupported", "the server is a replica", "REPLICA"))
        : Effect.void
  )

export const watch = Effect.fnUntraced(function*(ask: Ask): Effect.fn.Return<never, Fault> {
  for (let beat = 1;; beat++) {
    yield* Effect.sleep(Limits.tracking.heartbeatMillis)
    // The answer proves that all earlier invalidations have arrived, unless tracking was switched off.
    const info = yield* ask("CLIENT", "TRACKINGINFO")
    if (!textOf(info).includes("bcast")) return yield* Effect.fail(switchedOff)
    if (beat % Limits.tracking.beatsPerRole === 0) yield* requireMaster(ask)
  }
})

export const switchedOff = new Fault("Unavailable", "tracking of changes was switched off on the server")

export const textOf = (info: unknown): string => JSON.stringify(info, asText)

const asText = (_: string, value: unknown): unknown => {
  if (value instanceof Map) return [...value]
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer"
    ? Buffer.from(value as never).toString()
    : value
}
