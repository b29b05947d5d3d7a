/** The leases of loads in a store part (a view limited to a prefix). A generation includes the part's version. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import type { Acquired, AcquireRequest, CommitRequest } from "../../../ports/store.ts"
import { add, close, note, open, type Part, withVersion } from "./part.ts"

/** Separates the store's own generation from the version of the part. */
const mark = "@"

const reopen = (
  self: Part,
  request: AcquireRequest,
  version: string,
  acquired: Acquired
): Effect.Effect<Acquired, StoreError> => {
  if (acquired._tag === "Wait") return Effect.succeed(acquired)
  if (acquired._tag === "Granted") {
    if (request.join !== true) note(self.leased, request.id)
    return Effect.succeed({ ...acquired, generation: `${acquired.generation}${mark}${version}` })
  }
  const entry = open(self, acquired.entry, version)
  return entry === undefined
    ? Effect.map(acquire(self, [{ ...request, rejectedWriteId: acquired.entry.meta.writeId }]), ([again]) => again!)
    : Effect.succeed({ ...acquired, entry })
}

/** Reads the part's version first, so that the load's result is refused if the part is cleared after that. */
export const acquire = (
  self: Part,
  requests: ReadonlyArray<AcquireRequest>
): Effect.Effect<ReadonlyArray<Acquired>, StoreError> =>
  withVersion(self, (version) =>
    Effect.flatMap(
      self.store.acquire(requests.map((request) => ({ ...request, id: add(self, request.id) }))),
      (answers) => Effect.forEach(answers, (acquired, i) => reopen(self, requests[i]!, version, acquired))
    ))

/** Converts a commit to its stored form. Returns `undefined` if a `clear` has ended the generation. */
export const closeCommit = (
  self: Part,
  { entry, generation, id }: CommitRequest,
  version: string
): CommitRequest | undefined =>
  !generation.endsWith(`${mark}${version}`) ? undefined : {
    id: add(self, id),
    generation: generation.slice(0, generation.lastIndexOf(mark)),
    entry: close(self, entry, version)
  }

export const ended = <A>(
  { leased }: Part,
  ids: ReadonlyArray<string>,
  effect: Effect.Effect<A, StoreError>,
  ends: (answer: A, i: number) => boolean = () => true
): Effect.Effect<A, StoreError> =>
  Effect.tap(effect, (answer) =>
    Effect.sync(() => {
      ids.forEach((id, i) => {
        if (ends(answer, i)) leased.delete(id)
      })
    }))

/** Commits results. One that is stored despite a concurrent `clear` has the earlier version and is invisible. */
export const commit = (
  self: Part,
  requests: ReadonlyArray<CommitRequest>
): Effect.Effect<ReadonlyArray<boolean>, StoreError> =>
  withVersion(self, (version) => {
    const all = requests.map((request) => closeCommit(self, request, version))
    const current = all.filter((closed) => closed !== undefined)
    const answers = Effect.map(self.store.commit(current), (accepted) => {
      let next = 0
      return all.map((closed) => closed !== undefined && accepted[next++]!)
    })
    return ended(self, requests.map(({ id }) => id), answers, (accepted, i) => accepted[i]!)
  })
