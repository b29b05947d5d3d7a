/** Writes and removes entries. */
import * as Effect from "effect/Effect"
import type { TagVersion } from "../../../../CacheEntry.ts"
import * as Frame from "../../../../internal/codec/frame.ts"
import { noneIsGone } from "../../../../internal/store/markers/markers.ts"
import { aboveMaxValue } from "../../../../internal/store/tooLarge.ts"
import type { CommitRequest, SetRequest } from "../../../../ports/store.ts"
import { type Fault, isFault, storeName } from "../../fault.ts"
import { askingMany } from "../many.ts"
import { versionsFor } from "../reads.ts"
import { allDone, isDone, type Kind, list, type Operation, type StoreState, withoutFault } from "../state.ts"
import * as Program from "./program.ts"

/** One group of the script. `size` is that of its values. */
interface Writing {
  readonly id: string
  readonly size: number
  readonly write: (program: Program.Program) => void
  readonly committed?: CommitRequest
}

export const writes: Kind<Writing> = {
  idOf: ({ id }) => id,
  send(self, part, done) {
    const program = Program.make(self, part.reduce((sum, { size }) => sum + size, 0), part.length)
    for (const { write } of part) write(program)
    const [{ committed }] = part as readonly [Writing]
    Program.run(program, part.length, (answer) => {
      const isFull = isFault(answer) && answer.reason === "Full" && part.length === 1
      if (!isFull || committed === undefined) return done(answer)
      writes.send(self, [discarding(committed)], (given) => done(list(given)[0] === 0 ? given : answer))
    })
  }
}

const discarding = (request: CommitRequest): Writing => ({
  id: request.id,
  size: 0,
  write: (program) => Program.discard(program, request)
})

export const setAll = (self: StoreState, requests: ReadonlyArray<SetRequest>): Operation<ReadonlyArray<boolean>> =>
  askingMany<Writing, boolean>(self, {
    operation: "set",
    items: requests.map((request) => ({
      id: request.id,
      size: request.entry.payload.length,
      write: (program) => Program.set(program, request)
    })),
    kind: writes,
    combine: allDone
  })

export const commit = (
  self: StoreState,
  requests: ReadonlyArray<CommitRequest>
): Operation<ReadonlyArray<boolean>> =>
  Effect.suspend(() => {
    const error = aboveMaxValue(storeName, "commit", requests, self.maxValue)
    if (error !== undefined && requests.length > 1) return Effect.fail(error)
    const answers = askingMany<Writing, boolean>(self, {
      operation: "commit",
      items: requests.map((request) =>
        error !== undefined ? discarding(request) : {
          id: request.id,
          size: request.entry.payload.length,
          write: (program) => Program.commit(program, request),
          committed: request
        }
      ),
      kind: writes,
      combine: allDone
    })
    // If the load's generation has also ended, the result is `false` instead of the error about the size.
    return error === undefined
      ? answers
      : Effect.flatMap(answers, ([isCurrent]) => isCurrent ? Effect.fail(error) : Effect.succeed([false]))
  })

export const remove = (self: StoreState, ids: ReadonlyArray<string>): Operation<ReadonlyArray<boolean>> =>
  Effect.flatMap(
    askingMany<Writing, Removed>(self, {
      operation: "remove",
      items: ids.map((id) => ({ id, size: 0, write: (program) => Program.remove(program, id) })),
      kind: writes,
      combine: (answers) => withoutFault(answers.map(removedOf))
    }),
    (removed) => areLive(self, removed)
  )

/** Whether an entry was removed or, if it had tags, these tags, which show whether the entry was still valid. */
type Removed = boolean | ReadonlyArray<TagVersion>

const removedOf = (answer: unknown): Removed | Fault =>
  Buffer.isBuffer(answer) ? Frame.tagsIn(answer) ?? true : isDone(answer)

/** Whether removed entries were valid. Tag versions are read only now, so invalidations since the removal count too. */
const areLive = (self: StoreState, removed: ReadonlyArray<Removed>): Operation<ReadonlyArray<boolean>> =>
  removed.every((one) => typeof one === "boolean") ? Effect.succeed(removed) : Effect.map(
    versionsFor(self, "remove", removed.flatMap((one) => typeof one === "boolean" ? [] : one)),
    (versions) => {
      const table = { version: (tag: string) => versions.get(tag) }
      return removed.map((one) => typeof one === "boolean" ? one : noneIsGone(table, one))
    }
  )
