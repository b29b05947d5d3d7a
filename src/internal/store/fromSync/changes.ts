/** Reads the changes that other processes make to a synchronous storage. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import type { Change } from "../../../ports/store.ts"
import { polling } from "../../defaults/processes.ts"
import * as MarkerEntries from "../markers/markerEntries.ts"
import { orThrow, type Sync } from "./sync.ts"

type Read = () => ReadonlyArray<Change>

/** Returns a function that begins to listen and returns a reader, or `undefined` if the storage reports no changes. */
export const listeningTo = ({ keepsMarkers, storage }: Sync): (() => Read) | undefined => {
  const { changes } = storage
  return changes && (() => {
    const read = orThrow(storage, "listen", changes)
    const reported = keepsMarkers ? () => read().map(MarkerEntries.toChange) : read
    return () => orThrow(storage, "listen", reported)
  })
}

const tried = <A>(run: () => A) => Effect.try({ try: run, catch: (error) => error as StoreError })

const coherent: Stream.Stream<Change> = Stream.succeed({ _tag: "Coherent" })

export const following = (listen: () => Read): Stream.Stream<Change, StoreError> =>
  Stream.unwrap(Effect.map(tried(listen), (read) => {
    const polled = Stream.fromEffectSchedule(tried(read), Schedule.spaced(polling.pollMillis))
    return Stream.concat(coherent, Stream.flatMap(polled, Stream.fromIterable))
  }))
