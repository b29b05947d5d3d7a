/**
 * What is changed on the servers, as they tell it themselves (client tracking, broadcasting): writes of this release and of
 * others, removals, what expires and what is evicted.
 *
 * A connection of its own to each master, because a client that connects again listens to nothing and does not say so. It is thrown away
 * on any fault; who follows begins again. Every half second it is asked how it listens: the answer proves that every change
 * before it was heard.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { idTag, isInherited, tagsOfId } from "../../../internal/store/markers/idTags.ts"
import type { Change } from "../../../ports/store.ts"
import { type Client, destroy } from "../connection/client.ts"
import type { Session } from "../connection/commands.ts"
import type { Wire } from "../connection/router.ts"
import { Fault, faultOf, isFault, noAnswer, type Scrub, storeError } from "../fault.ts"
import { hashOf, type Keys, type Named } from "../protocol/keys.ts"
import { toVersion } from "../protocol/replies.ts"
import type { Published } from "./published.ts"

/** The beginnings of what this process has written: its own writes are told to it like those of others. */
interface Own {
  /** the entry of an id begins with this from now on */
  readonly wrote: (id: string, head: Uint8Array) => void
  readonly headOf: (id: string) => Uint8Array | undefined
  readonly forget: (id: string) => void
}

export const makeOwn = (): Own => {
  const heads = new Map<string, Uint8Array>()
  return {
    wrote: (id, head) => {
      heads.delete(id)
      // a copy: the rest of the frame is let go
      heads.set(id, Uint8Array.from(head))
      if (heads.size <= Limits.tracking.ownWrites) return
      const [oldest] = heads.keys()
      heads.delete(oldest!)
    },
    headOf: (id) => heads.get(id),
    forget: (id) => heads.delete(id)
  }
}

/**
 * The versions of markers that this process has been told: it is told that a marker has come or is kept for longer, too,
 * and only where the version is another one anything has changed.
 */
interface Known {
  /** the server has told the version of a tag; one that is known otherwise has changed, and nobody may have said so */
  readonly isAt: (tag: string, version: string | undefined) => void
  readonly versionOf: (tag: string) => string | undefined
  /** the marker of a tag has changed */
  readonly changed: (tag: string) => void
  /** this process ends the markers of an id */
  readonly forget: (id: string) => void
  /** this process gives a tag another version */
  readonly forgetTag: (tag: string) => void
  /** the server is asked for the versions of tags, until what it answers is called */
  readonly asking: (tags: ReadonlyArray<string>) => () => void
  /** whether the version of a tag is known, or just being asked for */
  readonly isKnown: (tag: string) => boolean
  /** who is told of changes; answers with how to end that */
  readonly listen: (told: (tag: string) => void) => () => void
}

export const makeKnown = (): Known => {
  const versions = new Map<string, string>()
  /**
   * Of tags that users give. Once it is full nothing becomes known of others: memory may have entries of a version that was
   * forgotten, and the change of it would be taken for none.
   */
  const given = new Map<string, string>()
  let isFull = false
  const asked = new Map<string, number>()
  const listeners = new Set<(tag: string) => void>()
  const changed = (tag: string) => {
    versions.delete(tag)
    given.delete(tag)
    for (const told of listeners) told(tag)
  }
  return {
    isAt(tag, version) {
      const known = isInherited(tag) ? versions : given
      const before = known.get(tag)
      if (before === version) return
      if (before !== undefined) changed(tag)
      if (version === undefined || known === given && (isFull ||= given.size >= Limits.tracking.tagVersions)) return
      known.set(tag, version)
      if (versions.size <= Limits.tracking.ownWrites) return
      const [oldest] = versions.keys()
      changed(oldest!)
    },
    versionOf: (tag) => versions.get(tag) ?? given.get(tag),
    changed,
    forget(id) {
      for (const tag of tagsOfId(id)) versions.delete(tag)
    },
    forgetTag: (tag) => void given.delete(tag),
    asking(tags) {
      for (const tag of tags) asked.set(tag, (asked.get(tag) ?? 0) + 1)
      return () => {
        for (const tag of tags) {
          const left = asked.get(tag)! - 1
          if (left === 0) asked.delete(tag)
          else asked.set(tag, left)
        }
      }
    },
    isKnown: (tag) => given.has(tag) || asked.has(tag),
    listen(told) {
      listeners.add(told)
      return () => void listeners.delete(told)
    }
  }
}

