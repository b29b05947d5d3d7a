/** Reads the markers of tags, and invalidates tags. */
import type { InvalidationMode, Marker, Markers } from "../../../ports/store.ts"
import type { Done } from "../connection/connection.ts"
import { type Fault, isFault, noAnswer } from "../fault.ts"
import { markerOf } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { all, perCommand } from "../session/answers.ts"
import { control, run } from "../session/era.ts"
import { askInTurn } from "./many.ts"
import { asking, type Kind, list, type Operation, type StoreState } from "./state.ts"
import * as Program from "./writing/program.ts"
import { writes } from "./writing/writes.ts"

/** Reads the sequence of invalidations first, then reads or creates the markers of tags. */
export const markers = (self: StoreState, tags: ReadonlyArray<string>): Operation<Markers> =>
  asking("markers", (done) => {
    const { session } = self
    if (!session.wire.isCluster) {
      // Each run returns the sequence, then markers. The first run reads the sequence before it reads any marker.
      return readMarkers(self, tags, [], (answers) =>
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
      readMarkers(
        self,
        tags,
        [count],
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
    const invalidate = (seq?: string): void =>
      all(Array.from(new Set(tags)), (tag, done) => {
        const version = self.tokens.next(12)
        const write = (program: Program.Program) => Program.invalidate(program, { tag, version, mode, seq })
        askInTurn(self, { kind: writes, item: { id: markerOf(tag)[1], size: 0, write }, done })
      }, done)
    if (!self.session.wire.isCluster || tags.length === 0) return invalidate()
    askInTurn(self, {
      kind: counts,
      item: "",
      done: (seq) => isFault(seq) ? done(seq) : invalidate(seq as string)
    })
  }, () => undefined)

/** Counts an invalidation on a cluster, where the sequence of invalidations is not in the slot of the tags. */
const counts: Kind<string> = {
  idOf: (id) => id,
  send: ({ session }, part, done) =>
    run(session, "count", { fixed: [session.keys.sequence], isWrite: true }, (answer) => {
      if (isFault(answer)) return done(answer)
      const seq = Replies.toCount(list(answer)[0])
      done(seq === undefined ? noAnswer("invalidateTags") : part.map(() => String(seq)))
    })
}

/** Reads or creates markers: on a cluster, those of each tag alone. */
const readMarkers = (
  { session, tokens }: StoreState,
  tags: ReadonlyArray<string>,
  args: ReadonlyArray<string>,
  done: Done
): void => {
  const { keys, wire } = session
  const fixed = wire.isCluster ? [] : [keys.sequence]
  const ask = (some: ReadonlyArray<string>, done: Done) =>
    run(session, "markers", {
      fixed,
      keys: some.map(markerOf),
      args: [...args, ...some.map(() => Replies.toRaw(tokens.next(12)))]
    }, done)
  all(wire.isCluster ? tags.map((tag) => [tag]) : perCommand(tags), ask, done)
}
