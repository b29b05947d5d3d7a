/** Follows changes: each script that changes something publishes it in the same step, so none is missed while the
 * connection to the master that ran the script lasts. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { tagsOfId } from "../../../internal/store/markers/idTags.ts"
import { remember } from "../../../internal/remember.ts"
import { onMachineClock } from "../../../internal/time/monotonic.ts"
import type { Change } from "../../../ports/store.ts"
import type { Told } from "../../shared/recentChanges.ts"
import * as Waiting from "../../shared/waitingChanges.ts"
import { type Client, destroy } from "../connection/client.ts"
import { answerMillis, toConnect, type Wire } from "../connection/wire.ts"
import { Fault, faultOf, isFault, type Scrub, storeError } from "../fault.ts"
import { hasRole, toText } from "../protocol/replies.ts"
import { control } from "../session/era.ts"
import type { Session } from "../session/session.ts"

/** Loads leave the markers of an id alone; other writes end what derives from it. */
type Message = readonly [
  sender: string,
  loads: ReadonlyArray<string>,
  ids: ReadonlyArray<string>,
  tags: ReadonlyArray<string>,
  all: boolean
]

/** What a process knows of its own messages, and of those that it has received. */
export interface Messages {
  readonly sender: string
  sent: number
  /** Own messages whose scripts may run late: their answers were lost. */
  readonly lost: Map<string, true>
  /** On a cluster, each master delivers a message. */
  readonly received: Map<string, true>
}

export const messages = (sender: string): Messages => ({ sender, sent: 0, lost: new Map(), received: new Map() })

export const isLost = ({ lost }: Messages, message: string): void =>
  void remember(lost, message.slice(2, message.indexOf("\"", 2)), true, Limits.tracking.ownWrites)

export const messageOf = (self: Messages, changes: ReadonlyArray<Told>): string => {
  const idsOf = (tag: "Load" | "Entry") => changes.flatMap((one) => one._tag === tag ? [one.id] : [])
  const tags = changes.flatMap((one) => one._tag === "Tag" ? [one.tag] : [])
  const message: Message = [`${self.sender}.${++self.sent}`, idsOf("Load"), idsOf("Entry"), tags, changes.some(({ _tag }) => _tag === "All")]
  return JSON.stringify(message)
}

interface Following {
  readonly session: Session
  readonly messages: Messages
  readonly scrub: Scrub
}

export const changesOf = (self: Following): Stream.Stream<Change, StoreError> =>
  Waiting.stream((offer) =>
    Effect.mapError(onMachineClock(follow(self, offer)), (fault) => storeError("listen", fault))
  )

const follow = Effect.fnUntraced(function*(
  self: Following,
  offer: Waiting.Offer
): Effect.fn.Return<never, Fault, Scope.Scope> {
  const { scrub, session: { wire } } = self
  const lost = Deferred.makeUnsafe<never, Fault>()
  const onLost = (why: Fault) => void Deferred.doneUnsafe(lost, Exit.fail(why))
  const unsubscribe = wire.onMasters(() => onLost(new Fault("Unavailable", "the cluster has other masters")))
  yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
  yield* whole(wire)
  const clients = yield* wire.makeClients({ RESP: 3 })
  const hear = (text: unknown) => onMessage(self, text, offer)
  const listening = { hear, onLost, scrub, wire, channel: self.session.keys.changes }
  const asks = yield* Effect.forEach(clients, (client) => listen(client, listening), { concurrency: "unbounded" })
  offer({ _tag: "Coherent" })
  const watching = Effect.forEach(asks, (ask) => watch(self, ask, offer), { concurrency: "unbounded" })
  return yield* Effect.raceFirst(Deferred.await(lost), Effect.andThen(watching, Effect.never))
})

const whole = (wire: Wire): Effect.Effect<void> =>
  Effect.suspend(() =>
    wire.isWhole() && wire.masters().length > 0
      ? Effect.void
      : Effect.andThen(Effect.sleep(Limits.tracking.lookMillis), whole(wire))
  )

