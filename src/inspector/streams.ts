/** The stream of each page: beats, flights and events, for a few readers that read. */
import type * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CacheEvent } from "../CacheEvent.ts"
import { inspector as limits } from "../internal/defaults/options.ts"
import * as Look from "../internal/engine/operations/look.ts"
import { listen } from "../internal/engine/operations/removals.ts"
import type * as Api from "./api.ts"
import { nameOf } from "./entries.ts"
import type { Watched } from "./recorder.ts"

/** The messages that wait for one reader. */
interface Outbox {
  waiting: Array<Uint8Array>
  bytes: number
  wake: (() => void) | undefined
  /** Ends the request of a reader that does not read. */
  close: () => void
}

export type Outboxes = Set<Outbox>

const encoder = new TextEncoder()

export const encode = (message: object): Uint8Array =>
  encoder.encode(Sse.encoder.write({
    _tag: "Event",
    event: "message",
    id: undefined,
    data: JSON.stringify(message, (_, value: unknown) => value === undefined ? undefined : value)
  }))

const send = (outboxes: Outboxes, outbox: Outbox, message: Api.Message): void => {
  const bytes = encode(message)
  const isBehind = outbox.bytes > 0
  outbox.waiting.push(bytes)
  outbox.bytes += bytes.length
  const all = Array.from(outboxes).reduce((sum, { bytes }) => sum + bytes, 0)
  // A reader that has taken everything so far may get a large message.
  if (isBehind && (outbox.bytes > limits.waitingBytes || all > limits.allWaitingBytes)) return outbox.close()
  outbox.wake?.()
}

interface Live {
  readonly outboxes: Outboxes
  readonly flights: Watched | undefined
  readonly tail: Watched | undefined
  /** Everything of a beat but its flights. `from`: the first slot. */
  readonly overview: (from: number) => Effect.Effect<Api.Overview>
}

/** The bytes of a stream. It lasts until its reader leaves, or does not read. */
export const live = ({ flights, outboxes, overview, tail }: Live): Stream.Stream<Uint8Array> =>
  Stream.unwrap(Effect.gen(function*() {
    const outbox: Outbox = { waiting: [], bytes: 0, wake: undefined, close: () => {} }
    yield* Effect.acquireRelease(
      Effect.sync(() => outboxes.add(outbox)),
      () => Effect.sync(() => outboxes.delete(outbox))
    )
    yield* Effect.forkScoped(beats({ outboxes, overview, flights }, outbox))
    if (tail !== undefined) yield* follow(tail, (message) => send(outboxes, outbox, message))
    const pull = Effect.callback<Arr.NonEmptyReadonlyArray<Uint8Array>>((resume) => {
      const take = (): void => {
        const { waiting } = outbox
        outbox.waiting = []
        outbox.bytes = 0
        outbox.wake = undefined
        resume(Effect.succeed(waiting as unknown as Arr.NonEmptyReadonlyArray<Uint8Array>))
      }
      if (outbox.waiting.length > 0) return take()
      outbox.wake = take
      return Effect.sync(() => {
        outbox.wake = undefined
      })
    })
    return Stream.fromPull(Effect.withFiber((fiber) => {
      // The fiber of the request, which waits for a reader that does not read.
      outbox.close = () => fiber.interruptUnsafe()
      return Effect.succeed(pull)
    }))
  }))

const beats = (live: Omit<Live, "tail">, outbox: Outbox): Effect.Effect<never> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let from = 0
    while (true) {
      const overview = yield* live.overview(from)
      // The last slot changes until it ends, and the one before may have changed since.
      from = overview.at - 2 * limits.slotMillis
      const { engine } = live.flights ?? {}
      const all = engine === undefined ? [] : Look.flights(engine, clock, limits.mostFlights)
      const flights = all.map(({ ageMillis, keyClass, parent, ...flight }): Api.Flight => ({
        ...flight as typeof flight & { phase: Api.Flight["phase"] },
        id: nameOf(engine!, flight.id),
        keyClass: keyClass ?? null,
        ageMillis: ageMillis ?? null,
        parent: parent ?? null
      }))
      const running = live.flights === undefined ? 0 : Look.gauges(live.flights.engine).flights
      send(live.outboxes, outbox, {
        _tag: "Beat",
        overview,
        flights,
        flightsLeftOut: Math.max(0, running - flights.length)
      })
      yield* Effect.sleep(limits.beatMillis)
    }
  })

/** Sends events in batches. Of a busy cache, each batch has the first ones, and the number of the others. */
const follow = (
  { engine }: Watched,
  tell: (message: Api.Message) => void
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let events: Array<{ readonly at: number; readonly event: CacheEvent }> = []
    let leftOut = 0
    const unlisten = listen(engine, (event) => {
      if (events.length < limits.mostEvents) events.push({ at: clock.currentTimeMillisUnsafe(), event: short(event) })
      else leftOut += event._tag === "Lost" ? event.count : 1
    })
    yield* Effect.addFinalizer(() => Effect.sync(unlisten))
    const flush = Effect.sync(() => {
      if (events.length === 0) return
      tell({ _tag: "Events", events, leftOut })
      events = []
      leftOut = 0
    })
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(limits.batchMillis), flush)))
  })

const mostNames = 3

/** Sends only the first ids and tags of a large invalidation. */
const short = (event: CacheEvent): CacheEvent =>
  event._tag === "Invalidate" && event.ids.length + event.tags.length > mostNames
    ? { ...event, ids: event.ids.slice(0, mostNames), tags: event.tags.slice(0, mostNames) }
    : event
