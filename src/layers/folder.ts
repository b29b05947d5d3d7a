/** The options that all layers of a folder have. */
import * as ByteSize from "effect/ByteSize"
import * as Option from "effect/Option"
import { CacheConfigError } from "../CacheError.ts"

export const checkFolder = (name: string, directory: string, maxSize: ByteSize.Input | undefined): void => {
  if (typeof directory !== "string" || directory === "") {
    throw new CacheConfigError({ message: `CacheLayer.${name} needs a directory` })
  }
  if (maxSize === undefined) return
  if (Option.isNone(Option.filter(ByteSize.fromInput(maxSize), (size) => !ByteSize.isZero(size)))) {
    throw new CacheConfigError({ message: `maxSize of CacheLayer.${name} is a size above zero, like "100 MB"` })
  }
}