type Offer = (change: Change) => void

interface Options {
  readonly session: Session
  readonly published: Published
  readonly own: Own
  readonly known: Known
  readonly scrub: Scrub
}

/**
 * Follows what is changed on all masters, without the writes of this process. It ends with the first connection that is
 * lost, and where another master has come: what that one changes has not been heard.
 */
export const changesOf = (options: Options): Stream.Stream<Change, StoreError> =>
  Stream.callback<Change, StoreError>((queue) => {
    const offer = (change: Change): void => {
      Queue.offerUnsafe(queue, change)
      // the reader has fallen behind: it begins again, and looks at everything anew
      if (Queue.sizeUnsafe(queue) > Limits.tracking.queued) Queue.endUnsafe(queue)
    }
    return Effect.mapError(follow(options, offer), (fault) => storeError("listen", fault))
  })

/** Where a server refuses to tell, what others publish is heard, and it is tried again from time to time. */
const follow = Effect.fnUntraced(function*(options: Options, offer: Offer): Effect.fn.Return<never, Fault> {
  const hearing = yield* Scope.make()
  const stop = Scope.close(hearing, Exit.void)
  let heard: Effect.Effect<never, Fault> | undefined
  let isTracked = false
  const began = Effect.andThen(stop, Effect.sync(() => isTracked = true))
  return yield* Effect.ensuring(
    Effect.gen(function*() {
      for (;;) {
        const refused = yield* Effect.scoped(track(options, offer, began)).pipe(
          // who was told of everything has to know at once that this is over
          Effect.catch((fault) => fault.isLasting && !isTracked ? Effect.succeed(fault) : Effect.fail(fault))
        )
        if (heard === undefined) {
          heard = yield* options.published.hear(offer).pipe(
            Scope.provide(hearing),
            Effect.mapError(() => refused)
          )
          offer({ _tag: "Partial", why: storeError("listen", refused) })
        }
        yield* Effect.raceFirst(Effect.sleep(Limits.tracking.refusedMillis), heard)
      }
    }),
    stop
  )
})

/** Follows what the servers tell, until a connection is lost or one of them refuses to tell. */
const track = Effect.fnUntraced(function*(
  { known, own, published, scrub, session }: Options,
  offer: Offer,
  began: Effect.Effect<void>
): Effect.fn.Return<never, Fault, Scope.Scope> {
  const { keys, wire } = session
  const lost = Deferred.makeUnsafe<never, Fault>()
  const end = (why: Fault) => void Deferred.doneUnsafe(lost, Exit.fail(why))
  const ignore = wire.onMasters(() => end(new Fault("Unavailable", "the cluster has other masters")))
  yield* Effect.addFinalizer(() => Effect.sync(ignore))
  const deafen = known.listen((tag) => offer({ _tag: "TagChanged", tag }))
  yield* Effect.addFinalizer(() => Effect.sync(deafen))
  yield* Effect.addFinalizer(() => Effect.sync(published.forget))
  yield* whole(wire)
  const clients = yield* wire.makeClients({ RESP: 3, emitInvalidate: true })
  const inTime = yield* makeInTime
  const hear = (key: unknown) => heard({ inTime, keys, known, offer, own, published, session }, key)
  const asks = yield* Effect.forEach(clients, (client) => listen(client, { end, hear, keys, scrub }), {
    concurrency: "unbounded"
  })
  yield* began
  published.look()
  offer({ _tag: "Coherent" })
  return yield* Effect.raceFirst(
    Effect.andThen(Effect.all(asks.map(watch), { concurrency: "unbounded" }), Effect.never),
    Deferred.await(lost)
  )
})

