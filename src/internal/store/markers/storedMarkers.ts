/** Tag markers that an asynchronous storage keeps among its entries. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { StoreError } from "../../../CacheError.ts"
import type { Storage } from "../../../ports/storage.ts"
import type { Marker } from "../../../ports/store.ts"
import { many } from "../../defaults/bounds.ts"
import type { Lines } from "../lines.ts"
import * as MarkerEntries from "./markerEntries.ts"
import { hasUndone, nextVersion, noVersions } from "./markers.ts"
import * as Seen from "./seenMarkers.ts"
import type { Tags } from "./storageTags.ts"

/**
 * Markers are made and changed in lines, one after another for each tag, so that within this process a soft invalidation
 * takes no part of a version back that a hard one has changed, and what is seen of a marker is seen in order.
 */
export const make = (
  storage: Pick<Storage, "get" | "set" | "setIfAbsent" | "capabilities">,
  getMany: NonNullable<Storage["getMany"]>,
  lines: Lines
): Tags => {
  const isShared = storage.capabilities?.shared === true
  const seen = Seen.make({ isShared })

  const read = (id: string): Effect.Effect<string | undefined, StoreError> =>
    Effect.map(storage.get(id), MarkerEntries.versionOf)

  const versionOf = (tag: string): Effect.Effect<string | undefined, StoreError> => read(MarkerEntries.idOf(tag))

  const versionsOf = (tags: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string | undefined>, StoreError> =>
    tags.length === 0
      ? Exit.succeed(noVersions)
      : Effect.map(getMany(tags.map(MarkerEntries.idOf)), (markers) => markers.map(MarkerEntries.versionOf))

  const write = (id: string, version: string): Effect.Effect<void, StoreError> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => storage.set(id, MarkerEntries.toStored(version, now)))

  const writeIfAbsent = (tag: string, version: string): Effect.Effect<boolean, StoreError> => {
    const { setIfAbsent } = storage
    return setIfAbsent === undefined
      ? Effect.as(write(MarkerEntries.idOf(tag), version), true)
      : Effect.flatMap(
        Clock.currentTimeMillis,
        (now) => setIfAbsent(MarkerEntries.idOf(tag), MarkerEntries.toStored(version, now))
      )
  }

  const create = Effect.fnUntraced(function*(tag: string, fresh: string): Effect.fn.Return<Marker, StoreError> {
    if (!(yield* writeIfAbsent(tag, fresh))) {
      const winner = yield* versionOf(tag)
      if (winner !== undefined) return seen.found(tag, winner)
      // there is something that cannot be read
      yield* write(MarkerEntries.idOf(tag), fresh)
    }
    return seen.made(tag, fresh)
  })

  const inLine = <A>(tag: string, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    lines.run(MarkerEntries.idOf(tag), "write", effect)

  const present = (tag: string, newVersion: () => string): Effect.Effect<Marker, StoreError> =>
    inLine(
      tag,
      Effect.flatMap(versionOf(tag), (version) =>
        version === undefined ? create(tag, newVersion()) : Exit.succeed(seen.found(tag, version)))
    )

  const harden = Effect.fnUntraced(function*(
    tag: string,
    newVersion: () => string
  ): Effect.fn.Return<string, StoreError> {
    const next = newVersion()
    if (isShared) yield* write(MarkerEntries.hardIdOf(tag), next)
    yield* write(MarkerEntries.idOf(tag), next)
    return next
  })

  const soften = Effect.fnUntraced(function*(
    tag: string,
    newVersion: () => string
  ): Effect.fn.Return<string, StoreError> {
    const before = yield* versionOf(tag)
    if (before === undefined) return yield* harden(tag, newVersion)
    const next = nextVersion(before, "soft", newVersion)
    yield* write(MarkerEntries.idOf(tag), next)
    const isUndone = isShared && hasUndone(next, yield* read(MarkerEntries.hardIdOf(tag)))
    return isUndone ? yield* harden(tag, newVersion) : next
  })

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
      versionsOf(tags).pipe(
        Effect.flatMap((versions) =>
          Effect.forEach(
            tags,
            (tag, i) => {
              const version = versions[i]
              return seen.isKnown(tag, version)
                ? Exit.succeed(seen.found(tag, version!))
                : present(tag, newVersion)
            },
            { concurrency: many.concurrency }
          )
        ),
        // at the end, and still before the load: a marker that is seen later has a larger number
        Effect.map((markers) => ({ seq: seen.seq(), markers }))
      ),
    invalidate(tags, newVersion, mode) {
      const change = mode === "soft" ? soften : harden
      const changed = (tag: string) =>
        Effect.suspend(() => {
          seen.changing([tag])
          return Effect.map(change(tag, newVersion), (version) => [tag, version] as const)
        })
      return Effect.map(
        Effect.forEach(tags, (tag) => inLine(tag, changed(tag)), { concurrency: many.concurrency }),
        seen.changed
      )
    }
  }
}
