/**
 * What the tabs of a browser tell each other of a database, over a `BroadcastChannel`.
 *
 * Who writes says so before and after. A tab that is closed in between says nothing after, and its write may count or
 * not: those who heard the first half take it for a change when the second does not come.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../CacheError.ts"
import { broadcasts } from "../../internal/defaults/stores.ts"
import type { Change } from "../../ports/store.ts"

/** The first half has what may change, the second what has. `write` is a token. */
type Message =
  | { readonly _tag: "Before"; readonly write: string; readonly changes: ReadonlyArray<Change> }
  | { readonly _tag: "After"; readonly write: string; readonly changes: ReadonlyArray<Change> }
  /** of a listener to itself: it comes back when the channel is open */
  | { readonly _tag: "Echo"; readonly token: string }

export interface Channel {
  /** tells the other tabs of a write */
  readonly telling: <A, E>(
    changes: ReadonlyArray<Change>,
    write: Effect.Effect<A, E>,
    /** what has changed, by the answer of the write */
    changed: (answer: A) => ReadonlyArray<Change>
  ) => Effect.Effect<A, E>
  readonly changes: Stream.Stream<Change, StoreError>
}

/** `undefined` where the platform has no such channel. */
export const make = (
  name: string,
  newToken: () => string
): Effect.Effect<Channel | undefined, never, Scope.Scope> =>
  Effect.gen(function*() {
    if (typeof BroadcastChannel === "undefined") return undefined
    const channelName = `effect-cached/${name}`
    const channel = yield* Effect.acquireRelease(
      Effect.sync(() => new BroadcastChannel(channelName)),
      (channel) => Effect.sync(() => channel.close())
    )
    const listeners = new Set<(message: Message) => void>()
    channel.addEventListener("message", ({ data }: MessageEvent<Message>) => {
      // whoever else uses this name
      if (typeof data === "object" && data !== null) { for (const listener of listeners) listener(data) }
    })
    const post = (message: Message): void => {
      try {
        channel.postMessage(message)
      } catch {
        // it is closed, as the store is
      }
    }
    return {
      telling: (changes, write, changed) =>
        Effect.suspend(() => {
          const token = newToken()
          if (changes.length > 0) post({ _tag: "Before", write: token, changes })
          const after = (changed: ReadonlyArray<Change>) =>
            Effect.sync(() => {
              if (changes.length + changed.length > 0) post({ _tag: "After", write: token, changes: changed })
            })
          // whether a write that failed, or was given up, counts is not known
          return Effect.onExit(write, (exit) => after(Exit.isSuccess(exit) ? changed(exit.value) : changes))
        }),
      changes: changesOf(channelName, listeners, newToken)
    }
  })

const changesOf = (
  channelName: string,
  listeners: Set<(message: Message) => void>,
  newToken: () => string
): Stream.Stream<Change, StoreError> =>
  Stream.callback<Change, StoreError>((queue) =>
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      const token = newToken()
      const open = new Map<string, () => void>()

      const offer = (changes: ReadonlyArray<Change>): void => {
        Queue.offerAllUnsafe(queue, changes)
        // the reader has fallen behind, or does not run: it looks at everything again when it listens again
        if (Queue.sizeUnsafe(queue) > broadcasts.kept) Queue.endUnsafe(queue)
      }

      const listen = (message: Message): void => {
        switch (message._tag) {
          case "Before": {
            const late = Effect.runForkWith(context)(
              Effect.delay(
                Effect.sync(() => {
                  open.delete(message.write)
                  offer(message.changes)
                }),
                broadcasts.unfinishedMillis
              )
            )
            open.set(message.write, () => late.interruptUnsafe())
            break
          }
          case "After":
            open.get(message.write)?.()
            open.delete(message.write)
            return offer(message.changes)
          case "Echo":
            if (message.token === token) offer([{ _tag: "Coherent" }])
        }
      }

      const onResumed = (event: Event): void => {
        // a page that was frozen may have missed anything
        if (event.type === "resume" || (event as PageTransitionEvent).persisted) offer([{ _tag: "Gap" }])
      }

      yield* Effect.acquireRelease(
        Effect.sync(() => {
          listeners.add(listen)
          globalThis.addEventListener?.("pageshow", onResumed)
          globalThis.document?.addEventListener("resume", onResumed)
        }),
        () =>
          Effect.sync(() => {
            listeners.delete(listen)
            globalThis.removeEventListener?.("pageshow", onResumed)
            globalThis.document?.removeEventListener("resume", onResumed)
            for (const stop of open.values()) stop()
          })
      )
      // a channel hears everything but itself
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => new BroadcastChannel(channelName)),
        (other) => Effect.sync(() => other.close())
      )
      other.postMessage({ _tag: "Echo", token } satisfies Message)
    })
  )
