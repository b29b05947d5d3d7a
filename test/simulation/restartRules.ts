/** A load that outlasts the patience of its readers is interrupted, and is run again. */
import { Effect, type Fiber } from "effect"
import type { CacheEvent, Caching } from "effect-cached"
import type { Flight } from "../../src/internal/engine/state.ts"
import { listenersOf } from "../support/listeners.ts"
import { nameOf } from "./fleetModel.ts"
import type { Load, Origin, Read } from "./model.ts"
import type { Simulation } from "./program.ts"
import { readerOf, violate, type World } from "./state.ts"
import { rounding } from "./timeRules.ts"

/** Notes which loads give way, by the events of the cache. */
export const watchRestarts = ({ extras, world }: Simulation, caching: Caching.Caching["Service"]): void => {
  if (!extras.features.has("hangs")) return
  listenersOf(caching).listen((event) => {
    if (event._tag === "Restart") noteRestart(world, event)
  })
}

const flightOf = ({ flight, ticket }: Load): Flight | undefined => flight ?? ticket?.flight

const noteRestart = (self: World, event: CacheEvent.CacheEvent & { readonly _tag: "Restart" }): void => {
  const { millis } = event
  const id = nameOf(event.id)
  self.say(() => `restart of ${id} after ${millis} ms`)
  self.counts.restarts++
  const running = [...self.open].filter((load) =>
    load.id === id && load.exit === undefined && load.gaveWay === undefined && flightOf(load)?.storable === true &&
    flightOf(load)!.restartedAt === self.now()
  )
  const [load] = running
  // The load may have yielded before it began.
  if (load === undefined) return
  if (running.length > 1) violate(self, `P1: ${running.length} loads of ${id} run when one of them gives way`)
  checkPatience(self, load, millis)
  load.gaveWay = self.seq
}

/** P3: only a load that is older than the patience of all its readers gives way, and only to readers that wait. */
const checkPatience = (self: World, load: Load, millis: number): void => {
  const flight = flightOf(load)!
  const { maxLoad = 60_000, refreshTimeout } = self.config
  const what = `the load #${load.n} of ${load.id} gives way after ${millis} ms`
  const age = self.now() - load.begunAt
  if (Math.abs(age - millis) > 0.5) violate(self, `restart: ${what}, though it began ${age} ms ago`)
  if (flight.callers.size === 0) violate(self, `P3: ${what}, though no caller waits`)
  if (self.closedAt !== undefined) violate(self, `P7: ${what}, though the layer is closed`)
  const least = Math.max(0, ...patiences(self, flight, maxLoad))
  const before = self.loads.filter(({ flight: of, gaveWay }) => of === flight && gaveWay !== undefined).length
  const patience = (millis: number) => Math.max(millis, Math.min(maxLoad, millis * 2 ** before))
  if (age >= patience(flight.refresh ? refreshTimeout : least) - rounding) return
  // A stale value may be served, so that no caller need wait.
  if (flight.stale !== undefined && age >= patience(refreshTimeout) - rounding) return
  violate(self, `P3: ${what}, though its readers have a patience of ${patience(least)} ms`)
}

/** How long the callers of a flight wait by their own options. */
const patiences = (self: World, { callers }: Flight, maxLoad: number): ReadonlyArray<number> =>
  Array.from(callers).flatMap(({ request }) => {
    const read = readerOf(self, { request } as Flight)
    if (read?.spec === undefined) return []
    return read.spec.timeout ?? maxLoad
  })

const isInterrupted = (fiber: Fiber.Fiber<unknown, unknown> | undefined): boolean =>
  (fiber as unknown as { readonly _interruptedCause: unknown } | undefined)?._interruptedCause !== undefined

/** P1: the next attempt of a flight begins when the one before has ended, or does nothing but release its resources. */
export const checkAttempts = (self: World, load: Load, flight: Flight): void => {
  for (const other of self.open) {
    if (other === load || other.flight !== flight || other.id !== load.id || other.exit !== undefined) continue
    if (isInterrupted(other.fiber)) continue
    violate(self, `P1: load #${load.n} of ${load.id} while #${other.n}, an attempt of the same flight, runs`)
  }
}

/** No later reader gets the result of an attempt that has given way. */
export const checkGaveWay = (self: World, read: Read, origin: Origin, what: string): void => {
  if (origin._tag === "Load" && origin.gaveWay !== undefined && origin.gaveWay < read.begun) {
    violate(self, `P1: ${what}, of an attempt that had given way`)
  }
}

/** Readers in a program whose loads hang leave in the end: a load that is not restarted would keep them for ever. */
export const leaving = <A, E, R>(
  { extras, world }: Simulation,
  interruption: { requested: boolean },
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | "left", R> => {
  if (!extras.features.has("hangs") || world.resting) return effect
  const late = Effect.flatMap(Effect.sleep(extras.diceOf("hangs").pick([500, 2000, 10_000])), () => {
    interruption.requested = true
    return Effect.fail("left" as const)
  })
  return Effect.raceFirst(effect, late)
}
