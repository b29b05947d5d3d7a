/** Maps errors of the file system to the reasons of a `StoreError`. */
import type { StoreErrorReason } from "../../CacheError.ts"

const reasons = new Map<unknown, StoreErrorReason>([
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["EROFS", "Denied"],
  // The name of Deno's error for a missing permission.
  ["NotCapable", "Denied"],
  ["ENOSPC", "Full"],
  ["EDQUOT", "Full"],
  ["EFBIG", "TooLarge"]
])

export const codeOf = (thrown: unknown): unknown => (thrown as NodeJS.ErrnoException | null | undefined)?.code

export const reasonOf = (thrown: unknown): StoreErrorReason =>
  reasons.get(codeOf(thrown)) ?? reasons.get((thrown as Error | null | undefined)?.name) ?? "Unavailable"
