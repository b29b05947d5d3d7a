/** A store that refuses payloads below a minimum or above a maximum size. */
import * as Effect from "effect/Effect"
import type { Stored } from "../../CacheEntry.ts"
import type { SetRequest, Store } from "../../ports/store.ts"
import type { TransactStep } from "../../ports/transact.ts"
import { keptOut } from "./tooLarge.ts"

export const sized = (store: Store, minBytes: number, maxBytes: number): Store => {
  const fits = ({ entry: { payload } }: { readonly entry: Stored }): boolean =>
    payload.length >= minBytes && payload.length <= maxBytes
  const fitsNot = (request: SetRequest): boolean => !fits(request)
  const refuse = (operation: "set" | "commit", { entry: { payload: { length: size } }, id }: SetRequest) =>
    Effect.fail(keptOut({
      store: store.name,
      operation,
      id,
      size,
      limit: size > maxBytes ? ["maxSize", maxBytes] : ["minSize", minBytes]
    }))
  const { transact } = store
  return {
    ...store,
    // Sets the entries that fit, removes those that the others were to replace, and then fails.
    set(requests) {
      const others = requests.filter(fitsNot)
      if (others.length === 0) return store.set(requests)
      const removed = others.filter(({ condition }) => condition === undefined)
      return store.set(requests.filter(fits)).pipe(
        Effect.andThen(store.remove(removed.map(({ id }) => id))),
        Effect.andThen(refuse("set", others[0]!))
      )
    },
    commit(requests) {
      const refused = requests.find(fitsNot)
      if (refused === undefined) return store.commit(requests)
      return Effect.andThen(store.commit(requests.filter(fits)), refuse("commit", refused))
    },
    // As in `set`, an old entry must not remain. A load's result that does not fit is left out.
    transact: transact && (({ checks, steps }) =>
      transact({
        checks,
        steps: steps.flatMap((step): ReadonlyArray<TransactStep> => {
          if (!("entry" in step) || fits(step)) return [step]
          return step._tag === "Set" ? [{ _tag: "Remove", id: step.id }] : []
        })
      }))
  }
}
