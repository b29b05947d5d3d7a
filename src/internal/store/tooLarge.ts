/** The error of a store that refuses a value because of its size: a large value could delay or evict all others. */
import type { SerializerError } from "../../CacheError.ts"
import { StoreError } from "../../CacheError.ts"
import type { SetRequest } from "../../ports/store.ts"

interface Refused {
  readonly store: string
  readonly operation: "set" | "commit"
  readonly id: string
  readonly size: number
  readonly limit: readonly [option: string, bytes: number]
}

const tooLarge = ({ id, limit: [option, bytes], operation, size, store }: Refused): StoreError =>
  new StoreError({
    store,
    operation,
    reason: "TooLarge",
    cause: new Error(`the value of "${id.slice(0, 200)}" has ${size} bytes, and ${option} is ${bytes}`)
  })

/** The refusal of the first value that is larger than the option `maxValue` of a store allows. */
export const aboveMaxValue = (
  store: string,
  operation: "set" | "commit",
  requests: ReadonlyArray<Pick<SetRequest, "entry" | "id">>,
  maxValue: number
): StoreError | undefined => {
  const large = requests.find(({ entry }) => entry.payload.length > maxValue)
  return large &&
    tooLarge({ store, operation, id: large.id, size: large.entry.payload.length, limit: ["maxValue", maxValue] })
}

const byRule = new WeakSet<object>()

/** Like `tooLarge`, but for a value that a rule of the program keeps out of the store. */
export const keptOut = (refused: Refused): StoreError => {
  const error = tooLarge(refused)
  byRule.add(error)
  return error
}

/** Whether an error only means that a rule of the program keeps a value out of the store. That is not a failure. */
export const isKeptOut = (error: StoreError | SerializerError): boolean => byRule.has(error)
