/** A store with a tap on every operation. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../CacheError.ts"
import type { Store } from "../../ports/store.ts"
import { pageByPage } from "./many.ts"

export type Tap = <A>(
  operation: string,
  ids: ReadonlyArray<string>,
  effect: Effect.Effect<A, StoreError>
) => Effect.Effect<A, StoreError>

/** A part of a store that is no operation, or none with one answer. */
const noOperations: ReadonlySet<string> = new Set<keyof Store>([
  "name",
  "capabilities",
  "isWhole",
  "getUnsafe",
  "getCallback",
  "scan",
  "scanCounters",
  "changes",
  "changesUnsafe"
])

/** A store whose every operation is run by `watch`. That is an effect, so the store no longer answers synchronously. */
export const tapped = (store: Store, watch: Tap): Store => {
  const around = (name: string, part: unknown): unknown => {
    if (noOperations.has(name)) return part
    const run = (ids: unknown, effect: () => Effect.Effect<unknown, StoreError>) =>
      Effect.suspend(() => watch(name, textsOf(ids), effect()))
    if (Effect.isEffect(part)) return run(undefined, () => part as Effect.Effect<unknown, StoreError>)
    if (typeof part !== "function") return part
    return (...arguments_: ReadonlyArray<unknown>) => run(arguments_[0], () => part(...arguments_))
  }
  return {
    ...Object.fromEntries(Object.entries(store).map(([name, part]) => [name, around(name, part)])) as unknown as Store,
    getUnsafe: undefined,
    getCallback: undefined,
    // `watch` may take time beside the store
    workedMillis: undefined,
    scan: (options) => paged("scan", store.scan(options), watch),
    scanCounters: (options) => paged("scanCounters", store.scanCounters(options), watch)
  }
}

const textsOf = (ids: unknown): ReadonlyArray<string> => {
  if (typeof ids === "string") return [ids]
  if (!Array.isArray(ids)) return []
  return ids.map((one: string | { readonly id: string }) => typeof one === "string" ? one : one.id)
}

/** Each page of a scan is one operation. */
const paged = <A>(operation: string, scan: Stream.Stream<A, StoreError>, watch: Tap): Stream.Stream<A, StoreError> =>
  Stream.transformPull(
    scan,
    (pull) => Effect.succeed(pageByPage(pull, (page) => Effect.suspend(() => watch(operation, [], page))))
  )
