/**
 * Tag markers that an asynchronous storage keeps among its entries. Changes to one tag run one after another. Without
 * this order, a soft invalidation could write back an old hard half, and so undo a hard invalidation by this process.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { StoreError } from "../../../CacheError.ts"
import type { Storage } from "../../../ports/storage.ts"
import type { Marker } from "../../../ports/store.ts"
import { many } from "../../defaults/bounds.ts"
import * as Lines from "../fromStorage/lines.ts"
import * as MarkerEntries from "./markerEntries.ts"
import { hasUndone, nextVersion, noVersions } from "./markers.ts"
import * as Seen from "./seenMarkers.ts"
import type { Tags } from "./storageTags.ts"

interface Stored {
  readonly storage: Pick<Storage, "get" | "set" | "setIfAbsent">
  readonly isShared: boolean
  readonly seen: Seen.Seen
}

type NewVersion = () => string

const read = ({ storage }: Stored, id: string): Effect.Effect<string | undefined, StoreError> =>
  Effect.map(storage.get(id), MarkerEntries.versionOf)

const write = ({ storage }: Stored, id: string, version: string): Effect.Effect<void, StoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => storage.set(id, MarkerEntries.toStored(version, now)))

const writeIfAbsent = (self: Stored, id: string, version: string): Effect.Effect<boolean, StoreError> => {
  const { setIfAbsent } = self.storage
  return setIfAbsent === undefined
    ? Effect.as(write(self, id, version), true)
    : Effect.flatMap(Clock.currentTimeMillis, (now) => setIfAbsent(id, MarkerEntries.toStored(version, now)))
}

const create = Effect.fnUntraced(function*(
  self: Stored,
  tag: string,
  version: string
): Effect.fn.Return<Marker, StoreError> {
  const id = MarkerEntries.idOf(tag)
  if (!(yield* writeIfAbsent(self, id, version))) {
    const winner = yield* read(self, id)
    if (winner !== undefined) return self.seen.found(tag, winner)
    yield* write(self, id, version)
  }
  return self.seen.made(tag, version)
})

const present = (self: Stored, tag: string, newVersion: NewVersion): Effect.Effect<Marker, StoreError> =>
  Effect.flatMap(
    read(self, MarkerEntries.idOf(tag)),
    (version) => version === undefined ? create(self, tag, newVersion()) : Exit.succeed(self.seen.found(tag, version))
  )

const harden = Effect.fnUntraced(function*(
  self: Stored,
  tag: string,
  newVersion: NewVersion
): Effect.fn.Return<string, StoreError> {
  const next = newVersion()
  if (self.isShared) yield* write(self, MarkerEntries.hardIdOf(tag), next)
  yield* write(self, MarkerEntries.idOf(tag), next)
  return next
})

const soften = Effect.fnUntraced(function*(
  self: Stored,
  tag: string,
  newVersion: NewVersion
): Effect.fn.Return<string, StoreError> {
  const before = yield* read(self, MarkerEntries.idOf(tag))
  if (before === undefined) return yield* harden(self, tag, newVersion)
  const next = nextVersion(before, "soft", newVersion)
  yield* write(self, MarkerEntries.idOf(tag), next)
  const isUndone = self.isShared && hasUndone(next, yield* read(self, MarkerEntries.hardIdOf(tag)))
  return isUndone ? yield* harden(self, tag, newVersion) : next
})

export const make = (
  storage: Pick<Storage, "get" | "set" | "setIfAbsent" | "capabilities">,
  getMany: NonNullable<Storage["getMany"]>,
  lines: Lines.Lines
): Tags => {
  const isShared = storage.capabilities?.shared === true
  const seen = Seen.make({ isShared })
  const self: Stored = { storage, isShared, seen }
  const forEach = <A>(tags: ReadonlyArray<string>, run: (tag: string, i: number) => Effect.Effect<A, StoreError>) =>
    Effect.forEach(tags, run, { concurrency: many.concurrency })
  const inLine = <A>(tag: string, effect: Effect.Effect<A, StoreError>) =>
    Lines.run(lines, MarkerEntries.idOf(tag), "write", effect)
  const versionsOf = (tags: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string | undefined>, StoreError> =>
    tags.length === 0
      ? Exit.succeed(noVersions)
      : Effect.map(getMany(tags.map(MarkerEntries.idOf)), (markers) => markers.map(MarkerEntries.versionOf))
  return {
    seq: seen.seq,
    get: (id, tags) =>
      tags.length === 0
        ? Effect.map(storage.get(id), (entry) => ({ entry, versions: noVersions }))
        : Effect.map(getMany([id, ...tags.map(MarkerEntries.idOf)]), ([entry, ...markers]) => ({
          entry,
          versions: markers.map(MarkerEntries.versionOf)
        })),
    of: (entry) => {
      const tags = entry?.meta.tags.map(({ tag }) => tag) ?? []
      return Effect.map(versionsOf(tags), (versions) => ({ version: (tag) => versions[tags.indexOf(tag)] }))
    },
    markers: (tags, newVersion) =>
      Effect.flatMap(versionsOf(tags), (versions) =>
        Effect.map(
          forEach(tags, (tag, i) =>
            seen.isKnown(tag, versions[i])
              ? Exit.succeed(seen.found(tag, versions[i]!))
              : inLine(tag, present(self, tag, newVersion))),
          // Reads `seq` after the markers and before the load: a marker first seen during the load gets a larger `seq`.
          (markers) => ({ seq: seen.seq(), markers })
        )),
    invalidate(tags, newVersion, mode) {
      const change = mode === "soft" ? soften : harden
      const changed = (tag: string) =>
        Effect.suspend(() => {
          seen.changing([tag])
          return Effect.map(change(self, tag, newVersion), (version) => [tag, version] as const)
        })
      return Effect.map(forEach(tags, (tag) => inLine(tag, changed(tag))), seen.changed)
    }
  }
}
