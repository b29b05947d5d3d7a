/** Warns if a storage that is not `lasting` has entries of an earlier process: without markers, they are misses. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Stored } from "../../../CacheEntry.ts"
import type { Storage } from "../../../ports/storage.ts"
import { firstEntries } from "../../defaults/stores.ts"
import { isInherited } from "./idTags.ts"
import type { ProcessTags } from "./markers.ts"

export type Look = (entry: Stored | undefined) => void

export const lookFor = ({ capabilities, name }: Pick<Storage, "name" | "capabilities">, table: ProcessTags): Look => {
  // Checks only the first entries that are read: entries of an earlier process, if any, are probably among them.
  let left = capabilities?.lasting === false ? 0 : firstEntries
  return (entry) => {
    if (left === 0 || entry === undefined) return
    left--
    if (!table.isWhole() || !isForgotten(entry, table)) return
    const fiber = Fiber.getCurrent()
    if (fiber === undefined) return
    left = 0
    Effect.runForkWith(fiber.context)(Effect.logWarning(
      `The storage "${name}" has entries of an earlier process, and those with tags (all of key classes have some) are ` +
        "misses: it keeps no markers of tags. If it outlives its process, give it capabilities: { lasting: true }; if " +
        "not, { lasting: false } (logged once)"
    ))
  }
}

const isForgotten = ({ meta: { tags } }: Stored, table: ProcessTags): boolean => {
  for (const { tag } of tags) if (!isInherited(tag) && table.version(tag) === undefined) return true
  return false
}
