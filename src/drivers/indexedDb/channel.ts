/**
 * Tells changes to other tabs over a `BroadcastChannel`, with one message before and one after each write. If a tab
 * is closed before it sends the second message, the other tabs assume that the announced changes were made.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { StoreError } from "../../CacheError.ts"
import { broadcasts } from "../../internal/defaults/stores.ts"
import type { Change } from "../../ports/store.ts"
import * as Waiting from "../shared/waitingChanges.ts"

type Changes = ReadonlyArray<Change>

/** `Before` lists the changes that a write may make, `After` those that it has made. `write` is their common token. */
type Message =
  | { readonly _tag: "Before"; readonly write: string; readonly changes: Changes }
  | { readonly _tag: "After"; readonly write: string; readonly changes: Changes }
  /** A message that a listener sends to itself. Its arrival shows that the channel is open. */
  | { readonly _tag: "Echo"; readonly token: string }

export interface Channel {
  readonly name: string
  readonly newToken: () => string
  readonly broadcast: BroadcastChannel
  readonly listeners: Set<(message: Message) => void>
}

const open = (name: string): Effect.Effect<BroadcastChannel, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new BroadcastChannel(name)),
    (broadcast) => Effect.sync(() => broadcast.close())
  )

export const make = (
  database: string,
  newToken: () => string
): Effect.Effect<Channel | undefined, never, Scope.Scope> =>
  Effect.gen(function*() {
    if (typeof BroadcastChannel === "undefined") return undefined
    const name = `effect-cached/${database}`
    const broadcast = yield* open(name)
    const listeners: Channel["listeners"] = new Set()
    broadcast.addEventListener("message", ({ data }: MessageEvent<Message>) => {
      // Another program may send anything over a channel of the same name, so only objects are passed on.
      if (typeof data === "object" && data !== null) { for (const listener of listeners) listener(data) }
    })
    return { name, newToken, broadcast, listeners }
  })

const post = ({ broadcast }: Channel, message: Message): void => {
  try {
    broadcast.postMessage(message)
  } catch {
    // The channel was closed together with the store.
  }
}

/** Runs a write and reports it to the other tabs. `changed` derives the changes from the write's result. */
export const telling = <A, E>(
  self: Channel,
  changes: Changes,
  write: Effect.Effect<A, E>,
  changed: (answer: A) => Changes
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const token = self.newToken()
    if (changes.length > 0) post(self, { _tag: "Before", write: token, changes })
    const after = (changed: Changes) =>
      Effect.sync(() => {
        if (changes.length + changed.length > 0) post(self, { _tag: "After", write: token, changes: changed })
      })
    // A write that failed or was interrupted may still have taken effect, so all announced changes are reported.
    return Effect.onExit(write, (exit) => after(Exit.isSuccess(exit) ? changed(exit.value) : changes))
  })

export const changes = ({ listeners, name, newToken }: Channel): Stream.Stream<Change, StoreError> =>
  Waiting.stream((offer) =>
    Effect.gen(function*() {
      const token = newToken()
      const self: Listener = { offer, token, context: yield* Effect.context<never>(), unfinished: new Map() }
      const onMessage = (message: Message) => listen(self, message)
      const onResumed = (event: Event) => {
        // A page that was frozen may have missed messages.
        if (event.type === "resume" || (event as PageTransitionEvent).persisted) offer({ _tag: "Gap" })
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          listeners.add(onMessage)
          globalThis.addEventListener?.("pageshow", onResumed)
          globalThis.document?.addEventListener("resume", onResumed)
        }),
        () =>
          Effect.sync(() => {
            listeners.delete(onMessage)
            globalThis.removeEventListener?.("pageshow", onResumed)
            globalThis.document?.removeEventListener("resume", onResumed)
            for (const stop of self.unfinished.values()) stop()
          })
      )
      // A channel does not receive its own messages, so the echo is sent from a second channel of the same name.
      const other = yield* open(name)
      other.postMessage({ _tag: "Echo", token } satisfies Message)
    })
  )

interface Listener {
  readonly offer: Waiting.Offer
  readonly token: string
  readonly context: Context.Context<never>
  /** The writes whose `After` message has not arrived, each with a function that stops waiting for the message. */
  readonly unfinished: Map<string, () => void>
}

const listen = (self: Listener, message: Message): void => {
  const { context, offer, token, unfinished } = self
  switch (message._tag) {
    case "Before": {
      const { changes, write } = message
      const give = Effect.sync(() => {
        unfinished.delete(write)
        changes.forEach(offer)
      })
      const late = Effect.runForkWith(context)(Effect.delay(give, broadcasts.unfinishedMillis))
      unfinished.set(write, () => late.interruptUnsafe())
      break
    }
    case "After":
      unfinished.get(message.write)?.()
      unfinished.delete(message.write)
      return message.changes.forEach(offer)
    case "Echo":
      if (message.token === token) offer({ _tag: "Coherent" })
  }
}
