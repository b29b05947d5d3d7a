/** Tags: their markers, and invalidations. */
import type * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import type { InvalidationMode, Marker, Markers } from "../../../ports/store.ts"
import type { Told } from "../../shared/recentChanges.ts"
import type { Done } from "../connection/connection.ts"
import { type Fault, isFault, noAnswer } from "../fault.ts"
import { markerOf } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { all, perCommand } from "../session/answers.ts"
import { control, run } from "../session/era.ts"
import * as MarkerVersions from "../tracking/markerVersions.ts"
import { asking, confirmed, list, type RedisStoreState } from "./state.ts"

const newVersion = ({ tokens }: RedisStoreState): Buffer => Replies.toRaw(tokens.next(12))

/** The markers of tags, with a count of invalidations that was read before the first of them was written. */
export const markers = (self: RedisStoreState, tags: ReadonlyArray<string>): Effect.Effect<Markers, StoreError> =>
  asking("markers", (done) => {
    const { markerVersions, session } = self
    MarkerVersions.asking(markerVersions, tags)
    const answered: Done = (answer) => {
      MarkerVersions.answered(markerVersions, tags)
      done(answer)
    }
    if (session.wire.isCluster) askEach(self, tags, answered)
    else askTogether(self, tags, answered)
  }, (answer) => toMarkers(self, tags, answer))

/** The count and the markers. The first command answers the count that was read before all markers. */
const askTogether = (self: RedisStoreState, tags: ReadonlyArray<string>, done: Done): void => {
  const { session } = self
  const fixed = [session.keys.sequence]
  const ask = (some: ReadonlyArray<string>, done: Done) =>
    run(session, "markers", { fixed, keys: some.map(markerOf), args: some.map(() => newVersion(self)) }, done)
  all(perCommand(tags), ask, (answers) => {
    if (isFault(answers)) return done(answers)
    const [first] = list(answers).map(list)
    done([first?.[0], ...list(answers).flatMap((one) => list(one).slice(1))])
  })
}

const askEach = (self: RedisStoreState, tags: ReadonlyArray<string>, done: Done): void => {
  const { session } = self
  control(session, (told) => {
    if (isFault(told)) return done(told)
    const seq = String(told.seq)
    const ask = (tag: string, done: Done) =>
      run(session, "markers", { keys: [markerOf(tag)], args: [seq, newVersion(self)] }, done)
    all(
      tags,
      ask,
      (answers) => done(isFault(answers) ? answers : [Buffer.from(seq), ...list(answers).map((one) => list(one)[0])])
    )
  })
}

const toMarkers = (
  { markerVersions }: RedisStoreState,
  tags: ReadonlyArray<string>,
  answer: unknown
): Markers | Fault => {
  const [count, ...found] = list(answer)
  const seq = Replies.toCount(count)
  const markers = found.map(Replies.toMarker)
  if (seq === undefined || markers.includes(undefined)) return noAnswer("markers")
  for (let i = 0; i < tags.length; i++) MarkerVersions.note(markerVersions, tags[i]!, markers[i]!.version)
  return { seq, markers: markers as ReadonlyArray<Marker> }
}

export const invalidateTags = (
  self: RedisStoreState,
  tags: ReadonlyArray<string>,
  mode: InvalidationMode = "hard"
): Effect.Effect<void, StoreError> =>
  asking("invalidateTags", (done) => {
    if (tags.length === 0) return done([])
    for (const tag of tags) MarkerVersions.forgetTag(self.markerVersions, tag)
    const invalidated = confirmed(self, tags.map((tag): Told => ({ _tag: "Tag", tag })), done)
    if (self.session.wire.isCluster) invalidateEach(self, tags, mode, invalidated)
    else invalidateTogether(self, tags, mode, invalidated)
  }, () => undefined)

const invalidateTogether = (
  self: RedisStoreState,
  tags: ReadonlyArray<string>,
  mode: InvalidationMode,
  done: Done
): void => {
  const { session } = self
  const ask = (some: ReadonlyArray<string>, done: Done) =>
    run(session, "invalidate", {
      fixed: [session.keys.sequence],
      keys: some.map(markerOf),
      args: [mode, ...some.map(() => newVersion(self))],
      isWrite: true
    }, done)
  all(perCommand(tags), ask, done)
}

const invalidateEach = (
  self: RedisStoreState,
  tags: ReadonlyArray<string>,
  mode: InvalidationMode,
  done: Done
): void => {
  const { session } = self
  run(session, "count", { fixed: [session.keys.sequence], isWrite: true }, (answer) => {
    if (isFault(answer)) return done(answer)
    const seq = Replies.toCount(list(answer)[0])
    if (seq === undefined) return done(noAnswer("invalidateTags"))
    const ask = (tag: string, done: Done) =>
      run(session, "invalidate", {
        keys: [markerOf(tag)],
        args: [mode, String(seq), newVersion(self)],
        isWrite: true
      }, done)
    all(tags, ask, done)
  })
}
