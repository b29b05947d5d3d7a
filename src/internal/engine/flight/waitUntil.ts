/** Asks the platform to keep a request alive, so that a private cache can finish work after its reader has ended. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Flight, Flights } from "../state.ts"
import { warnOnce } from "../telemetry/log.ts"
import { abandon } from "./work.ts"

type KeepAlive = (rest: Effect.Effect<void>) => void

export const WaitUntil: Context.Reference<KeepAlive | undefined> = Context.Reference<KeepAlive | undefined>(
  "effect-cached/CachePolicy/WaitUntil",
  { defaultValue: () => undefined }
)

/** Whether a flight that this reader starts may continue after its callers have left. */
export const isKeptAlive = (self: Flights, { context }: Flight["starter"]): boolean =>
  !self.isPrivate || Context.get(context, WaitUntil) !== undefined

/** Asks the platform to run `begin`, which may start the flights, and to await them. Returns `false` if it cannot. */
export const keepAlive = (
  self: Flights,
  starter: Flight["starter"],
  flights: ReadonlyArray<Flight>,
  begin: Effect.Effect<void> = Effect.void
): boolean => {
  const waitUntil = Context.get(starter.context, WaitUntil)
  if (waitUntil === undefined) return false
  const ended = Effect.forEach(flights, untilEnded, { concurrency: "unbounded", discard: true })
  // `Effect.onInterrupt` would make every bundle larger.
  const rest = Effect.onExitPrimitive(
    Effect.andThen(begin, ended),
    (exit) => Exit.hasInterrupts(exit) ? Effect.sync(() => flights.forEach((flight) => stop(self, flight))) : undefined
  )
  try {
    waitUntil(rest)
    return true
  } catch (thrown) {
    warnOnce(
      self,
      "waitUntil",
      `CachePolicy.WaitUntil threw: nothing refreshes in the background (${String(thrown)})`
    )
    return false
  }
}

/** Waits until a flight has ended. Its first fiber may end earlier, because a second fiber may write the result. */
const untilEnded = (flight: Flight): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { exit, fiber } = flight
    if (exit !== undefined || fiber === undefined) return Exit.void
    return Effect.flatMap(Fiber.await(fiber as Fiber.Fiber<unknown, unknown>), () =>
      flight.fiber === fiber ? Exit.void : untilEnded(flight))
  })

const stop = (self: Flights, flight: Flight): void => {
  if (flight.exit !== undefined) return
  flight.storable = false
  if (flight.refresh) self.retryAt.delete(flight.id)
  abandon(self, flight)
}
