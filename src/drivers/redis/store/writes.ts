/** Writes and removals of entries. */
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { tooLarge } from "../../../internal/store/tooLarge.ts"
import type { CommitRequest, SetRequest } from "../../../ports/store.ts"
import type { Done } from "../connection/connection.ts"
import { isFault, storeName } from "../fault.ts"
import { hashOf, keysOfWrite, leaseKeys, markerOf, type Named } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { foreign } from "../protocol/scripts/script.ts"
import { all } from "../session/answers.ts"
import { run } from "../session/era.ts"
import * as MarkerVersions from "../tracking/markerVersions.ts"
import * as OwnWrites from "../tracking/ownWrites.ts"
import { remember } from "../tracking/remember.ts"
import { headSize } from "./reads.ts"
import { asking, confirmed, isDone, list, longest, now, type RedisStoreState, ttlOf } from "./state.ts"

// ---------------------------------------------------------------------------------------------------------------------
// before a write
// ---------------------------------------------------------------------------------------------------------------------

/** The error about an entry that is too large. */
export const refusal = (
  { maxValue }: RedisStoreState,
  operation: "set" | "commit",
  { entry: { payload }, id }: SetRequest
): StoreError | undefined =>
  payload.length <= maxValue
    ? undefined
    : tooLarge({ store: storeName, operation, id, size: payload.length, limit: ["maxValue", maxValue] })

/** Runs `write` unless an entry is too large. */
export const checked = <A>(
  self: RedisStoreState,
  operation: "set" | "commit",
  requests: ReadonlyArray<SetRequest>,
  write: Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => {
    for (const request of requests) {
      const error = refusal(self, operation, request)
      if (error === undefined) continue
      if (operation === "set") noteUnstored(self, request)
      return Effect.fail(error)
    }
    return write
  })

/** The keys of a write by hand or a removal, which ends the markers of the id. */
export const keysToWrite = ({ markerVersions, session }: RedisStoreState, id: string): ReadonlyArray<Named> => {
  MarkerVersions.forgetId(markerVersions, id)
  return keysOfWrite(id, session.wire.isCluster)
}

/** Notes a write, and answers its arguments: the frame, and how long it is kept. */
export const beginWrite = (self: RedisStoreState, { entry, id }: SetRequest): readonly [Buffer, string] => {
  self.unstored.delete(id)
  keepMarkers(self, entry)
  const frame = Replies.toFrame(id, entry, self.session.wire.offset())
  OwnWrites.note(self.ownWrites, id, frame.subarray(0, headSize))
  return [frame, ttlOf(self, entry.meta.expiresAt)]
}

/** Markers live longer than entries with their tags. */
const keepMarkers = (self: RedisStoreState, { meta }: Stored): void => {
  const { era, keys, wire } = self.session
  const ttl = meta.expiresAt - now(self)
  if (meta.tags.length === 0 || ttl < Limits.markerMillis / 2 || era === undefined) return
  for (const { tag } of meta.tags) {
    const [kind, text] = markerOf(tag)
    const key = keys.of(kind, era, text)
    const args = ttl < longest ? ["PEXPIRE", key, String(Math.ceil(2 * ttl)), "GT"] : ["PERSIST", key]
    wire.send(hashOf(text), args, () => {})
  }
}

const noteUnstored = ({ unstored }: RedisStoreState, { entry, id }: SetRequest): void =>
  void remember(unstored, id, entry.meta.expiresAt, Limits.tracking.ownWrites)

interface Tomb {
  readonly id: string
  readonly expiresAt: number
  readonly generation?: string
}

/**
 * Writes a mark in place of the stored value. While it is there, no other process has changed the id: so the invalidation of
 * this write ends nothing in this memory, and that of the next one does.
 */
const entomb = (self: RedisStoreState, { expiresAt, generation = "", id }: Tomb, done: Done): void => {
  const { ownWrites, session, tokens } = self
  const mark = Replies.toMark(tokens.next(16))
  OwnWrites.note(ownWrites, id, mark)
  run(session, "entomb", {
    keys: keysOfWrite(id, session.wire.isCluster),
    args: [generation, mark, ttlOf(self, expiresAt)],
    ended: 0,
    isWrite: true
  }, confirmed(self, [{ _tag: generation === "" ? "Entry" : "Load", id }], done))
}

