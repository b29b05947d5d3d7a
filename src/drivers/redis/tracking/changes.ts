/**
 * Follows changes. Each script publishes what it changes in the same step, so a process misses nothing while its
 * connections to all masters last. A client that reconnected silently would miss changes, so any fault closes the
 * connection and ends the stream of changes.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { machineClock, onMachineClock } from "../../../internal/time/monotonic.ts"
import { afterProgramMillis } from "../../../internal/time/programTime.ts"
import type { Change } from "../../../ports/store.ts"
import * as Waiting from "../../shared/waitingChanges.ts"
import { type Client, destroy } from "../connection/client.ts"
import { answerMillis, type ClientOfMaster, toConnect, type Wire } from "../connection/wire.ts"
import { Fault, faultOf, isFault, type Scrub, storeError } from "../fault.ts"
import { hashTags } from "../protocol/keys.ts"
import { hasRole, toText } from "../protocol/replies.ts"
import { control } from "../session/era.ts"
import { channelOf, type Session } from "../session/session.ts"
import * as Published from "./published.ts"

interface Tracking {
  readonly session: Session
  readonly published: Published.Published
  readonly scrub: Scrub
}

/** A stream of changes. If a connection is lost or the masters change, it fails, because it may have missed changes. */
export const changesOf = (tracking: Tracking): Stream.Stream<Change, StoreError> =>
  Waiting.stream((offer) =>
    Effect.mapError(onMachineClock(follow(tracking, offer)), (fault) => storeError("listen", fault))
  )

/** Follows changes. If a server refuses to report them, it is asked again at intervals. */
const follow = Effect.fnUntraced(function*(tracking: Tracking, offer: Waiting.Offer): Effect.fn.Return<never, Fault> {
  const state = { isFollowed: false }
  for (;;) {
    const refused = yield* Effect.scoped(listen(tracking, offer, state)).pipe(
      // Once changes were followed, any fault ends the stream at once, so that the cache stops trusting its memory.
      Effect.catch((fault) => {
        if (fault.code === "MOVED") tracking.session.wire.lookAgain()
        return isRefusal(fault) && !state.isFollowed ? Effect.succeed(fault) : Effect.fail(fault)
      })
    )
    offer({ _tag: "Partial", why: storeError("listen", refused) })
    yield* Effect.sleep(Limits.tracking.refusedMillis)
  }
})

/** Whether waiting does not help. A master that no longer owns a slot (`MOVED`) is found again at once. */
const isRefusal = ({ code, isLasting }: Fault): boolean => isLasting && code !== "MOVED"

const listen = Effect.fnUntraced(function*(
  { published, scrub, session }: Tracking,
  offer: Waiting.Offer,
  state: { isFollowed: boolean }
): Effect.fn.Return<never, Fault, Scope.Scope> {
  const { wire } = session
  const lost = Deferred.makeUnsafe<never, Fault>()
  const onLost = (why: Fault) => void Deferred.doneUnsafe(lost, Exit.fail(why))
  const unsubscribe = wire.onMasters(() => onLost(new Fault("Unavailable", "the cluster has other masters")))
  yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
  yield* whole(wire)
  const era: Era = { session, offer, known: undefined }
  const hear = (text: unknown): void => {
    for (const change of Published.changesIn(published, String(text))) {
      if (change._tag === "AllChanged") adoptEra(era)
      offer(change)
    }
  }
  const clients = yield* wire.makeClients({ RESP: 3 })
  const listener = { session, scrub, hear, onLost }
  const asks = yield* Effect.forEach(clients, (client) => subscribe(client, listener), { concurrency: "unbounded" })
  adoptEra(era)
  state.isFollowed = true
  offer({ _tag: "Coherent" })
  const watching = asks.map((ask, i) => watch(ask, clients[i]!.owns(session.keys.controlTag) ? era : undefined))
  return yield* Effect.raceAllFirst([Deferred.await(lost), ...watching])
})

const whole = (wire: Wire): Effect.Effect<void> =>
  Effect.suspend(() =>
    wire.isWhole() && wire.masters().length > 0
      ? Effect.void
      : Effect.andThen(Effect.sleep(Limits.tracking.lookMillis), whole(wire))
  )

/** A server whose keys were removed (`FLUSHALL`) publishes nothing, but it has another era afterwards, or none. */
interface Era {
  readonly session: Session
  readonly offer: Waiting.Offer
  /** The era in which all changes are known. `undefined` while it is being read. */
  known: string | undefined
}

