/** Wraps a store so that a function observes every operation. */
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

/** The parts of a store that are not operations, or not called by a wrapped store. */
const facts = ["name", "capabilities", "isWhole", "distanceMillis", "workedMillis", "maxSize"] as const
const beside = ["getUnsafe", "getCallback", "changes", "changesUnsafe"] as const

export type OperationName = Exclude<keyof Store, typeof facts[number] | typeof beside[number]>

const noOperations = new Set<string>([...facts, ...beside, "scan", "scanLoads", "scanCounters"])

/** Runs every operation through `run`. Drops synchronous answers and `workedMillis`, because `run` takes time. */
export const mapOperations = (
  store: Store,
  run: (
    name: keyof Store,
    args: ReadonlyArray<any>,
    operation: () => Effect.Effect<any, StoreError>
  ) => Effect.Effect<unknown, StoreError>
): Store => {
  const mapped = (name: keyof Store, part: unknown): unknown => {
    if (noOperations.has(name)) return part
    if (Effect.isEffect(part)) return run(name, [], () => part as Effect.Effect<unknown, StoreError>)
    return typeof part === "function" ? (...args: ReadonlyArray<any>) => run(name, args, () => part(...args)) : part
  }
  const parts = Object.entries(store).map(([name, part]) => [name, mapped(name as keyof Store, part)])
  return { ...Object.fromEntries(parts), getUnsafe: undefined, getCallback: undefined, workedMillis: undefined }
}

export const tapped = (store: Store, watch: Tap): Store => ({
  ...mapOperations(
    store,
    (name, [ids], operation) => Effect.suspend(() => watch(name, textsOf(ids), operation()))
  ),
  scan: (options) => paged("scan", store.scan(options), watch),
  scanLoads: (options) => paged("scanLoads", store.scanLoads(options), watch),
  scanCounters: (options) => paged("scanCounters", store.scanCounters(options), watch)
})

const textsOf = (ids: unknown): ReadonlyArray<string> => {
  if (typeof ids === "string") return [ids]
  if (!Array.isArray(ids)) return []
  return ids.map((one: string | { readonly id: string }) => typeof one === "string" ? one : one.id)
}

const paged = <A>(operation: string, scan: Stream.Stream<A, StoreError>, watch: Tap): Stream.Stream<A, StoreError> =>
  Stream.transformPull(
    scan,
    (pull) => Effect.succeed(pageByPage(pull, (page) => Effect.suspend(() => watch(operation, [], page))))
  )
