/** The store of a process, in a folder. */
import { SqliteStore } from "effect-cached/sqlite"

export const storeOf = (where: { readonly directory: string; readonly maxSize: string }) =>
  SqliteStore.make(where as SqliteStore.Options)
