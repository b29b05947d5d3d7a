/** A value that is larger than `maxValue`: storing it would block the process, and push out all others. */
import { StoreError } from "../../CacheError.ts"

interface Refused {
  readonly store: string
  readonly id: string
  readonly size: number
  readonly maxValue: number
}

export const tooLarge = ({ id, maxValue, size, store }: Refused): StoreError =>
  new StoreError({
    store,
    operation: "set",
    reason: "TooLarge",
    cause: new Error(`The value of "${id.slice(0, 200)}" has ${size} bytes, and maxValue is ${maxValue}`)
  })
