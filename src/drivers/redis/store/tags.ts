/** Reads the markers of tags, and invalidates tags. */
import * as Arr from "effect/Array"
import type { InvalidationMode, Marker, Markers } from "../../../ports/store.ts"
import type { Told } from "../../shared/recentChanges.ts"
import type { Args, Done } from "../connection/connection.ts"
import { type Fault, isFault, noAnswer } from "../fault.ts"
import { hashOf, markerOf } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { all, perCommand } from "../session/answers.ts"
import { control, run } from "../session/era.ts"
import { messageOf } from "../tracking/published.ts"
import { askInTurn } from "./many.ts"
import { asking, confirmed, type Kind, list, type Operation, type StoreState } from "./state.ts"

/** Reads the sequence of invalidations first, then reads or creates the markers of tags. */
export const markers = (self: StoreState, tags: ReadonlyArray<string>): Operation<Markers> =>
  asking("markers", (done) => {
    const { session } = self
    if (!session.wire.isCluster) {
      // Each run returns the sequence, then markers. The first run reads the sequence before it reads any marker.
      return runForTags(self, "markers", { tags, args: [] }, (answers) =>
        done(
          isFault(answers) ? answers : [
            list(list(answers)[0])[0],
            ...list(answers).flatMap((one) => list(one).slice(1))
          ]
        ))
    }
    control(session, (told) => {
      if (isFault(told)) return done(told)
      const count = String(told.seq)
      runForTags(
        self,
        "markers",
        { tags, args: [count] },
        (answers) => done(isFault(answers) ? answers : [Buffer.from(count), ...list(answers).flatMap(list)])
      )
    })
  }, toMarkers)

const toMarkers = (answer: unknown): Markers | Fault => {
  const [count, ...found] = list(answer)
  const seq = Replies.toCount(count)
  const markers = found.map(Replies.toMarker)
  if (seq === undefined || markers.includes(undefined)) return noAnswer("markers")
  return { seq, markers: markers as ReadonlyArray<Marker> }
}

export const invalidateTags = (
  self: StoreState,
  tags: ReadonlyArray<string>,
  mode: InvalidationMode = "hard"
): Operation<void> =>
  asking("invalidateTags", (done) => {
    if (tags.length === 0) done([])
    else askInTurn(self, { kind: invalidations, item: { tags, mode }, done })
  }, () => undefined)

interface Invalidation {
  readonly tags: ReadonlyArray<string>
  readonly mode: InvalidationMode
}

const invalidate = (self: StoreState, { mode, tags }: Invalidation, done: Done): void => {
  const { session: { keys, wire } } = self
  const invalidated = confirmed(self, tags.map(toTold), done)
  if (!wire.isCluster) return runForTags(self, "invalidate", { tags, args: [mode], isWrite: true }, invalidated)
  run(self.session, "count", { fixed: [keys.sequence], isWrite: true }, (answer) => {
    if (isFault(answer)) return invalidated(answer)
    const seq = Replies.toCount(list(answer)[0])
    if (seq === undefined) return invalidated(noAnswer("invalidateTags"))
    runForTags(self, "invalidate", { tags, args: [mode, String(seq)], isWrite: true }, invalidated)
  })
}

const invalidations: Kind<Invalidation> = {
  idOf: () => "",
  areAlike: ({ mode }, other) => mode === other.mode,
  send: (self, part, done) => {
    const tags = Array.from(new Set(part.flatMap(({ tags }) => tags)))
    invalidate(self, { tags, mode: part[0]!.mode }, (answer) => done(isFault(answer) ? answer : part))
  },
  sendOne: invalidate
}

const toTold = (tag: string): Told => ({ _tag: "Tag", tag })

interface ForTags {
  readonly tags: ReadonlyArray<string>
  /** The script's arguments that precede the new versions. On a cluster, they include the sequence. */
  readonly args: Args
  readonly isWrite?: boolean
}

/** Runs a script for many tags at once. On a cluster, invalidates the tags of a slot at once, and reads each alone. */
const runForTags = (
  { published, session, tokens }: StoreState,
  script: "markers" | "invalidate",
  { args, isWrite = false, tags }: ForTags,
  done: Done
): void => {
  const { keys, wire } = session
  const fixed = wire.isCluster ? [] : [keys.sequence]
  const ask = (some: ReadonlyArray<string>, done: Done) => {
    const versions = some.map(() => Replies.toRaw(tokens.next(12)))
    const tells = isWrite ? messageOf(published, some.map(toTold)) : undefined
    const isDivisible = some.length > 1
    const call = { fixed, keys: some.map(markerOf), args: [...args, ...versions], isWrite, isDivisible, tells }
    run(session, script, call, (answer) => {
      // Some of the markers are at the new owner of their slot already, or do not exist yet.
      if (isDivisible && isFault(answer) && answer.code === "TRYAGAIN") all(some.map((tag) => [tag]), ask, done)
      else done(answer)
    })
  }
  const slots = !wire.isCluster
    ? [tags]
    : isWrite
    ? Object.values(Arr.groupBy(tags, (tag) => hashOf(markerOf(tag)[1])))
    : tags.map((tag) => [tag])
  all(slots.flatMap(perCommand), ask, done)
}
