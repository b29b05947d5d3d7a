/** Decides whether a storage keeps the markers of tags as entries. Only a storage that outlives its process does. */
import type { Storage, StorageCapabilities, SyncStorage } from "../../ports/storage.ts"
import { mistake } from "../options/options.ts"
import * as Parts from "./parts.ts"

const parts: Parts.Parts<StorageCapabilities> = { shared: "a boolean", lasting: "a boolean" }

type Given = Pick<Storage, "name" | "capabilities"> & Pick<SyncStorage, "tags"> & { readonly setIfAbsent?: unknown }

/** Whether markers are kept as entries of the storage. Throws for contradictory capabilities. */
export const keepsMarkers = (what: string, { capabilities = {}, name, setIfAbsent, tags }: Given): boolean => {
  Parts.check(`${what} capabilities`, capabilities, parts, [])
  const { lasting, shared = false } = capabilities
  if (!shared) return tags === undefined && (lasting ?? setIfAbsent !== undefined)
  if (lasting === false) throw mistake(`${what}: "${name}" is shared, so it must be lasting too`)
  if (tags !== undefined) return false
  if (setIfAbsent !== undefined) return true
  throw mistake(
    `${what}: "${name}" is shared, and cannot create one marker of a tag for all processes. Give it ` +
      "`setIfAbsent`; if one process at a time uses it, it is `lasting` and not `shared`"
  )
}