const adoptEra = (self: Era): void => {
  self.known = undefined
  control(self.session, (told) => {
    if (!isFault(told)) self.known = told.era
  })
}

const lookAtEra = (self: Era, found: unknown): void => {
  const { known, session: { ownEra } } = self
  const present = toText(Array.isArray(found) ? found[0] : undefined)
  // While this process clears the store, the next look decides.
  if (known === undefined) return adoptEra(self)
  if (present === known || ownEra === "") return
  adoptEra(self)
  if (present === undefined || present !== ownEra) self.offer({ _tag: "AllChanged" })
}

interface Listener {
  readonly session: Session
  readonly scrub: Scrub
  readonly hear: (text: unknown) => void
  readonly onLost: (why: Fault) => void
}

const moved = new Fault("Unavailable", "a slot of the cluster has moved", "MOVED")

const late = new Fault("Timeout", "the server does not answer on the connection that reports changes")

type Ask = (...args: ReadonlyArray<string>) => Effect.Effect<unknown, Fault>

/** Subscribes to the changes of one master. */
const subscribe = Effect.fnUntraced(function*(
  { client, owns }: ClientOfMaster,
  { hear, onLost, scrub, session }: Listener
): Effect.fn.Return<Ask, Fault, Scope.Scope> {
  const { keys: { controlTag }, wire } = session
  let connecting: Promise<unknown> = Promise.resolve()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      destroy(client)
      // A client that is still connecting may open its socket later.
      void connecting.then(() => destroy(client), () => {})
    })
  )
  client.on("error", (thrown: unknown) => onLost(faultOf(thrown, scrub)))
  client.on("end", () => onLost(new Fault("Unavailable", "the server closed the connection")))
  client.on("sharded-channel-moved", () => onLost(moved))
  let heard = 0
  const listener = (text: unknown): void => {
    heard++
    hear(text)
  }
  const inTime = <A>(questions: number, run: () => Promise<A>): Effect.Effect<A, Fault> =>
    Effect.raceFirst(
      Effect.tryPromise({ try: run, catch: (thrown) => faultOf(thrown, scrub) }),
      Effect.andThen(silence(wire, questions, () => heard), Effect.fail(late))
    )
  const ask: Ask = (...args) => inTime(1, () => client.sendCommand(args))
  yield* inTime(toConnect, () => connecting = client.connect())
  yield* requireMaster(ask)
  const channels = wire.isCluster ? [controlTag, ...hashTags].filter(owns) : [controlTag]
  yield* inTime(
    1,
    () => Promise.all(channels.map((tag) => subscribeTo(client, channelOf(session, tag), listener, wire)))
  )
  return ask
})

/** Channels in several slots need a command each. */
const subscribeTo = (client: Client, channel: string, hear: Listener["hear"], { isCluster }: Wire): Promise<unknown> =>
  isCluster ? client.sSubscribe(channel, hear) : client.subscribe(channel, hear)

/**
 * Ends when nothing has arrived for a while. Only time counts in which this program could have read an answer: many
 * messages may precede it.
 */
const silence = (wire: Wire, questions: number, heard: () => number): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let rounds = 0, before = NaN; before !== heard() && rounds < Limits.tracking.answerRounds; rounds++) {
      before = heard()
      yield* afterProgramMillis(machineClock, answerMillis(wire, questions))
    }
  })

/** Fails if the server is a replica. A master that has become a replica publishes late or different changes. */
const requireMaster = (ask: Ask): Effect.Effect<void, Fault> =>
  Effect.flatMap(
    ask("ROLE"),
    (role) =>
      hasRole(role, "slave")
        ? Effect.fail(new Fault("Unsupported", "the server is a replica", "REPLICA"))
        : Effect.void
  )

/** Each answer proves that all earlier messages have arrived. The master that has the era is asked for it. */
const watch = Effect.fnUntraced(function*(ask: Ask, era: Era | undefined): Effect.fn.Return<never, Fault> {
  for (let beat = 1;; beat++) {
    yield* Effect.sleep(Limits.tracking.heartbeatMillis)
    if (era === undefined) yield* ask("TIME")
    // Unlike `GET`, `MGET` treats a value of another type as missing.
    else lookAtEra(era, yield* ask("MGET", era.session.keys.era))
    if (beat % Limits.tracking.beatsPerRole === 0) yield* requireMaster(ask)
  }
})
