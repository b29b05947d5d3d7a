/** The error of a store that refuses a value because of its size. */
import { StoreError } from "../../CacheError.ts"

interface TooLarge {
  readonly store: string
  readonly operation: string
  readonly id: string
  /** the bytes of the value */
  readonly size: number
  readonly limit: string
}

export const tooLarge = ({ id, limit, operation, size, store }: TooLarge): StoreError =>
  new StoreError({ store, operation, reason: "TooLarge", details: `"${id}" has ${bytes(size)}, and ${limit} fit` })

export const bytes = (size: number): string => `${size.toLocaleString("en")} ${size === 1 ? "byte" : "bytes"}`
