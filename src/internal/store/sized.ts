/** A store that refuses payloads outside of the given sizes. */
import * as Effect from "effect/Effect"
import type { Stored } from "../../CacheEntry.ts"
import type { SetRequest, Store } from "../../ports/store.ts"
import { tooLarge } from "./tooLarge.ts"

export const sized = (store: Store, minBytes: number, maxBytes: number): Store => {
  const fits = ({ entry: { payload } }: { readonly entry: Stored }): boolean =>
    payload.length >= minBytes && payload.length <= maxBytes
  const fitsNot = (request: SetRequest): boolean => !fits(request)
  const refuse = (operation: "set" | "commit", { entry: { payload: { length: size } }, id }: SetRequest) =>
    Effect.fail(tooLarge({
      store: store.name,
      operation,
      id,
      size,
      limit: size > maxBytes ? ["maxSize", maxBytes] : ["minSize", minBytes]
    }))
  const { transact } = store
  return {
    ...store,
    set(id, entry, condition, ...rest) {
      if (fits({ entry })) return store.set(id, entry, condition, ...rest)
      // The old entry must not stay, because it was to be replaced.
      const refused = refuse("set", { id, entry })
      return condition === undefined ? Effect.andThen(store.remove(id), refused) : refused
    },
    // Sets the entries that fit, and fails because of the others.
    setMany(requests) {
      const others = requests.filter(fitsNot)
      if (others.length === 0) return store.setMany(requests)
      return store.setMany(requests.filter(fits)).pipe(
        Effect.andThen(store.removeMany(others.map(({ id }) => id))),
        Effect.andThen(refuse("set", others[0]!))
      )
    },
    commit: (id, generation, entry, ...rest) =>
      fits({ entry }) ? store.commit(id, generation, entry, ...rest) : refuse("commit", { id, entry }),
    commitMany(requests) {
      const refused = requests.find(fitsNot)
      if (refused === undefined) return store.commitMany(requests)
      return Effect.andThen(store.commitMany(requests.filter(fits)), refuse("commit", refused))
    },
    transact: transact && ((request) => {
      const others = request.steps.filter((step) => "entry" in step && fitsNot(step))
      const unfit = others.find((step) => step._tag === "Set")
      if (unfit !== undefined) return refuse("set", unfit)
      return transact({ ...request, steps: request.steps.filter((step) => !others.includes(step)) })
    })
  }
}
