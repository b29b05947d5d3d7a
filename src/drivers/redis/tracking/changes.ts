/**
 * Follows changes, expirations and evictions with Redis client-side tracking, in broadcasting mode or by key. It uses
 * one dedicated connection per master. A client that reconnected silently would lose the tracking mode, so any fault
 * closes the connection and ends the stream of changes. Every half second, the server is asked whether it still tracks.
 * Its answer also proves that all earlier invalidations have arrived.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { onMachineClock } from "../../../internal/time/monotonic.ts"
import type { Change } from "../../../ports/store.ts"
import * as Waiting from "../../shared/waitingChanges.ts"
import { answerMillis, type Wire } from "../connection/wire.ts"
import { Fault, storeError } from "../fault.ts"
import * as Questions from "./answerInTime.ts"
import * as Client from "./client.ts"
import { asksAgain, type Invalidations, onInvalidate, type Tracking } from "./invalidations.ts"
import * as MarkerVersions from "./markerVersions.ts"
import * as Published from "./published.ts"
import * as Reader from "./reader.ts"

/** A stream of changes. If a connection is lost or the masters change, it fails, because it may have missed changes. */
export const changesOf = (tracking: Tracking): Stream.Stream<Change, StoreError> =>
  Stream.suspend(() => {
    const current: Current = { invalidations: undefined }
    const following = (offer: Waiting.Offer) =>
      tracking.coherence === "messages" ? hear(tracking, offer) : follow(tracking, offer, current)
    const changes = Waiting.stream((offer) =>
      Effect.mapError(onMachineClock(following(offer)), (fault) => storeError("listen", fault))
    )
    return Stream.filter(
      changes,
      (change) => current.invalidations === undefined || !asksAgain(current.invalidations, change)
    )
  })

interface Current {
  /** `undefined` while the server does not track. */
  invalidations: Invalidations | undefined
}

/** Follows published changes only, because the program has chosen that. */
const hear = ({ published }: Tracking, offer: Waiting.Offer): Effect.Effect<never, Fault> =>
  Effect.scoped(Effect.flatMap(Published.subscribe(published, offer), (subscribed) => {
    offer({ _tag: "Partial" })
    return subscribed
  }))

/** Tracks changes. If a server refuses tracking, subscribes to published changes, and retries tracking at intervals. */
const follow = Effect.fnUntraced(function*(
  tracking: Tracking,
  offer: Waiting.Offer,
  current: Current
): Effect.fn.Return<never, Fault> {
  const subscription = yield* Scope.make()
  const unsubscribe = Scope.close(subscription, Exit.void)
  let subscribed: Effect.Effect<never, Fault> | undefined
  let wasTracked = false
  const began = Effect.andThen(unsubscribe, Effect.sync(() => wasTracked = true))
  return yield* Effect.ensuring(
    Effect.gen(function*() {
      for (;;) {
        const refused = yield* Effect.scoped(track(tracking, offer, { began, current })).pipe(
          // Once tracking has worked, any fault ends the stream at once, so that the cache stops trusting its memory.
          Effect.catch((fault) => fault.isLasting && !wasTracked ? Effect.succeed(fault) : Effect.fail(fault))
        )
        if (subscribed === undefined) {
          subscribed = yield* Published.subscribe(tracking.published, offer).pipe(
            Scope.provide(subscription),
            Effect.mapError(() => refused)
          )
          offer({ _tag: "Partial", why: storeError("listen", refused) })
        }
        yield* Effect.raceFirst(Effect.sleep(Limits.tracking.refusedMillis), subscribed)
      }
    }),
    unsubscribe
  )
})

const track = Effect.fnUntraced(function*(
  tracking: Tracking,
  offer: Waiting.Offer,
  { began, current }: { readonly began: Effect.Effect<void>; readonly current: Current }
): Effect.fn.Return<never, Fault, Scope.Scope> {
  const { coherence, markerVersions, published, session } = tracking
  const { keys, wire } = session
  const lost = Deferred.makeUnsafe<never, Fault>()
  const onLost = (why: Fault) => void Deferred.doneUnsafe(lost, Exit.fail(why))
  const unsubscribe = [
    wire.onMasters(() => onLost(new Fault("Unavailable", "the cluster has other masters"))),
    MarkerVersions.subscribe(markerVersions, (tag) => offer({ _tag: "TagChanged", tag })),
    () => Published.forget(published),
    () => void (current.invalidations = undefined)
  ]
  yield* Effect.addFinalizer(() => Effect.sync(() => unsubscribe.forEach((end) => end())))
  yield* whole(wire)
  const clients = yield* wire.makeClients({ RESP: 3, emitInvalidate: true })
  const questions = yield* Questions.make
  const self: Invalidations = { ...tracking, offer, questions, asked: [], probes: new Map() }
  current.invalidations = self
  const isByKey = coherence === "keys" && (yield* Reader.claim(session))
  const listener = {
    onInvalidate: (key: unknown) => onInvalidate(self, key),
    onLost,
    answerMillis: (questions: number) => answerMillis(wire, questions),
    prefixes: isByKey ? keys.trackedControl : keys.tracked,
    scrub: published.scrub
  }
  const asks = yield* Effect.forEach(clients, (client) => Client.listen(client, listener), { concurrency: "unbounded" })
  const beat = isByKey
    ? yield* Reader.read({ session, asks, onLost, probes: self.probes, sender: published.sender })
    : Effect.never
  yield* began
  Published.look(published)
  offer({ _tag: "Coherent" })
  return yield* Effect.raceAllFirst([
    Effect.andThen(Effect.all(asks.map(Client.watch), { concurrency: "unbounded" }), Effect.never),
    beat,
    Deferred.await(lost)
  ])
})

const whole = (wire: Wire): Effect.Effect<void> =>
  Effect.suspend(() =>
    wire.isWhole() && wire.masters().length > 0
      ? Effect.void
      : Effect.andThen(Effect.sleep(Limits.tracking.lookMillis), whole(wire))
  )
