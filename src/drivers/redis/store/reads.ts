/** Reads entries and the versions of their tags. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored, TagVersion } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import { many } from "../../../internal/defaults/bounds.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import * as Turns from "../../../internal/time/turns.ts"
import type { Answer } from "../../../ports/store.ts"
import type { Done } from "../connection/connection.ts"
import { isFault, storeError } from "../fault.ts"
import { markerOf, type Named } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { all, perCommand } from "../session/answers.ts"
import { read } from "../session/reads.ts"
import { asking, list, type Operation, type StoreState, type Tagged } from "./state.ts"

export const getCallback = (
  self: StoreState,
  id: string,
  given: ReadonlyArray<string>,
  done: (exit: Exit.Exit<Answer, StoreError>) => void
): void => {
  const { markers, tags } = tagged(self, given)
  read(self.session, [["v", id]], markers, (answer) => {
    if (isFault(answer)) return done(Exit.fail(storeError("get", answer)))
    const answers = list(answer)
    const { entry, isDamaged } = Replies.toEntry(id, answers[0], self.session.wire.offset())
    const versions = tags.map((_, i) => versionOf(self, answers[i + 1]))
    done(Exit.succeed(isDamaged ? { entry, versions, isDamaged } : { entry, versions }))
  })
}

/** Returns the markers of tags, cached for the most recent list. Copies the list, because the caller may change it. */
const tagged = (self: StoreState, tags: ReadonlyArray<string>): Tagged => {
  if (!areSame(tags, self.last.tags)) self.last = { tags: Array.from(tags), markers: tags.map(markerOf) }
  return self.last
}

const areSame = (some: ReadonlyArray<string>, others: ReadonlyArray<string>): boolean => {
  if (some.length !== others.length) return false
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false
  return true
}

const versionOf = (self: StoreState, answer: unknown): string | undefined => {
  if (answer !== self.lastAnswer) {
    self.lastAnswer = answer
    self.lastVersion = Replies.toVersion(answer)
  }
  return self.lastVersion
}

const noMarkers: ReadonlyArray<Named> = []

type Decode<A> = (answer: unknown, text: string) => A

/** Reads many keys. Decodes each answer on arrival, while the following answers are still on their way. */
const readMany = <A>(
  self: StoreState,
  operation: string,
  named: ReadonlyArray<Named>,
  decode: Decode<A>
): Operation<ReadonlyArray<A>> => {
  const readSome = (some: ReadonlyArray<Named>, done: Done): void =>
    read(self.session, some, noMarkers, (answer) => {
      if (isFault(answer)) return done(answer)
      done(list(answer).map((one, i) => decode(one, some[i]![1])))
    })
  return asking(
    operation,
    (done) => all(perCommand(named), readSome, done),
    (answers) => (answers as ReadonlyArray<ReadonlyArray<A>>).flat() as ReadonlyArray<A>
  )
}

/** Requests only a few large entries at once: other commands wait for them, and a server may limit its output. */
const readInParts = Effect.fnUntraced(function*<A>(
  self: StoreState,
  operation: string,
  ids: ReadonlyArray<string>,
  decode: Decode<A>
): Effect.fn.Return<ReadonlyArray<A>, StoreError> {
  const entries: Array<A> = []
  while (entries.length < ids.length) {
    const { bytes } = Limits.valuesAtOnce
    const count = Math.min(Limits.keysAtOnce, Math.max(many.firstSteps, Math.floor(bytes / self.valueBytes)))
    const part = ids.slice(entries.length, entries.length + count)
    let size = 0
    const measured: Decode<A> = (frame, id) => {
      // An answer that comes after its request has timed out counts, too.
      if (Buffer.isBuffer(frame)) self.valueBytes = Math.max(self.valueBytes, (size += frame.length) / part.length)
      return decode(frame, id)
    }
    const reading = readMany(self, operation, part.map((id): Named => ["v", id]), measured)
    entries.push(
      ...yield* Effect.tapError(reading, ({ reason }) => {
        if (reason === "Unavailable" && part.length > many.firstSteps) {
          self.valueBytes = Math.max(self.valueBytes, 4 * bytes / part.length)
        }
        return Effect.void
      })
    )
    if (ids.length > many.firstSteps) self.valueBytes = Math.max(size / part.length, self.valueBytes / 4)
  }
  return entries
})

export const getMany = (self: StoreState, ids: ReadonlyArray<string>): Operation<ReadonlyArray<Stored | undefined>> =>
  readInParts(self, "getMany", ids, (frame, id) => Replies.toEntry(id, frame, self.session.wire.offset()).entry)

const headSize = 51

export interface Present {
  readonly entry: Stored | undefined
  readonly head: Buffer
  readonly versions: ReadonlyMap<string, string | undefined>
}

export const versionsFor = Effect.fnUntraced(function*(
  self: StoreState,
  operation: string,
  tagged: ReadonlyArray<TagVersion>
): Effect.fn.Return<ReadonlyMap<string, string | undefined>, StoreError> {
  const tags = Array.from(new Set(tagged.map(({ tag }) => tag)))
  const answers = tags.length === 0
    ? []
    : (yield* Turns.inParts(
      tags.map(markerOf),
      (part) => readMany(self, operation, part, Replies.toVersion),
      Limits.keysAtOnce
    ))
  return new Map(tags.map((tag, i) => [tag, answers[i]]))
})

export const present = Effect.fnUntraced(function*(
  self: StoreState,
  operation: string,
  ids: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<Present>, StoreError> {
  const found = yield* readInParts(self, operation, ids, (frame, id) => ({
    entry: Replies.toEntry(id, frame, self.session.wire.offset()).entry,
    head: Buffer.isBuffer(frame) ? frame.subarray(0, headSize) : Buffer.alloc(0)
  }))
  const versions = yield* versionsFor(self, operation, found.flatMap(({ entry }) => entry?.meta.tags ?? []))
  return found.map(({ entry, head }) => ({
    entry,
    head,
    versions: new Map((entry?.meta.tags ?? []).map(({ tag }) => [tag, versions.get(tag)]))
  }))
})
