/**
 * The fingerprints of key classes. The ids of one payload under all of them, `~Name@fingerprint:payload`, differ only
 * in the fingerprint. An invalidation by key reaches all these ids, because several releases may run at once.
 */
import { keyClasses } from "../defaults/bounds.ts"
import { fingerprints as limits } from "../defaults/processes.ts"
import { remember } from "../remember.ts"

/** The fingerprints of classes, by the beginning of their ids, `~Name@`. */
export type Fingerprints = Map<string, ReadonlyArray<string>>

/** The beginning of all ids of a class. */
interface Head {
  /** The whole beginning, with the colon before the payload. */
  readonly text: string
  /** The part before the fingerprint. */
  readonly name: string
  readonly own: string
}

/** The last one that was asked for: many ids in a row are of one class. */
let last: Head | undefined

/** The beginning of an id. `undefined` if the id belongs to no key class. */
export const headOf = (id: string): Head | undefined => {
  if (last !== undefined && id.startsWith(last.text)) return last
  const found = /^(~[^~:@]+@)([\w-]{8}):/.exec(id)
  return found === null ? undefined : last = { text: found[0], name: found[1]!, own: found[2]! }
}

const none: ReadonlyArray<never> = []

/** The ids of the same payload under the other fingerprints of its class, as far as they are known. */
export const siblingsOf = (known: Fingerprints, id: string): ReadonlyArray<string> => {
  const head = headOf(id)
  const all = head && known.get(head.name)
  if (head === undefined || all === undefined || all.length === 1 && all[0] === head.own) return none
  const rest = id.slice(head.text.length - 1)
  return all.filter((other) => other !== head.own).map((other) => `${head.name}${other}${rest}`)
}

/** Notes the fingerprint of a class that this process uses. */
export const note = (known: Fingerprints, prefix: string): void => {
  const { name, own } = headOf(prefix)!
  const others = known.get(name)?.filter((other) => other !== own) ?? []
  remember(known, name, [...others, own].slice(-limits.most), keyClasses)
}
