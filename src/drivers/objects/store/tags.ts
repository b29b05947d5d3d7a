/** The markers of tags: an object for each. Changes by this process take effect at once. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import { many } from "../../../internal/defaults/bounds.ts"
import { newVersion, nextVersion, noVersions, type TagTable } from "../../../internal/store/markers/markers.ts"
import * as SeenMarkers from "../../../internal/store/markers/seenMarkers.ts"
import type { InvalidationMode, Marker, Markers, Store } from "../../../ports/store.ts"
import * as KnownVersions from "./knownVersions.ts"
import { change, inLine, type Next, type Objects, read } from "./objects.ts"
import { none } from "./record.ts"

export interface Tags extends Pick<Store, "markers" | "invalidateTags"> {
  readonly seq: () => number
  readonly versions: (
    operation: string,
    tags: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<string | undefined>, StoreError>
  /** The versions of the tags of an entry. */
  readonly of: (
    operation: string,
    entry: Stored | undefined
  ) => Effect.Effect<Pick<TagTable, "version">, StoreError>
}

const keyOf = (tag: string) => ({ kind: "t", id: tag }) as const

export const make = (self: Objects): Tags => {
  const { config: { tagMillis }, tokens } = self.bucket
  const seen = SeenMarkers.make({ isShared: true })
  const known = KnownVersions.make(tagMillis)
  const fresh = () => newVersion(tokens)

  const ask = (operation: string, tag: string): Effect.Effect<string | undefined, StoreError> =>
    Effect.map(read(self, operation, "t", tag), ({ body }) => body?.head.version)

  const versions: Tags["versions"] = (operation, tags) =>
    tags.length === 0
      ? Exit.succeed(noVersions)
      : Effect.forEach(tags, (tag) => known.read(tag, ask(operation, tag)), { concurrency: many.concurrency })

  /** Creates a marker, unless another process has created it meanwhile. */
  const create = (tag: string): Effect.Effect<Marker, StoreError> =>
    inLine(
      self,
      keyOf(tag),
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.map(
          change(
            self,
            { operation: "markers", ...keyOf(tag) },
            ({ body }): Next<readonly [string, isMade: boolean]> => {
              const found = body?.head.version
              if (found !== undefined) return { answer: [found, false] }
              const version = fresh()
              return { answer: [version, true], write: { head: { version }, frame: none } }
            }
          ),
          ([version, isMade]) => {
            known.set(tag, version, now)
            return isMade ? seen.made(tag, version) : seen.found(tag, version)
          }
        ))
    )

  const markers: Store["markers"] = (tags) =>
    Effect.flatMap(versions("markers", tags), (versions) =>
      Effect.map(
        Effect.forEach(
          tags,
          (tag, i) => {
            const version = versions[i]
            return version === undefined ? create(tag) : Exit.succeed(seen.found(tag, version))
          },
          { concurrency: many.concurrency }
        ),
        // Reads `seq` after the markers and before the load: a marker first seen during the load gets a larger `seq`.
        (markers): Markers => ({ seq: seen.seq(), markers })
      ))

  const invalidate = (tag: string, mode: InvalidationMode | undefined) =>
    inLine(
      self,
      keyOf(tag),
      Effect.suspend(() => {
        seen.changing([tag])
        known.forget(tag)
        const operation = "invalidateTags"
        const invalidating = mode === "soft" ? { operation } : { operation, knows: "head" } as const
        const step = change(self, { ...invalidating, ...keyOf(tag) }, ({ body }): Next<string> => {
          const version = nextVersion(body?.head.version, mode, fresh)
          return { answer: version, write: { head: { version }, frame: none } }
        })
        return Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.map(step, (version) => {
            known.set(tag, version, now)
            return [tag, version] as const
          }))
      })
    )

  return {
    seq: seen.seq,
    versions,
    of: (operation, entry) => {
      const tags = entry?.meta.tags.map(({ tag }) => tag) ?? []
      return Effect.map(versions(operation, tags), (versions) => ({ version: (tag) => versions[tags.indexOf(tag)] }))
    },
    markers,
    invalidateTags: (tags, mode) =>
      Effect.map(
        Effect.forEach(tags, (tag) => invalidate(tag, mode), { concurrency: many.concurrency }),
        seen.changed
      )
  }
}
