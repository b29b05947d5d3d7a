/** The tag operations of a store over an asynchronous storage. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../../CacheEntry.ts"
import type { StoreError } from "../../../CacheError.ts"
import type { Storage } from "../../../ports/storage.ts"
import type { Answer, InvalidationMode, Markers as Answered } from "../../../ports/store.ts"
import { lookFor } from "./forgotten.ts"
import * as Markers from "./markers.ts"

export interface Tags {
  readonly seq: () => number
  readonly get: (id: string, tags: ReadonlyArray<string>) => Effect.Effect<Answer, StoreError>
  readonly of: (entry: Stored | undefined) => Effect.Effect<Pick<Markers.TagTable, "version">, StoreError>
  readonly markers: (tags: ReadonlyArray<string>, newVersion: () => string) => Effect.Effect<Answered, StoreError>
  readonly invalidate: (
    tags: ReadonlyArray<string>,
    newVersion: () => string,
    mode: InvalidationMode | undefined
  ) => Effect.Effect<void, StoreError>
}

/** Tag operations over markers that are kept in the memory of this process. */
export const ofProcess = (storage: Pick<Storage, "name" | "capabilities" | "get">): Tags => {
  const table = Markers.make()
  const look = lookFor(storage, table)
  const seq = () => Markers.seqOf(table)
  return {
    seq,
    get: (id, tags) =>
      Effect.map(storage.get(id), (entry) => {
        look(entry)
        return { entry, versions: Markers.versionsOf(table, tags) }
      }),
    of: () => Exit.succeed(table),
    markers: (tags, newVersion) => Effect.sync(() => table.markers(tags, newVersion)),
    invalidate: (tags, newVersion, mode) => Effect.sync(() => table.invalidate(tags, newVersion, mode))
  }
}
