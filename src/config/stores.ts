/** The store that a URL names, without a cache over it: for the command line, which works on stored entries. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CacheConfigError, StoreError } from "../CacheError.ts"
import { OnlyExisting } from "../internal/options/onlyExisting.ts"
import { type Answer, type Inspected, type Inspection, Store } from "../Store.ts"
import { openStore } from "./open.ts"

type Options = Readonly<Record<string, unknown>>

/**
 * Opens the store. Options in the URL override those of the program. `memory:` and `disabled:` have no store, and fail
 * with a `CacheConfigError`.
 */
export const store = (
  url: string,
  options: Options = {}
): Effect.Effect<Store, CacheConfigError | StoreError, Scope.Scope> =>
  Effect.flatMap(openStore(url, options), ({ layer }) => Effect.map(Layer.build(layer), Context.get(Store)))

/** Looks at the store. Nothing is created or changed: no folder, no file and no entry. */
export const inspect = (
  url: string,
  options: Options = {}
): Effect.Effect<Inspection, CacheConfigError | StoreError, Scope.Scope> =>
  Effect.flatMap(
    openStore(url, options),
    ({ inspect, layer }) =>
      inspect ??
        Layer.build(layer).pipe(
          Effect.provideService(OnlyExisting, true),
          Effect.map((context) => inspectionOf(Context.get(context, Store)))
        )
  )

/** The inspection of a store on a server, which has none of its own. */
const inspectionOf = (store: Store): Inspection => ({
  get: store.get,
  entries: (options) =>
    store.scan(options).pipe(
      Stream.map(({ id }) => id),
      Stream.rechunk(64),
      Stream.chunks,
      Stream.mapEffect((ids) => inspected(store, ids)),
      Stream.flattenIterable
    )
})

const inspected = Effect.fnUntraced(function*(store: Store, ids: ReadonlyArray<string>) {
  const rows: Array<Inspected> = []
  const found = yield* store.getMany(ids)
  for (const [i, id] of ids.entries()) {
    const answer: Pick<Answer, "entry" | "isDamaged"> = found[i] === undefined
      ? yield* store.get(id, [])
      : { entry: found[i] }
    const { entry, isDamaged } = answer
    // Another program may have removed the entry since the scan.
    if (entry !== undefined || isDamaged === true) rows.push({ id, entry })
  }
  return rows
})