/** While a server is not there, nothing is tried: the connection of the commands tells when it is back. */
const whole = (wire: Wire): Effect.Effect<void> =>
  Effect.suspend(() =>
    wire.isWhole() && wire.masters().length > 0
      ? Effect.void
      : Effect.andThen(Effect.sleep(Limits.tracking.lookMillis), whole(wire))
  )

interface Listening {
  readonly end: (why: Fault) => void
  readonly hear: (key: unknown) => void
  readonly keys: Keys
  readonly scrub: Scrub
}

/** Connects a client, which is told of every change from then on. */
const listen = Effect.fnUntraced(function*(
  client: Client,
  { end, hear, keys, scrub }: Listening
): Effect.fn.Return<Ask, Fault, Scope.Scope> {
  let connecting: Promise<unknown> = Promise.resolve()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      destroy(client)
      // one that is just connecting is not stopped by that
      void connecting.then(() => destroy(client), () => {})
    })
  )
  client.on("error", (thrown: unknown) => end(faultOf(thrown, scrub)))
  client.on("end", () => end(new Fault("Unavailable", "the server has hung up")))
  client.on("invalidate", hear)
  const ask = askOf(client, scrub)
  yield* within(
    Effect.tryPromise({ try: () => connecting = client.connect(), catch: (thrown) => faultOf(thrown, scrub) })
  )
  yield* requireMaster(ask)
  // the client has switched another mode on
  yield* ask("CLIENT", "TRACKING", "OFF")
  yield* ask("CLIENT", "TRACKING", "ON", "BCAST", ...keys.tracked.flatMap((prefix) => ["PREFIX", prefix]))
  // before anything is believed: a user who may not ask cannot know that everything is heard
  yield* ask("CLIENT", "TRACKINGINFO")
  return ask
})

type Ask = (...args: ReadonlyArray<string>) => Effect.Effect<unknown, Fault>

/** In looks at the time, not by one timer: where the program itself was busy, the answer is there with the next look. */
const within = <A>(effect: Effect.Effect<A, Fault>): Effect.Effect<A, Fault> =>
  Effect.raceFirst(
    effect,
    Effect.andThen(
      Effect.forEach(looks, () => Effect.sleep(Limits.tracking.answerMillis / looks.length), { discard: true }),
      Effect.fail(new Fault("Timeout", "the server does not answer the connection that hears of changes"))
    )
  )

const looks = [1, 2, 3, 4]

const askOf = (client: Client, scrub: Scrub): Ask => (...args) =>
  within(Effect.tryPromise({ try: () => client.sendCommand(args), catch: (thrown) => faultOf(thrown, scrub) }))

/** A master that has become a replica hears of changes late, or of other ones. */
const requireMaster = (ask: Ask): Effect.Effect<void, Fault> =>
  Effect.flatMap(
    // a user who may not ask is not told
    Effect.catch(ask("ROLE"), (fault) => fault.code === "NOPERM" ? Effect.succeed([]) : Effect.fail(fault)),
    (role) =>
      Array.isArray(role) && String(role[0]) === "slave"
        ? Effect.fail(new Fault("Unsupported", "the server is a replica", "REPLICA"))
        : Effect.void
  )

/** Asks again and again whether everything is heard, until it is not. */
const watch = Effect.fnUntraced(function*(ask: Ask): Effect.fn.Return<never, Fault> {
  for (let beat = 1;; beat++) {
    yield* Effect.sleep(Limits.tracking.heartbeatMillis)
    // the answer proves that every change before it was heard, unless somebody has switched it off
    const info = yield* ask("CLIENT", "TRACKINGINFO")
    if (!JSON.stringify(info, asText).includes("bcast")) {
      return yield* Effect.fail(new Fault("Unavailable", "the server has been told to tell of no changes"))
    }
    if (beat % Limits.tracking.beatsPerRole === 0) yield* requireMaster(ask)
  }
})

const asText = (_: string, value: unknown): unknown => {
  if (value instanceof Map) return [...value]
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer"
    ? Buffer.from(value as never).toString()
    : value
}

/** Gives a callback that takes one answer, or `false` where that takes too long. */
type InTime = (done: (is: boolean) => void) => (is: boolean) => void

