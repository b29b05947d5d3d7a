/** The counters of a store part. Their stored names contain the part's version, so a `clear` resets all of them. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import type { NamedCounter, ScanOptions } from "../../../ports/store.ts"
import { type Part, withVersion } from "./part.ts"

export const nameOf = ({ before }: Part, version: string, name: string): string => `${before}${version}/${name}`

export const stripName = ({ before }: Part, version: string, name: string): string =>
  name.slice(before.length + version.length + 1)

export const scan = (self: Part, options?: ScanOptions): Stream.Stream<NamedCounter, StoreError> =>
  Stream.unwrap(withVersion(self, (version) => {
    const prefix = nameOf(self, version, options?.prefix ?? "")
    return Effect.succeed(Stream.map(
      self.store.scanCounters({ ...options, prefix }),
      ({ name, ...counter }) => ({ ...counter, name: stripName(self, version, name) })
    ))
  }))

/** Removes counters created before the last `clear`. Their names contain a version that is no longer used. */
export const removeOld = (self: Part): Effect.Effect<void, StoreError> =>
  withVersion(self, (version) => {
    const old = Array.from(self.counted).filter((counter) => !counter.startsWith(nameOf(self, version, "")))
    for (const counter of old) self.counted.delete(counter)
    return Effect.forEach(old, (counter) => self.store.removeCounter(counter), { discard: true })
  })
