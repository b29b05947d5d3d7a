/** Checks that a transaction on a cluster stays in one slot, because a script can access only one slot. */
import * as Effect from "effect/Effect"
import { StoreError } from "../../../../CacheError.ts"
import type { TransactRequest, TransactStep } from "../../../../ports/store.ts"
import { storeName } from "../../fault.ts"
import { markerOf, slotOfKey } from "../../protocol/keys.ts"
import type { Operation } from "../state.ts"

export type Commit = Extract<TransactStep, { readonly _tag: "Commit" }>

export interface Placed {
  readonly request: TransactRequest
  /** On a cluster, the slot that contains all keys of the transaction. `undefined` on a single server. */
  readonly slot: number | undefined
}

interface PlacedOnCluster extends Placed {
  readonly elsewhere: ReadonlyArray<Commit>
}

export const unsupported = (message: string): StoreError =>
  new StoreError({ store: storeName, operation: "transact", reason: "Unsupported", cause: new Error(message) })

const howToShare =
  `a transaction reaches one slot. Ids and names that begin with the same text in braces share a slot, like "{cart:7}:items" and "{cart:7}:sum"`

/** The error for a checked entry that has a tag in another slot: the script cannot compare the marker of that tag. */
export const otherSlot = (id: string, tag: string): StoreError =>
  unsupported(
    `"${id}" is checked, and its tag "${tag.slice(0, 200)}" is in another slot of the cluster: ${howToShare}`
  )

export const reaches = (slot: number | undefined, tag: string): boolean =>
  slot === undefined || slotOfKey(markerOf(tag)) === slot

/** Requires one slot for all checks and steps. Results of loads in other slots are set aside and stored afterwards. */
export const inOneSlot = ({ checks, steps }: TransactRequest): Operation<PlacedOnCluster> => {
  const places = new Map<number, string>()
  for (const one of [...checks, ...steps]) {
    if (one._tag === "InvalidateTags") {
      return Effect.fail(
        unsupported("on a cluster a transaction cannot invalidate tags: invalidate them after the transaction")
      )
    }
    if (one._tag === "Commit") continue
    const text = "id" in one ? one.id : "name" in one ? one.name : undefined
    if (text !== undefined) places.set(slotOfKey(["v", text]), text)
    if (places.size < 2) continue
    const [first, second] = Array.from(places.values())
    return Effect.fail(unsupported(`"${first}" and "${second}" are in two slots of the cluster: ${howToShare}`))
  }
  const [slot = -1] = places.keys()
  const isHere = (step: TransactStep) => step._tag !== "Commit" || slotOfKey(["v", step.id]) === slot
  return Effect.succeed({
    request: { checks, steps: steps.filter(isHere) },
    slot,
    elsewhere: steps.filter((step): step is Commit => !isHere(step))
  })
}