interface Listening {
  readonly hear: (text: unknown) => void
  readonly onLost: (why: Fault) => void
  readonly scrub: Scrub
  readonly wire: Wire
  readonly channel: string
}

type Ask = (...args: ReadonlyArray<string>) => Effect.Effect<unknown, Fault>

const listen = Effect.fnUntraced(function*(
  client: Client,
  { channel, hear, onLost, scrub, wire }: Listening
): Effect.fn.Return<Ask, Fault, Scope.Scope> {
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
  const inTime = <A>(questions: number, run: () => Promise<A>) =>
    Effect.timeoutOrElse(Effect.tryPromise({ try: run, catch: (thrown) => faultOf(thrown, scrub) }), {
      duration: answerMillis(wire, questions),
      orElse: () =>
        Effect.fail(new Fault("Timeout", "the server does not answer on the connection that reports changes"))
    })
  const ask: Ask = (...args) => inTime(1, () => client.sendCommand(args))
  yield* inTime(toConnect, () => connecting = client.connect())
  yield* requireMaster(ask)
  yield* inTime(1, () => client.subscribe(channel, hear))
  return ask
})

const requireMaster = (ask: Ask): Effect.Effect<void, Fault> =>
  Effect.flatMap(
    Effect.catch(ask("ROLE"), (fault) => fault.code === "NOPERM" ? Effect.succeed([]) : Effect.fail(fault)),
    (role) =>
      hasRole(role, "slave")
        ? Effect.fail(new Fault("Unsupported", "the server is a replica", "REPLICA"))
        : Effect.void
  )

/** An answer proves that all earlier messages have arrived; the era, that the server has not lost its keys. */
const watch = Effect.fnUntraced(function*(
  { session }: Following,
  ask: Ask,
  offer: Waiting.Offer
): Effect.fn.Return<never, Fault> {
  const { keys: { controlTag, era }, wire } = session
  for (let beat = 1;; beat++) {
    yield* Effect.sleep(Limits.tracking.heartbeatMillis)
    yield* ask("TIME")
    if (beat % Limits.tracking.beatsPerRole === 0) yield* requireMaster(ask)
    wire.send(controlTag, ["GET", era], (found) => {
      if (isFault(found) || session.era === undefined || toText(found) === session.era) return
      control(session, () => {})
      offer({ _tag: "AllChanged" })
    })
  }
})

/** The last character says whether the script ended markers of ids. */
const onMessage = ({ messages, session }: Following, given: unknown, offer: Waiting.Offer): void => {
  const text = String(given)
  const message = parse(text.slice(0, -1))
  // A message in an unknown format may come from another release, so anything may have changed.
  if (message === undefined) return offer({ _tag: "AllChanged" })
  const [from, loads, ids, tags, all] = message
  if (from.startsWith(`${messages.sender}.`) && !messages.lost.has(from) || messages.received.has(from)) return
  if (session.wire.isCluster) remember(messages.received, from, true, Limits.tracking.ownWrites)
  for (const id of loads) offer({ _tag: "Changed", id })
  for (const id of ids) {
    if (text.endsWith("1")) { for (const tag of tagsOfId(id)) offer({ _tag: "TagChanged", tag }) }
    offer({ _tag: "Changed", id })
  }
  for (const tag of tags) offer({ _tag: "TagChanged", tag })
  if (!all) return
  control(session, () => {})
  offer({ _tag: "AllChanged" })
}

const parse = (text: string): Message | undefined => {
  try {
    const message: unknown = JSON.parse(text)
    return isMessage(message) ? message : undefined
  } catch {
    return undefined
  }
}

const isMessage = (message: unknown): message is Message =>
  Array.isArray(message) && typeof message[0] === "string" && typeof message[4] === "boolean" &&
  message.slice(1, 4).every((part) => Array.isArray(part) && part.every((one) => typeof one === "string"))
