/** The error of a store that refuses a value because of its size. Storing it would block, or push out all others. */
import { StoreError } from "../../CacheError.ts"

interface Refused {
  readonly store: string
  readonly operation: "set" | "commit"
  readonly id: string
  readonly size: number
  /** The limiting option, with its value. */
  readonly limit: readonly [option: string, bytes: number]
}

export const tooLarge = ({ id, limit: [option, bytes], operation, size, store }: Refused): StoreError =>
  new StoreError({
    store,
    operation,
    reason: "TooLarge",
    cause: new Error(`The value of "${id.slice(0, 200)}" has ${size} bytes, and ${option} is ${bytes}`)
  })
