/** The store of a process, in a folder. */
import * as SqliteStore from "effect-cached/stores/SqliteStore"

export const storeOf = (where: { readonly directory: string; readonly maxSize: string }) =>
  SqliteStore.make(where as SqliteStore.Options)
