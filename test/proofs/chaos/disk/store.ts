/** The store of a process, in a folder. */
import { SqliteStore } from "effect-cached/sqlite"
import { storeFrom } from "../../../support/storeFrom.ts"

export const storeOf = (where: { readonly directory: string; readonly maxSize: string }) =>
  storeFrom(SqliteStore.layer(where as SqliteStore.Options))
