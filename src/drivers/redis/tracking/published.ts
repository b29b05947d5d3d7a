/**
 * Publishes changes for processes that cannot use client-side tracking, because an ACL or a proxy forbids it. Such a
 * process sets the key `untracked`. All other processes track this key, and publish changes only while it exists.
 *
 * A change is published after the server has answered the write, so a subscriber then reads the new value. However, a
 * message may be lost, and expirations, evictions and writes of other programs are not published. A process without
 * tracking therefore still trusts memory for no longer than `maxStaleness`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { tagsOfId } from "../../../internal/store/markers/idTags.ts"
import type { Change } from "../../../ports/store.ts"
import type { Told } from "../../shared/recentChanges.ts"
import { destroy } from "../connection/client.ts"
import { answerMillis, toConnect } from "../connection/wire.ts"
import { Fault, faultOf, isFault, type Scrub } from "../fault.ts"
import { control } from "../session/era.ts"
import type { Session } from "../session/session.ts"

export interface Published {
  readonly session: Session
  readonly sender: string
  readonly scrub: Scrub
  isUntracked: boolean
  /** Whether any other process is denied client-side tracking. `undefined` if unknown. */
  areOthersUntracked: boolean | undefined
  changes: Array<Told>
  /** How many times this process was due to announce itself since it last received one of its own messages. */
  unheard: number
  unconfirmed: number
  onConfirmed: (() => void) | undefined
}

interface PublishedOptions {
  readonly sender: string
  readonly scrub: Scrub
  readonly isTracking: boolean
}

/** Changes by one sender: ids of type `Load`, ids written or removed explicitly, tags, and whether all was cleared. */
type Message = readonly [
  sender: string,
  loads: ReadonlyArray<string>,
  ids: ReadonlyArray<string>,
  tags: ReadonlyArray<string>,
  all: boolean
]

export const make = (session: Session, { isTracking, scrub, sender }: PublishedOptions): Published => {
  const self: Published = {
    session,
    sender,
    scrub,
    isUntracked: false,
    areOthersUntracked: undefined,
    changes: [],
    unheard: 0,
    unconfirmed: 0,
    onConfirmed: undefined
  }
  // Until the key `untracked` has been read, all changes are published, even if no other process needs them. A process
  // without tracking never learns that the key was set.
  if (isTracking) look(self)
  return self
}

export const look = (self: Published): void => {
  const { keys, wire } = self.session
  // A key without an expiry was not set by a process, and would never disappear.
  wire.send(keys.controlTag, ["PTTL", keys.untracked], (answer) => {
    self.areOthersUntracked = isFault(answer) ? undefined : Number(answer) > 0
  })
}

/** Called when tracking ends. All changes are then published, until the key `untracked` has been checked again. */
export const forget = (self: Published): void => void (self.areOthersUntracked = undefined)

export const publish = (self: Published, changes: ReadonlyArray<Told>): void => {
  if (!self.isUntracked && self.areOthersUntracked === false) return
  for (const change of changes) {
    const length = self.changes.push(change)
    if (length === 1) queueMicrotask(() => flush(self))
    else if (length === Limits.keysPerCommand) flush(self)
  }
}

/** Publishes the remaining changes, and waits for the server's confirmation within a time limit. */
export const settle = (self: Published): Effect.Effect<void> =>
  Effect.ignore(Effect.timeout(
    Effect.callback<void>((resume) => {
      flush(self)
      self.onConfirmed = () => resume(Effect.void)
      if (self.unconfirmed === 0) self.onConfirmed()
    }),
    answerMillis(self.session.wire, 1)
  ))

const flush = (self: Published): void => {
  const { changes } = self
  self.changes = []
  if (changes.length > 0) send(self, changes)
}

