/** One load for many keys, each of which has a flight of its own. */
import { release } from "#platform/engine/derived/dependencies"
import { warnOfResource } from "#platform/engine/load/resource"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { CurrentLogAnnotations } from "effect/References"
import { infoOf, type Key } from "../../key/ofKey.ts"
import * as Turns from "../../time/turns.ts"
import { recordShared } from "../derived/recorder.ts"
import { addEdge, removeEdge } from "../flight/waitGraph.ts"
import * as Watches from "../flight/watches.ts"
import { inScope } from "../load/loadScope.ts"
import { retried } from "../load/retried.ts"
import { Aside, endAttempt, loadingOf } from "../request/attempt.ts"
import type { Batch, BatchAnswers, BatchOptions, Flight, LoadAll, Resume } from "../state.ts"
import { linkTo } from "../telemetry/spans.ts"
import * as Groups from "./groups.ts"
import { keepUnasked, sortAnswers, type Sorted } from "./unasked.ts"

export type { Batch, LoadAll } from "../state.ts"

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

export const make = (options: BatchOptions): Batch => {
  const { loadAll, requestOf, retry } = options
  const pending = new Set<Flight>()
  const ready = new Set<Item>()
  const loading = new Map<Flight, Item>()
  const leading = new Set<Flight>()
  const groups = Groups.make()
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
    leading.add(first.flight)
    const clock = Context.get(first.context, Clock.Clock)
    const now = clock.currentTimeMillisUnsafe()
    for (const item of items) {
      item.call = call
      // the load begins now: the wait for the other flights is no part of it
      item.flight.attempt.startedAt = now
    }
    // the call runs as a part of the first flight: the other flights wait for that one, so that cycles are found
    const wait = ({ flight }: Item): void => {
      if (flight === first.flight) return
      addEdge(flight.attempt, first.flight)
      if (flight.trace?.span !== undefined) linkTo(first.flight, flight.trace.span)
    }
    // now: a flight that has left before the call begins has let it go
    const { engine, starter } = first.flight
    const turning = { clock, dispatcher: engine.work.dispatcher }
    Turns.forEachUnsafe(items, turning, wait, () => begin(call, items, { starter, turning }))
  }

  const begin = (
    call: Call,
    items: ReadonlyArray<Item>,
    { starter, turning }: { readonly starter: Flight["starter"]; readonly turning: Turns.Turning }
  ): void => {
    const [first] = items as [Item, ...Array<Item>]
    const keys = items.map((item) => item.key)
    const context = Context.add(first.context, Aside, first.flight.attempt).pipe(
      Context.add(CurrentLogAnnotations, annotationsOfAll(first.context))
    )
    const { engine } = first.flight
    const watch = requestOf && Watches.begin(engine)
    let unasked: Sorted["unasked"] = []
    const callAll = inOrder(keys, loadAll, (answers) => {
      unasked = answers
    })
    const onRelease = (exits: Exit.Exit<BatchAnswers, unknown>): void => {
      for (const [i, { flight }] of items.entries()) {
        const exit = Exit.isSuccess(exits) ? exits.value?.[i] : undefined
        // what is no list of exits is refused when the call has ended
        if (Exit.isExit(exit)) warnOfResource(flight, exit)
      }
    }
    const keepOthers = (exits: Exit.Exit<BatchAnswers, unknown>, watch: Watches.Watch): void => {
      if (Exit.isSuccess(exits) && unasked.length > 0) {
        keepUnasked(engine, unasked, {
          flight: first.flight,
          starter,
          watch,
          requestOf: (key) => requestOf!(key, closed)
        })
      }
      Watches.end(engine)
    }
    const tries = retry === undefined ? callAll : retried(first.flight, callAll, { schedule: retry, onRelease })
    // all may have left before it began
    const calling = Effect.suspend(() => call.waiting.size === 0 ? Effect.interrupt : tries)
    const fiber = Effect.runForkWith(context as Context.Context<any>)(
      checked(keys, Effect.withFiber((fiber) => inScope(fiber, calling, (_, exit) => onRelease(exit), undefined)))
    )
    call.fiber = fiber
    fiber.addObserver((exits) => {
      if (Exit.isFailure(exits)) batch.failed = exits.cause
      leading.delete(first.flight)
      const isLate = first.flight.exit !== undefined
      if (isLate) endAttempt(first.flight.attempt)
      const endedAt = turning.clock.currentTimeMillisUnsafe()
      for (const item of items) {
        item.flight.attempt.endedAt = endedAt
        if (item !== first) {
          removeEdge(item.flight.attempt, first.flight)
          // what the call read is in all of its results
          recordShared(item.flight.attempt, first.flight.attempt)
          if (first.flight.attempt.derivedFromStale) item.flight.attempt.derivedFromStale = true
        }
        loading.delete(item.flight)
      }
      const resume = ([i, item]: readonly [number, Item]): void => {
        if (!call.waiting.delete(item)) return
        groups.entered(item.flight)
        item.resume(Exit.isFailure(exits) ? exits : exits.value[i]!)
      }
      groups.forEach(items.entries(), turning, resume, () => {
        if (watch !== undefined) keepOthers(exits, watch)
        if (isLate) release(first.flight.attempt)
      })
    })
    if (call.waiting.size === 0) fiber.interruptUnsafe()
  }

  /** Without a waiting flight the call is interrupted, and the last flight waits for its finalizers. */
  const withdraw = (item: Item): Effect.Effect<unknown> => {
    ready.delete(item)
    loading.delete(item.flight)
    const { call } = item
    if (call === undefined || !call.waiting.delete(item)) return Effect.void
    const { engine, id } = item.flight
    if (call.waiting.size === 0) call.fiber?.interruptUnsafe()
    // the call goes on for the others; where it ignores interruptions, the id is kept until it has ended
    else if (engine.ending.get(id) !== item.flight) return Effect.void
    return call.fiber === undefined ? Effect.void : Fiber.await(call.fiber)
  }

  const dropOut = (flight: Flight): void => {
    groups.left(flight)
    if (pending.delete(flight)) fireIfComplete()
  }

  const batch: Batch = {
    add: (flight) => {
      // after `close` the call waits for no other flight
      if (!isOpen) return
      pending.add(flight)
      groups.entered(flight)
    },
    inGroups: groups.forEach,
    dropOut,
    drop: (flight, dispatcher) => {
      groups.left(flight)
      if (pending.delete(flight) && pending.size === 0) dispatcher.scheduleTask(fireIfComplete, 0)
    },
    rejoin: (flight) => void pending.add(flight),
    fiberOf: (flight) => loading.get(flight)?.call?.fiber,
    isLedBy: (flight) => leading.has(flight),
    load: (key) =>
      Effect.withFiber((fiber) =>
        Effect.callback((resume) => {
          const flight = loadingOf(fiber.context as Context.Context<never>)!.flight!
          const item: Item = {
            key,
            flight,
            context: fiber.context as Context.Context<never>,
            resume: resume as Resume,
            call: undefined
          }
          ready.add(item)
          loading.set(flight, item)
          pending.delete(flight)
          groups.left(flight)
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
    isLogged: false
  }
  return batch
}

/** The log annotations of the first flight, without its key: the call is about all keys. */
const annotationsOfAll = (context: Context.Context<never>): { readonly [name: string]: unknown } => {
  const { "cache.key": _, ...others } = Context.get(context, CurrentLogAnnotations)
  return others
}

/** The answers to keys in their order, be they a list or a map; `onUnasked` gets what the map has beside them. */
export const inOrder = (
  keys: ReadonlyArray<Key>,
  loadAll: LoadAll,
  onUnasked: (answers: Sorted["unasked"]) => void = () => {}
): Effect.Effect<BatchAnswers, unknown, any> =>
  Effect.flatMap(Effect.suspend(() => loadAll(keys)), (answers) =>
    answers instanceof Map
      ? Effect.map(sortAnswers(keys, answers, nameOf(keys)), ({ exits, unasked }) => {
        onUnasked(unasked)
        return exits
      })
      : Effect.succeed(answers as BatchAnswers))

/** For requests whose batch loads nothing more. */
const makeClosed = (): Batch => {
  const batch = make({ loadAll: () => Effect.succeed([]) })
  batch.close()
  return batch
}

const closed = makeClosed()

/** Dies unless the lookup answers a list with one `Exit` for each key. */
export const checked = <E, R>(
  keys: ReadonlyArray<Key>,
  lookup: Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, E, R>
): Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, E, R> =>
  Effect.flatMap(lookup, (exits) => {
    const problem = !Array.isArray(exits)
      ? "did not answer a list or a Map: return one Exit for each key, in their order or by key"
      : exits.length !== keys.length
      ? `was asked for ${keys.length} keys and answered ${exits.length}: return one Exit for each key, in their order or by key`
      : exits.every(Exit.isExit)
      ? undefined
      : "answered an element that is not an Exit: return one Exit for each key, in their order or by key"
    return problem === undefined
      ? Effect.succeed(exits)
      : Effect.die(new Error(`The lookup of ${nameOf(keys)} ${problem}`))
  })

const nameOf = ([key]: ReadonlyArray<Key>): string => `many "${infoOf(key!)?.name ?? "strings"}"`
