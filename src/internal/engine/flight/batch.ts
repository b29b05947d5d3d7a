/** One load for many keys, each of which has a flight of its own. */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { CurrentLogAnnotations } from "effect/References"
import { infoOf, type Key } from "../../key/ofKey.ts"
import { linkTo } from "../telemetry/spans.ts"
import { type Flight, Loading, type Resume } from "./flight.ts"
import { addEdge, removeEdge } from "./waitGraph.ts"

/**
 * One load for many keys. Each key has a flight of its own, which others may join, which takes its own lease and is
 * stored by itself; here their loads meet, and are one call.
 *
 * It is made when all that have entered have come to their loads, or have left: because the store had the value, or
 * because another process is loading it. Who has left for that may come back, and is then called for by itself.
 */
export interface Batch {
  /** a flight is made, whose load is a part of this */
  readonly enter: (flight: Flight) => void
  /** it will not come, or asks again when that time has come */
  readonly leave: (flight: Flight, askingAt?: number) => void
  /** who has left asks again whether it may load; so will those whose time has come too: they are one call */
  readonly comeBack: (now: number) => void
  /** the load of one key */
  readonly load: (key: Key) => Effect.Effect<unknown, unknown, any>
  /** all have entered */
  readonly close: () => void
  readonly options: Options
  /** why the call has failed as a whole */
  failed: Cause.Cause<unknown> | undefined
  /** its failure has been said: once, not for each key */
  isNoted: boolean
  /** those of its flights that run; a batch in the background counts as one refresh */
  readonly flights: Set<Flight>
}

interface Options {
  readonly loadAll: LoadAll
  /** what the read has left of its store budget, where it has asked the store already */
  readonly leftMillis?: number | undefined
  /** its call is tried again by itself */
  readonly retries?: boolean | undefined
}

export type LoadAll = (
  keys: ReadonlyArray<Key>
) => Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, unknown, any>

interface Item {
  readonly key: Key
  readonly flight: Flight
  readonly context: Context.Context<never>
  readonly resume: Resume
  call: Call | undefined
}

interface Call {
  readonly waiting: Set<Item>
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

/** who asks again so soon after another is waited for */
const togetherMillis = 5

export const make = (options: Options): Batch => {
  const { loadAll } = options
  const pending = new Set<Flight>()
  const ready = new Set<Item>()
  const away = new Map<Flight, number>()
  let isOpen = true

  const fireIfComplete = (): void => {
    if (isOpen || pending.size > 0 || ready.size === 0) return
    const items = Array.from(ready)
    ready.clear()
    fire(items)
  }

  const fire = (items: ReadonlyArray<Item>): void => {
    const call: Call = { waiting: new Set(items), fiber: undefined }
    const [first] = items as [Item, ...Array<Item>]
    const now = Context.get(first.context, Clock.Clock).currentTimeMillisUnsafe()
    for (const item of items) {
      item.call = call
      // waiting for the others' steps was no load
      item.flight.startedAt = now
      // the call runs in the name of the first: who needs another of its keys closes a cycle
      if (item === first) continue
      addEdge(item.flight, first.flight)
      if (item.flight.span !== undefined) linkTo(first.flight, item.flight.span)
    }
    const keys = items.map((item) => item.key)
    const context = Context.add(first.context, Loading, undefined).pipe(
      Context.add(CurrentLogAnnotations, annotationsOfAll(first.context))
    )
    const fiber = Effect.runForkWith(context as Context.Context<any>)(
      checked(keys, Effect.scoped(Effect.suspend(() => loadAll(keys))))
    )
    call.fiber = fiber
    fiber.addObserver((exits) => {
      if (Exit.isFailure(exits)) batch.failed = exits.cause
      for (const [i, item] of items.entries()) {
        if (item !== first) {
          removeEdge(item.flight, first.flight)
          // what the call was given of stale values is in what it has brought for all
          if (first.flight.derivedFromStale) item.flight.derivedFromStale = true
        }
        if (call.waiting.delete(item)) item.resume(Exit.isFailure(exits) ? exits : exits.value[i]!)
      }
    })
    if (call.waiting.size === 0) fiber.interruptUnsafe()
  }

  /** with the last who waits for it the call ends, and that one waits for its finalizers */
  const withdraw = (item: Item): Effect.Effect<unknown> => {
    ready.delete(item)
    const { call } = item
    if (call === undefined || !call.waiting.delete(item) || call.waiting.size > 0) return Effect.void
    call.fiber?.interruptUnsafe()
    return call.fiber === undefined ? Effect.void : Fiber.await(call.fiber)
  }

  const leave = (flight: Flight, askingAt?: number): void => {
    if (askingAt === undefined) away.delete(flight)
    else away.set(flight, askingAt)
    if (pending.delete(flight)) fireIfComplete()
  }

  const batch: Batch = {
    enter: (flight) => {
      batch.flights.add(flight)
      // who comes later is called for by itself, and nobody waits for it
      if (isOpen) pending.add(flight)
    },
    leave,
    comeBack: (now) => {
      for (const [flight, askingAt] of away) {
        if (askingAt > now + togetherMillis) continue
        away.delete(flight)
        pending.add(flight)
      }
    },
    load: (key) =>
      Effect.withFiber((fiber) =>
        Effect.callback((resume) => {
          const flight = fiber.getRef(Loading)!
          const item: Item = {
            key,
            flight,
            context: fiber.context as Context.Context<never>,
            resume: resume as Resume,
            call: undefined
          }
          ready.add(item)
          pending.delete(flight)
          fireIfComplete()
          return Effect.suspend(() => withdraw(item))
        })
      ),
    close: () => {
      isOpen = false
      fireIfComplete()
    },
    options,
    failed: undefined,
    isNoted: false,
    flights: new Set()
  }
  return batch
}

/** as the first's, without its key */
const annotationsOfAll = (context: Context.Context<never>): { readonly [name: string]: unknown } => {
  const { "cache.key": _, ...others } = Context.get(context, CurrentLogAnnotations)
  return others
}

/** Dies where a lookup does not answer one `Exit` for each key, in their order. */
export const checked = <E, R>(
  keys: ReadonlyArray<Key>,
  lookup: Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, E, R>
): Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, E, R> =>
  Effect.flatMap(lookup, (exits) => {
    const problem = !Array.isArray(exits)
      ? "has answered no list"
      : exits.length !== keys.length
      ? `was asked for ${keys.length} keys and has answered ${exits.length}`
      : exits.every(Exit.isExit)
      ? undefined
      : "has answered something that is no Exit"
    return problem === undefined
      ? Effect.succeed(exits)
      : Effect.die(new Error(`The lookup of ${nameOf(keys)} ${problem}`))
  })

const nameOf = ([key]: ReadonlyArray<Key>): string => `many "${infoOf(key!)?.name ?? "strings"}"`
