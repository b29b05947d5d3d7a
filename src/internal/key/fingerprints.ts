/**
 * The fingerprints of key classes. The ids of one payload under all of them, `~Name@fingerprint:payload`, differ only
 * in the fingerprint. An invalidation by key reaches all these ids, because several releases may run at once.
 */
import { keyClasses } from "../defaults/bounds.ts"
import { fingerprints as limits } from "../defaults/processes.ts"
import { remember } from "../remember.ts"

/** The fingerprints of classes, by the beginning of their ids, `~Name@`. */
export type Fingerprints = Map<string, ReadonlyArray<string>>

/** The beginning of an id, its fingerprint, and the rest. `undefined` if the id belongs to no key class. */
export const partsOf = (id: string): ReadonlyArray<string> | undefined =>
  /^(~[^~:@]+@)([\w-]{8})(:.*)$/s.exec(id)?.slice(1)

/** The ids of the same payload under the other fingerprints of its class, as far as they are known. */
export const siblingsOf = (known: Fingerprints, id: string): ReadonlyArray<string> => {
  const [name = "", own, rest] = partsOf(id) ?? []
  return known.get(name)?.filter((other) => other !== own).map((other) => `${name}${other}${rest}`) ?? []
}

/** Notes the fingerprint of a class that this process uses. */
export const note = (known: Fingerprints, prefix: string): void => {
  const [name, own] = partsOf(prefix) as [string, string]
  const others = known.get(name)?.filter((other) => other !== own) ?? []
  remember(known, name, [...others, own].slice(-limits.most), keyClasses)
}
