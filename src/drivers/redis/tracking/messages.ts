/** Messages of the servers, heard over a connection of their own, which is made with the first listener. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { destroy } from "../connection/client.ts"
import type { Wire } from "../connection/router.ts"
import { Fault } from "../fault.ts"

interface Messages {
  /** calls a listener with every message of a channel, and whenever the connection begins to listen */
  readonly listen: (channel: string, listener: () => void) => () => void
}

/** Listens to all channels of a pattern. While there is no connection nothing is heard, and another one is tried. */
export const make = (wire: Wire, pattern: string): Effect.Effect<Messages, never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<Scope.Scope>()
    const listeners = new Map<string, Set<() => void>>()
    let isStarted = false

    const once = Effect.acquireUseRelease(
      wire.makeClient(),
      (client) => {
        const ended = Deferred.makeUnsafe<void>()
        const end = () => void Deferred.doneUnsafe(ended, Exit.void)
        client.on("error", end)
        client.on("end", end)
        const subscribed = Effect.tryPromise({
          try: async () => {
            await client.connect()
            await client.pSubscribe(pattern, (_, channel) => wake(String(channel)))
          },
          catch: () => new Fault("Unavailable", "no messages")
        })
        return Effect.andThen(
          Effect.timeout(subscribed, Limits.connection.connectMillis),
          Effect.andThen(
            Effect.sync(() => {
              for (const channel of listeners.keys()) wake(channel)
            }),
            Deferred.await(ended)
          )
        )
      },
      (client) => Effect.sync(() => destroy(client))
    )

    const wake = (channel: string) => {
      for (const listener of [...listeners.get(channel) ?? []]) listener()
    }

    const start = () => {
      if (isStarted) return
      isStarted = true
      Effect.runForkWith(context)(
        Effect.forkScoped(
          Effect.forever(Effect.andThen(Effect.ignore(once), Effect.sleep(Limits.connection.longestPauseMillis)))
        )
      )
    }

    return {
      listen: (channel, listener) => {
        start()
        const some = listeners.get(channel) ?? new Set()
        listeners.set(channel, some.add(listener))
        return () => {
          some.delete(listener)
          if (some.size === 0 && listeners.get(channel) === some) listeners.delete(channel)
        }
      }
    }
  })
