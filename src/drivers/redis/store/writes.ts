/** Writes and removes entries. */
import * as Effect from "effect/Effect"
import type { Stored, TagVersion } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import * as Frame from "../../../internal/codec/frame.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { groupOf, groupTag } from "../../../internal/store/markers/idTags.ts"
import { noneIsGone } from "../../../internal/store/markers/markers.ts"
import { tooLarge } from "../../../internal/store/tooLarge.ts"
import type { CommitRequest, SetRequest } from "../../../ports/store.ts"
import type { Told } from "../../shared/recentChanges.ts"
import type { Done } from "../connection/connection.ts"
import { type Fault, isFault, storeName } from "../fault.ts"
import { hashOf, keysOfWrite, leaseKeys, markerOf, type Named } from "../protocol/keys.ts"
import type * as Packed from "../protocol/packed.ts"
import * as Replies from "../protocol/replies.ts"
import * as Unreadable from "../session/unreadable.ts"
import { askingMany, packedFor } from "./many.ts"
import { versionsFor } from "./reads.ts"
import {
  allDone,
  asking,
  isDone,
  type Kind,
  longest,
  now,
  type Operation,
  type StoreState,
  ttlOf,
  withoutFault,
  write
} from "./state.ts"

export const refusal = (
  self: StoreState,
  operation: "set" | "commit",
  { entry: { payload: { length: size } }, id }: SetRequest
): StoreError | undefined => {
  const { maxValue, unreadable } = self
  const isSendable = Unreadable.isSendable(unreadable, size)
  if (size <= maxValue && isSendable) return undefined
  // Reads the limit again, because the operator may have raised it.
  if (!isSendable) Unreadable.askLimit(unreadable, id, () => {})
  const limit = size > maxValue ? ["maxValue", maxValue] as const : [Unreadable.option, unreadable.limit] as const
  return tooLarge({ store: storeName, operation, id, size, limit })
}

export const refusalIn = (
  self: StoreState,
  operation: "set" | "commit",
  requests: ReadonlyArray<SetRequest>
): StoreError | undefined => {
  for (const request of requests) {
    const error = refusal(self, operation, request)
    if (error !== undefined) return error
  }
  return undefined
}

/** The keys for a removal or an explicit `set`. Both delete the id's markers. */
export const keysToWrite = ({ session }: StoreState, id: string): ReadonlyArray<Named> =>
  keysOfWrite(id, session.wire.isCluster)

/** Prolongs the markers of the tags, and returns the arguments of a write: the encoded entry and the time to live. */
export const beginWrite = (
  self: StoreState,
  { entry, id }: SetRequest,
  roomFor?: Packed.Packed["roomFor"]
): readonly [Buffer, string] => {
  keepMarkers(self, entry)
  const frame = Replies.toFrame(id, entry, self.session.wire.offset(true), roomFor)
  return [frame, ttlOf(self, entry.meta.expiresAt)]
}

const keepMarkers = (self: StoreState, { meta }: Stored): void => {
  if (meta.tags.length === 0) return
  const { era, keys, wire } = self.session
  const ttl = meta.expiresAt - now(self)
  if (ttl < Limits.markerMillis / 2 || era === undefined) return
  for (const { tag } of meta.tags) {
    const [kind, text] = markerOf(tag)
    const key = keys.of(kind, era, text)
    const args = ttl < longest ? ["PEXPIRE", key, String(Math.ceil(2 * ttl)), "GT"] : ["PERSIST", key]
    wire.send(hashOf(text), args, () => {})
  }
}

/** Ends the generation of a load whose result was not stored. */
const discard = (self: StoreState, { generation, id }: CommitRequest, done: Done): void =>
  write(self, "discard", {
    keys: leaseKeys(id),
    args: [generation],
    ended: 0,
    changes: [{ _tag: "Load", id }]
  }, done)

export const setAll = (self: StoreState, requests: ReadonlyArray<SetRequest>): Operation<ReadonlyArray<boolean>> =>
  askingMany(self, { operation: "set", items: requests, kind: sets, combine: allDone })

