/**
 * The versions of tags that this process has read. Each may be trusted for `tagMillis`, so that a hit asks only for its
 * entry. All reads of one tag that meet share one question.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/objects.ts"
import { remember } from "../../../internal/remember.ts"

/** A version, or the question that is under way, and when the question was sent. */
interface Read {
  readonly at: number
  readonly answer: Deferred.Deferred<string | undefined, StoreError>
}

type Version = Effect.Effect<string | undefined, StoreError>

export interface KnownVersions {
  /** The version of a tag, asked for by `ask` unless it is known. */
  readonly read: (tag: string, ask: Version) => Version
  /** Notes the version that this process has read or written, with a request that was sent at this time. */
  readonly set: (tag: string, version: string, at: number) => void
  readonly forget: (tag: string) => void
}

export const make = (tagMillis: number): KnownVersions => {
  const reads = new Map<string, Read>()
  const keep = (tag: string, read: Read): void => void remember(reads, tag, read, Defaults.remembered)

  const askOnce = (tag: string, ask: Version, at: number): Version =>
    Effect.suspend(() => {
      const one: Read = { at, answer: Deferred.makeUnsafe() }
      keep(tag, one)
      const asking = Effect.onExit(ask, (exit) =>
        Effect.sync(() => {
          // A failed question is asked again. A missing marker may be created at any moment.
          const isKept = Exit.isSuccess(exit) && exit.value !== undefined
          if (!isKept && reads.get(tag) === one) reads.delete(tag)
          Deferred.doneUnsafe(one.answer, exit)
        }))
      // The question does not end with its first reader, because others may wait for it.
      return Effect.andThen(Effect.forkDetach(asking, { startImmediately: true }), Deferred.await(one.answer))
    })

  return {
    read: (tag, ask) =>
      tagMillis === 0 ? ask : Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const known = reads.get(tag)
        const isFresh = known !== undefined && now - known.at < tagMillis && now >= known.at
        return isFresh ? Deferred.await(known.answer) : askOnce(tag, ask, now)
      }),
    set: (tag, version, at) => {
      if (tagMillis === 0) return
      const answer = Deferred.makeUnsafe<string | undefined, StoreError>()
      Deferred.doneUnsafe(answer, Exit.succeed(version))
      keep(tag, { at, answer })
    },
    forget: (tag) => void reads.delete(tag)
  }
}
