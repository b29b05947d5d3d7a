/** The options that all layers of a folder have. */
import * as ByteSize from "effect/ByteSize"
import * as Option from "effect/Option"
import { CacheConfigError } from "../CacheError.ts"
import { type Checks, optional } from "../internal/options.ts"

interface FolderOptions {
  readonly directory: string
  readonly maxSize?: ByteSize.Input | undefined
}

/** How each of them is checked. */
export const folderOptions: Checks<FolderOptions> = {
  directory: (directory, layer) => {
    if (typeof directory === "string" && directory !== "") return
    throw new CacheConfigError({ message: `${layer} needs a directory` })
  },
  maxSize: optional((maxSize, layer) => {
    if (Option.isSome(Option.filter(ByteSize.fromInput(maxSize), (size) => !ByteSize.isZero(size)))) return
    throw new CacheConfigError({ message: `maxSize of ${layer} is a size above zero, like "100 MB"` })
  })
}