const idOf = ({ id }: SetRequest): string => id

const sendSets = (self: StoreState, requests: ReadonlyArray<SetRequest>, done: Done): void => {
  const packed = packedFor(requests)
  const ttls = requests.map((request) => beginWrite(self, request, packed.roomFor)[1])
  write(self, "setMany", {
    ...keysToWriteAll(self, requests.map(idOf)),
    args: [String(requests.length), packed.bytes(), ...ttls]
  }, done)
}

const keysToWriteAll = ({ session }: StoreState, ids: ReadonlyArray<string>) => ({
  keys: session.wire.isCluster ? [] : Array.from(new Set(ids.map(groupOf)), (group) => markerOf(groupTag(group))),
  ofIds: { ids, kinds: ["v", "l", "f", "d"] },
  changes: ids.map((id): Told => ({ _tag: "Entry", id }))
} as const)

const setOne = (self: StoreState, request: SetRequest, done: Done): void => {
  const { id } = request
  const call = {
    keys: keysToWrite(self, id),
    args: beginWrite(self, request),
    changes: [{ _tag: "Entry", id }]
  } as const
  write(self, "set", call, done)
}

const sets: Kind<SetRequest> = { idOf, send: sendSets, sendOne: setOne }

export const commitMany = (
  self: StoreState,
  requests: ReadonlyArray<CommitRequest>
): Operation<ReadonlyArray<boolean>> =>
  Effect.suspend(() => {
    const error = refusalIn(self, "commit", requests)
    if (error === undefined) {
      return askingMany(self, { operation: "commit", items: requests, kind: commits, combine: allDone })
    }
    if (requests.length > 1) return Effect.fail(error)
    // If the load's generation has also ended, the result is `false` instead of the error about the size.
    return Effect.flatMap(
      asking("commit", (done) => discard(self, requests[0]!, done), isDone),
      (isCurrent) => isCurrent ? Effect.fail(error) : Effect.succeed([false])
    )
  })

const sendCommits = (self: StoreState, requests: ReadonlyArray<CommitRequest>, done: Done): void => {
  const packed = packedFor(requests)
  const rest = requests.flatMap((request) => [request.generation, beginWrite(self, request, packed.roomFor)[1]])
  write(self, "commitMany", {
    ofIds: { ids: requests.map(idOf), kinds: ["v", "l", "f"] },
    args: [String(requests.length), packed.bytes(), ...rest],
    ended: requests.map(() => 0),
    changes: requests.map(({ id }) => ({ _tag: "Load", id }))
  }, done)
}

export const commitOne = (self: StoreState, request: CommitRequest, done: Done): void => {
  const { generation, id } = request
  const args = [generation, ...beginWrite(self, request)]
  write(self, "commit", { keys: leaseKeys(id), args, ended: 0, changes: [{ _tag: "Load", id }] }, (answer) => {
    if (!isFault(answer) || answer.reason !== "Full") return done(answer)
    discard(self, request, (discarded) => done(discarded === 0 ? discarded : answer))
  })
}

const commits: Kind<CommitRequest> = { idOf, send: sendCommits, sendOne: commitOne }

export const removeMany = (self: StoreState, ids: ReadonlyArray<string>): Operation<ReadonlyArray<boolean>> =>
  Effect.flatMap(
    askingMany(self, {
      operation: "remove",
      items: ids,
      kind: removals,
      combine: (answers) => withoutFault(answers.map(removedOf))
    }),
    (removed) => areLive(self, removed)
  )

const sendRemovals = (self: StoreState, ids: ReadonlyArray<string>, done: Done): void => {
  write(self, "removeMany", { ...keysToWriteAll(self, ids), args: [String(ids.length)] }, done)
}

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

const removeStored = (self: StoreState, id: string, done: Done): void => {
  write(self, "remove", { keys: keysToWrite(self, id), changes: [{ _tag: "Entry", id }] }, done)
}

const removals: Kind<string> = { idOf: (id) => id, send: sendRemovals, sendOne: removeStored }