interface Waiting {
  readonly done: (is: boolean) => void
  readonly look: number
}

/** In looks at the time too: where the program itself was busy, the answer is there before the last one. */
const makeInTime: Effect.Effect<InTime, never, Scope.Scope> = Effect.gen(function*() {
  const waiting = new Set<Waiting>()
  const isAsked = Latch.makeUnsafe()
  let look = 0
  const lookAgain = () => {
    look++
    for (const one of waiting) {
      if (look - one.look <= Limits.tracking.ownWriteLooks) break
      waiting.delete(one)
      one.done(false)
    }
    if (waiting.size === 0) isAsked.closeUnsafe()
  }
  yield* Effect.forkScoped(Effect.forever(
    Effect.andThen(
      isAsked.await,
      Effect.andThen(
        Effect.sleep(Limits.tracking.ownWriteMillis / Limits.tracking.ownWriteLooks),
        Effect.sync(lookAgain)
      )
    )
  ))
  return (done) => {
    const one: Waiting = { done, look }
    waiting.add(one)
    isAsked.openUnsafe()
    return (is) => {
      if (waiting.delete(one)) done(is)
    }
  }
})

interface Hearing {
  readonly inTime: InTime
  readonly keys: Keys
  readonly session: Session
  readonly published: Published
  readonly own: Own
  readonly known: Known
  readonly offer: Offer
}

/** The server has told of a key, or of all of them. */
const heard = ({ inTime, keys, known, offer, own, published, session }: Hearing, told: unknown): void => {
  if (told === null) return offer({ _tag: "AllChanged" })
  const key = String(told)
  if (key === keys.deaf) return published.look()
  if (key === keys.era) {
    session.control(() => {})
    return offer({ _tag: "AllChanged" })
  }
  const parts = keys.partsOf(key)
  if (parts === undefined) return
  const { era, kind, text } = parts
  // what belonged to a former era is nobody's any more
  if (Number(era) < Number(session.era() ?? 0)) return
  if (kind === "d" || kind === "t") {
    const tag = kind === "d" ? idTag(text) : text
    return isInherited(tag) || known.isKnown(tag)
      ? heardMarker({ inTime, known, marker: [kind, text], session, tag })
      : offer({ _tag: "TagChanged", tag })
  }
  if (kind !== "v" && kind !== "f") return
  const id = text
  const head = own.headOf(id)
  if (head === undefined) return offer({ _tag: "Changed", id })
  // memory serves it until that is known: a server that takes its time must not make that long
  const answered = inTime((is) => {
    if (is) return
    own.forget(id)
    offer({ _tag: "Changed", id })
  })
  isStill({ head, key: keys.of("v", era, id), session, tag: hashOf(id) }, answered)
}

interface HearingMarker {
  readonly inTime: InTime
  readonly known: Known
  readonly marker: Named
  readonly session: Session
  readonly tag: string
}

/**
 * The answer comes after those to questions that were asked before, also on a cluster, where each is answered when the
 * question for the era is: a marker that this process makes is known by then.
 */
const heardMarker = ({ inTime, known, marker, session, tag }: HearingMarker): void => {
  const answered = inTime((is) => {
    if (!is) known.changed(tag)
  })
  session.read([marker], [], (answer) => {
    const version = Array.isArray(answer) ? toVersion(answer[0]) : undefined
    answered(version !== undefined && version === known.versionOf(tag))
  })
}

interface Looking {
  readonly session: Session
  readonly tag: string
  readonly key: string
  readonly head: Uint8Array
}

/**
 * Whether an entry still is what this process wrote last: then the server has told of that write, and nobody has written
 * since. Several writes may be told as one, so one's own are not just counted.
 */
const isStill = ({ head, key, session: { wire }, tag }: Looking, done: (is: boolean) => void): void =>
  wire.send(tag, ["GETRANGE", key, "0", String(head.length - 1)], (answer) => {
    const found = isFault(answer) || !Buffer.isBuffer(answer) ? noAnswer("GETRANGE") : answer
    done(!isFault(found) && found.equals(head))
  })