// ---------------------------------------------------------------------------------------------------------------------
// set
// ---------------------------------------------------------------------------------------------------------------------

export const set = (self: RedisStoreState, request: SetRequest): Effect.Effect<boolean, StoreError> =>
  checked(self, "set", [request], asking("set", (done) => setOne(self, request, done), isDone))

export const setMany = (self: RedisStoreState, requests: ReadonlyArray<SetRequest>): Effect.Effect<void, StoreError> =>
  checked(
    self,
    "set",
    requests,
    asking(
      "setMany",
      (done) => all(requests, (request, done) => setOne(self, request, done), done),
      (answers) => list(answers).map(isDone).find(isFault)
    )
  )

const setOne = (self: RedisStoreState, request: SetRequest, done: Done): void => {
  const { id } = request
  const stored: Done = (answer) => {
    if (isFault(answer) && answer.reason === "Full") noteUnstored(self, request)
    done(answer)
  }
  run(
    self.session,
    "set",
    { keys: keysToWrite(self, id), args: beginWrite(self, request), isWrite: true },
    confirmed(self, [{ _tag: "Entry", id }], stored)
  )
}

// ---------------------------------------------------------------------------------------------------------------------
// commit
// ---------------------------------------------------------------------------------------------------------------------

export const commit = (self: RedisStoreState, request: CommitRequest): Effect.Effect<boolean, StoreError> =>
  Effect.suspend(() => {
    const error = refusal(self, "commit", request)
    return error === undefined
      ? asking("commit", (done) => commitOne(self, request, done), isDone)
      // The generation may have ended all the same.
      : Effect.flatMap(
        asking("commit", (done) => entomb(self, tombOf(request), done), isDone),
        (isCurrent) => isCurrent ? Effect.fail(error) : Effect.succeed(false)
      )
  })

export const commitMany = (
  self: RedisStoreState,
  requests: ReadonlyArray<CommitRequest>
): Effect.Effect<ReadonlyArray<boolean>, StoreError> =>
  checked(
    self,
    "commit",
    requests,
    asking(
      "commitMany",
      (done) => all(requests, (request, done) => commitOne(self, request, done), done),
      (answers) => {
        const done = list(answers).map(isDone)
        return done.find(isFault) ?? done as ReadonlyArray<boolean>
      }
    )
  )

export const commitOne = (self: RedisStoreState, request: CommitRequest, done: Done): void => {
  const { generation, id } = request
  const stored: Done = (answer) => {
    if (!isFault(answer) || answer.reason !== "Full") return done(answer)
    entomb(self, tombOf(request), (marked) => done(marked === 0 ? marked : answer))
  }
  run(
    self.session,
    "commit",
    { keys: leaseKeys(id), args: [generation, ...beginWrite(self, request)], ended: 0, isWrite: true },
    confirmed(self, [{ _tag: "Load", id }], stored)
  )
}

const tombOf = ({ entry, generation, id }: CommitRequest): Tomb => ({
  id,
  generation,
  expiresAt: entry.meta.expiresAt
})

// ---------------------------------------------------------------------------------------------------------------------
// remove
// ---------------------------------------------------------------------------------------------------------------------

export const remove = (self: RedisStoreState, id: string): Effect.Effect<boolean, StoreError> =>
  asking("remove", (done) => removeOne(self, id, done), isDone)

export const removeMany = (
  self: RedisStoreState,
  ids: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<boolean>, StoreError> =>
  asking(
    "removeMany",
    (done) => all(ids, (id, done) => removeOne(self, id, done), done),
    (answers) => list(answers).map((one) => one === 1)
  )

const removeOne = (self: RedisStoreState, id: string, done: Done): void => {
  const expiresAt = self.unstored.get(id)
  if (expiresAt === undefined) return removeStored(self, id, done)
  // Once: a later mark may come after a change by another process.
  self.unstored.delete(id)
  MarkerVersions.forgetId(self.markerVersions, id)
  entomb(
    self,
    { id, expiresAt },
    (answer) => answer === foreign ? removeStored(self, id, done) : done(isFault(answer) ? answer : 0)
  )
}

const removeStored = (self: RedisStoreState, id: string, done: Done): void => {
  self.ownWrites.delete(id)
  run(
    self.session,
    "remove",
    { keys: keysToWrite(self, id), isWrite: true },
    confirmed(self, [{ _tag: "Entry", id }], done)
  )
}
