/** The operations on all entries of a synchronous storage: `scan`, `size` and `clear`. */
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import type { SyncStorage } from "../../../ports/storage.ts"
import type { ScanOptions } from "../../../ports/store.ts"
import { chunk } from "../../defaults/bounds.ts"
import * as MarkerEntries from "../markers/markerEntries.ts"
import { isPage } from "../pageIds.ts"
import { once, type Sync } from "./sync.ts"

const page = <A>(rest: Iterator<A>): readonly [ReadonlyArray<A>, Option.Option<Iterator<A>>] => {
  const items: Array<A> = []
  while (items.length < chunk) {
    const next = rest.next()
    if (next.done === true) return [items, Option.none()]
    items.push(next.value)
  }
  return [items, Option.some(rest)]
}

export const paged = <A>(
  storage: SyncStorage,
  operation: string,
  scan: ((prefix: string) => Iterable<A>) | undefined
): ((options?: ScanOptions) => Stream.Stream<A, StoreError>) | undefined =>
  scan && ((options) =>
    Stream.suspend(() => {
      const rest = scan(options?.prefix ?? "")[Symbol.iterator]()
      return Stream.paginate(rest, (rest) => once(storage, operation, () => page(rest)))
    }))

export const countOf = ({ keepsMarkers, storage: { scan, size } }: Sync): (() => number) | undefined => {
  const all = size ?? (scan && (() => Array.from(scan("")).filter(({ id }) => !isPage(id)).length))
  if (!keepsMarkers || all === undefined) return all
  // Without `scan`, the number of markers among all entries is unknown.
  return scan && (() => all() - Array.from(scan(MarkerEntries.prefix)).filter(MarkerEntries.isMarker).length)
}

export const clearingOf = (self: Sync): (() => void) | undefined => {
  const { clear, scan } = self.storage
  const clearStored = clear ?? (scan && (() => {
    for (const { id } of Array.from(scan(""))) self.storage.remove(id)
  }))
  return clearStored && (() => {
    self.leases.endAll()
    self.moves++
    clearStored()
  })
}