const send = (self: Published, changes: ReadonlyArray<Told>): void => {
  const { keys, wire } = self.session
  const idsOf = (tag: "Load" | "Entry") => changes.flatMap((one) => one._tag === tag ? [one.id] : [])
  const tags = changes.flatMap((one) => one._tag === "Tag" ? [one.tag] : [])
  const all = changes.some(({ _tag }) => _tag === "All")
  const message: Message = [self.sender, idsOf("Load"), idsOf("Entry"), tags, all]
  self.unconfirmed++
  wire.send(keys.controlTag, ["PUBLISH", keys.changes, JSON.stringify(message)], () => {
    if (--self.unconfirmed === 0) self.onConfirmed?.()
  })
}

/** Subscribes to published changes until the scope closes. The returned effect fails when messages stop arriving. */
export const subscribe = Effect.fnUntraced(function*(
  self: Published,
  offer: (change: Change) => void
): Effect.fn.Return<Effect.Effect<never, Fault>, Fault, Scope.Scope> {
  const { scrub, session: { keys, wire } } = self
  const client = yield* Effect.acquireRelease(wire.makeClient(), (client) => Effect.sync(() => destroy(client)))
  const lost = Deferred.makeUnsafe<never, Fault>()
  const end = (why: Fault) => void Deferred.doneUnsafe(lost, Effect.fail(why))
  client.on("error", (thrown: unknown) => end(faultOf(thrown, scrub)))
  client.on("end", () => end(new Fault("Unavailable", "the server closed the connection")))
  const subscribed = Effect.tryPromise({
    try: async () => {
      await client.connect()
      await client.subscribe(keys.changes, (text) => onMessage(self, text, offer))
    },
    catch: (thrown) => faultOf(thrown, scrub)
  })
  yield* Effect.timeoutOrElse(subscribed, {
    duration: answerMillis(wire, toConnect + 1),
    orElse: () =>
      Effect.fail(new Fault("Timeout", "the server does not answer on the connection that subscribes to messages"))
  })
  self.isUntracked = true
  yield* Effect.addFinalizer(() => Effect.sync(() => self.isUntracked = false))
  self.unheard = 0
  announce(self)
  const announcing = Effect.forever(Effect.andThen(
    Effect.sleep(Limits.tracking.announceMillis),
    Effect.sync(() => {
      if (self.unheard++ > 1) end(new Fault("Unavailable", "published messages do not arrive"))
      else announce(self)
    })
  ))
  return Effect.raceFirst(Deferred.await(lost), announcing)
})

/** Sets the key `untracked`, and publishes an empty message, whose arrival proves that the subscription works. */
const announce = (self: Published): void => {
  const { keys, wire } = self.session
  const args = ["SET", keys.untracked, "", "PX", String(3 * Limits.tracking.announceMillis)]
  wire.send(keys.controlTag, args, () => {})
  send(self, [])
}

const onMessage = (self: Published, text: unknown, offer: (change: Change) => void): void => {
  const message = parse(text)
  // A message in an unknown format may come from another release, so anything may have changed.
  if (message === undefined) return offer({ _tag: "AllChanged" })
  const [sender, loads, ids, tags, all] = message
  if (sender === self.sender) {
    self.unheard = 0
    return
  }
  for (const id of loads) offer({ _tag: "Changed", id })
  for (const id of ids) {
    for (const tag of tagsOfId(id)) offer({ _tag: "TagChanged", tag })
    offer({ _tag: "Changed", id })
  }
  for (const tag of tags) offer({ _tag: "TagChanged", tag })
  if (!all) return
  control(self.session, () => {})
  offer({ _tag: "AllChanged" })
}

const parse = (text: unknown): Message | undefined => {
  try {
    const message: unknown = JSON.parse(String(text))
    return isMessage(message) ? message : undefined
  } catch {
    return undefined
  }
}

const isMessage = (message: unknown): message is Message =>
  Array.isArray(message) && typeof message[0] === "string" && typeof message[4] === "boolean" &&
  message.slice(1, 4).every((part) => Array.isArray(part) && part.every((one) => typeof one === "string"))
