/** Receives the names that are published on a channel, on a connection that is opened for the first listener. */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { destroy } from "../connection/client.ts"
import type { Wire } from "../connection/wire.ts"
import { Fault } from "../fault.ts"

interface Messages {
  readonly wire: Wire
  readonly channel: string
  readonly context: Context.Context<Scope.Scope>
  readonly listeners: Map<string, Set<() => void>>
  isStarted: boolean
}

/** Creates a subscriber to a channel. It reconnects after a pause, and misses messages while it is not connected. */
export const make = (wire: Wire, channel: string): Effect.Effect<Messages, never, Scope.Scope> =>
  Effect.map(
    Effect.context<Scope.Scope>(),
    (context): Messages => ({ wire, channel, context, listeners: new Map(), isStarted: false })
  )

/** Calls the listener when its name is published, and after each (re)connection. Returns a function that stops this. */
export const listen = (self: Messages, name: string, listener: () => void): () => void => {
  start(self)
  const { listeners } = self
  const some = listeners.get(name) ?? new Set()
  listeners.set(name, some.add(listener))
  return () => {
    some.delete(listener)
    if (some.size === 0 && listeners.get(name) === some) listeners.delete(name)
  }
}

const start = (self: Messages): void => {
  if (self.isStarted) return
  self.isStarted = true
  const again = Effect.sleep(Limits.connection.longestPauseMillis)
  Effect.runForkWith(self.context)(
    Effect.forkScoped(Effect.forever(Effect.andThen(Effect.ignore(receive(self)), again)))
  )
}

const receive = (self: Messages): Effect.Effect<void, unknown> =>
  Effect.acquireUseRelease(
    self.wire.makeClient(),
    Effect.fnUntraced(function*(client) {
      const ended = Deferred.makeUnsafe<void>()
      const end = () => void Deferred.doneUnsafe(ended, Exit.void)
      client.on("error", end)
      client.on("end", end)
      const subscribed = Effect.tryPromise({
        try: async () => {
          await client.connect()
          await client.subscribe(self.channel, (name) => wake(self, String(name)))
        },
        catch: () => new Fault("Unavailable", "the subscription failed")
      })
      yield* Effect.timeout(subscribed, Limits.connection.connectMillis)
      for (const name of self.listeners.keys()) wake(self, name)
      yield* Deferred.await(ended)
    }),
    (client) => Effect.sync(() => destroy(client))
  )

const wake = ({ listeners }: Messages, name: string): void => {
  for (const listener of [...listeners.get(name) ?? []]) listener()
}
