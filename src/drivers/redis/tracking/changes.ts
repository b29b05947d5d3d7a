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
import type { Change, Held } from "../../../ports/store.ts"
import * as Waiting from "../../shared/waitingChanges.ts"
import { answerMillis, type Wire } from "../connection/wire.ts"
import { Fault, storeError } from "../fault.ts"
import * as Questions from "./answerInTime.ts"
import * as Choice from "./choice.ts"
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
): Effect.fn.Return<never, Fault, Scope.Scope> {
  const subscription = yield* Scope.make()
  const unsubscribe = Scope.close(subscription, Exit.void)
  let subscribed: Effect.Effect<never, Fault> | undefined
  let wasTracked = false
  const began = Effect.andThen(unsubscribe, Effect.sync(() => wasTracked = true))
  const choice = yield* Choice.claim(tracking.choice)
  const following: Following = { ...tracking, choice, offer, current, questions: yield* Questions.make }
  return yield* Effect.ensuring(
    Effect.gen(function*() {
      for (;;) {
        const refused = yield* Effect.scoped(track(following, began)).pipe(
          // Once tracking has worked, any fault ends the stream at once, so that the cache stops trusting its memory.
          Effect.catch((fault) => fault.isLasting && !wasTracked ? Effect.succeed(fault) : Effect.fail(fault))
        )
        if (choice.isFree && choice.kind === "keys") {
          Choice.note(choice, "broadcast")
          continue
        }
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

interface Following extends Tracking {
  readonly offer: Waiting.Offer
  readonly current: Current
  readonly questions: Questions.Questions
}

const track = Effect.fnUntraced(function*(
  self: Following,
  began: Effect.Effect<void>
): Effect.fn.Return<never, Fault, Scope.Scope> {
  const { choice, offer } = self
  const present = yield* begin(self, choice.kind)
  yield* began
  const answer = Choice.hold(choice)
  // The cache must know of a kind that reports less before it trusts its memory.
  if (choice.isFree && choice.kind === "keys") offer({ _tag: "Reports", of: "reads", answer })
  offer({ _tag: "Coherent" })
  if (choice.isFree && choice.kind === "broadcast") offer({ _tag: "Reports", of: "all", answer })
  return yield* choice.isFree ? alternate(self, present) : present.lost
})

/** The connections that receive the reports of one kind. */
interface Listening {
  readonly asks: ReadonlyArray<Client.Ask>
  readonly isByKey: boolean
  readonly lost: Effect.Effect<never, Fault>
  readonly end: Effect.Effect<void>
}

/** Changes between the kinds of reports: begins with the other kind, and only then ends the present one. */
const alternate = Effect.fnUntraced(function*(
  self: Following,
  first: Listening
): Effect.fn.Return<never, Fault, Scope.Scope> {
  const { choice, published, session } = self
  for (let present = first;;) {
    yield* Effect.raceFirst(present.lost, Choice.decide(choice, session, present.asks))
    const kind = Choice.other(choice)
    const changing = Effect.exit(kind === "keys" ? toKeys(self, present) : toBroadcast(self, present))
    const next = yield* Effect.raceFirst(present.lost, changing)
    // If the server refuses the other kind, the present one continues.
    Choice.note(choice, Exit.isSuccess(next) ? kind : choice.kind)
    if (Exit.isFailure(next)) continue
    yield* present.end
    Published.look(published)
    present = next.value
  }
})

/** Before broadcasting ends, the server is to remember all that memory holds, since only that is reported then. */
const toKeys = Effect.fnUntraced(function*(
  self: Following,
  present: Listening
): Effect.fn.Return<Listening, Fault, Scope.Scope> {
  const { choice, offer, session } = self
  const next = yield* begin(self, "keys")
  const registering = Effect.gen(function*() {
    if (!next.isByKey) return yield* Effect.fail(taken)
    const held = yield* Effect.callback<Held>((resume) =>
      offer({ _tag: "Reports", of: "both", answer: (held) => resume(Effect.succeed(held)) })
    )
    yield* Reader.register(session, held)
    yield* heardAll(present)
  })
  yield* Effect.onError(Effect.raceFirst(next.lost, registering), () => {
    offer({ _tag: "Reports", of: "all" })
    return next.end
  })
  offer({ _tag: "Reports", of: "reads", answer: Choice.hold(choice) })
  return next
})

const taken = new Fault("Unsupported", "another cache over the same store uses the connections")

const toBroadcast = Effect.fnUntraced(function*(
  self: Following,
  present: Listening
): Effect.fn.Return<Listening, Fault, Scope.Scope> {
  const next = yield* begin(self, "broadcast")
  yield* Effect.onError(Effect.raceFirst(next.lost, heardAll(present)), () => next.end)
  self.offer({ _tag: "Reports", of: "all", answer: Choice.hold(self.choice) })
  return next
})

/** Waits for all reports so far. An answer precedes the reports of the same turn, so two answers are needed. */
const heardAll = ({ asks }: Listening): Effect.Effect<unknown, Fault> => {
  const heard = Effect.forEach(asks, (ask) => ask("CLIENT", "TRACKINGINFO"), { concurrency: "unbounded" })
  return Effect.andThen(heard, heard)
}

const begin = Effect.fnUntraced(function*(
  self: Following,
  kind: "broadcast" | "keys"
): Effect.fn.Return<Listening, Fault, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const end = Scope.close(scope, Exit.void)
  const listening = Effect.map(listen(self, kind), (listening) => ({ ...listening, end }))
  return yield* Effect.onError(Scope.provide(listening, scope), () => end)
})

const listen = Effect.fnUntraced(function*(
  { current, ...following }: Following,
  kind: "broadcast" | "keys"
): Effect.fn.Return<Omit<Listening, "end">, Fault, Scope.Scope> {
  const { markerVersions, offer, published, session } = following
  const { keys, wire } = session
  const lost = Deferred.makeUnsafe<never, Fault>()
  const onLost = (why: Fault) => void Deferred.doneUnsafe(lost, Exit.fail(why))
  const self: Invalidations = { ...following, asked: [], probes: new Map() }
  const unsubscribe = [
    wire.onMasters(() => onLost(new Fault("Unavailable", "the cluster has other masters"))),
    MarkerVersions.subscribe(markerVersions, (tag) => offer({ _tag: "TagChanged", tag })),
    () => Published.forget(published),
    () => {
      if (current.invalidations === self) current.invalidations = undefined
    }
  ]
  yield* Effect.addFinalizer(() => Effect.sync(() => unsubscribe.forEach((end) => end())))
  yield* whole(wire)
  const clients = yield* wire.makeClients({ RESP: 3, emitInvalidate: true })
  current.invalidations = self
  const isByKey = kind === "keys" && (yield* Reader.claim(session))
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
  Published.look(published)
  const watching = Effect.all([...asks.map(Client.watch), beat], { concurrency: "unbounded" })
  yield* Effect.forkScoped(Effect.catch(watching, (fault) => Effect.sync(() => onLost(fault))))
  return { asks, isByKey, lost: Deferred.await(lost) }
})

const whole = (wire: Wire): Effect.Effect<void> =>
  Effect.suspend(() =>
    wire.isWhole() && wire.masters().length > 0
      ? Effect.void
      : Effect.andThen(Effect.sleep(Limits.tracking.lookMillis), whole(wire))
  )
