/** The options that the layers of caches in a folder (`CacheLayer.disk` and `CacheLayer.files`) have in common. */
import type * as Effect from "effect/Effect"
import type { StoreError } from "../CacheError.ts"
import { checkDirectory, missingSqlite, sizesOf, trustOf } from "../internal/options/folder.ts"
import type { Checks } from "../internal/options/options.ts"
import type { SizeInput } from "../internal/options/size.ts"
import { loading } from "./loading.ts"

interface FolderOptions {
  readonly directory: string
  readonly maxSize?: SizeInput | undefined
  readonly maxValue?: SizeInput | undefined
  readonly trustFolder?: boolean | undefined
}

/** Checks each folder option except the two sizes, which `storeOptions` checks together. */
export const folderOptions: Checks<FolderOptions> = {
  directory: (directory, layer) => checkDirectory(layer, directory),
  maxSize: () => {},
  maxValue: () => {},
  trustFolder: (given, layer) => void trustOf(layer, given)
}

export const storeOptions = (
  layer: string,
  { directory, maxSize, maxValue, trustFolder }: FolderOptions,
  limits: Parameters<typeof sizesOf>[2]
) => {
  sizesOf(layer, { maxSize, maxValue }, limits)
  return {
    directory,
    ...maxSize === undefined ? {} : { maxSize },
    ...maxValue === undefined ? {} : { maxValue },
    ...trustFolder === undefined ? {} : { trustFolder }
  }
}

/** Imports a module over SQLite, which old versions of Node.js do not have. */
export const withSqlite = <Module>(module: () => Promise<Module>): Effect.Effect<Module, StoreError> =>
  loading("sqlite", module, (thrown) => {
    const missing = missingSqlite(thrown)
    return missing === undefined ? thrown : new Error(missing, { cause: thrown })
  })
