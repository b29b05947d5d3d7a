/** Records whether two key classes of this program share ids. Until two do, a hit need not check a key's class. */
import { keyClasses } from "../defaults/bounds.ts"
import type { KeyInfo } from "./info.ts"

export const sameIds = { exist: false }

/** The newest class for each prefix, held weakly, because a garbage-collected class creates no more ids. */
const newest = new Map<string, WeakRef<KeyInfo>>()

export const noteClass = (prefix: string, info: KeyInfo): void => {
  const other = newest.get(prefix)?.deref()
  if (other !== undefined && other !== info) sameIds.exist = true
  newest.delete(prefix)
  newest.set(prefix, new WeakRef(info))
  if (newest.size > keyClasses) newest.delete(newest.keys().next().value!)
}
