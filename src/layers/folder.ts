/** The options of all layers in a folder. */
import * as ByteSize from "effect/ByteSize"
import * as Option from "effect/Option"
import { CacheConfigError } from "../CacheError.ts"
import { type Checks, optional } from "../internal/options.ts"

interface FolderOptions {
  readonly directory: string
  readonly maxSize?: ByteSize.Input | undefined
}

/** The check of each option. */
export const folderOptions: Checks<FolderOptions> = {
  directory: (directory, layer) => {
    if (typeof directory === "string" && directory !== "") return
    throw new CacheConfigError({ message: `${layer} needs "directory", the path of a folder` })
  },
  maxSize: optional((maxSize, layer) => {
    if (Option.isSome(Option.filter(ByteSize.fromInput(maxSize), (size) => !ByteSize.isZero(size)))) return
    throw new CacheConfigError({ message: `maxSize of ${layer} is a size above zero, like "100 MB"` })
  })
}
