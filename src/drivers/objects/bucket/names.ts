/**
 * The names of objects: the place of their kind and their id, in which letters, digits, `-` and `_` stay, and any other
 * UTF-16 unit becomes `~` and its code. So no character of an id has a meaning in a URL, in a signature or in XML, and
 * the names of ids with a common beginning have a common beginning too. A long name is cut, and ends with a hash.
 */
import * as Defaults from "../../../internal/defaults/objects.ts"
import { hash } from "../../../internal/key/id.ts"

/**
 * `e`: entries with their leases, `t`: markers of tags, `c`: counters, `r`: the era, and whose turn it is to clean
 * up.
 */
export type Kind = "c" | "e" | "r" | "t"

/** The beginning of the names of a kind. For those that `clear` removes, it has the era. */
export const placeOf = (kind: Kind, era?: string): string => era === undefined ? `${kind}/` : `${kind}/${era}/`

const escapeUnit = (unit: string): string => {
  const code = unit.charCodeAt(0)
  return code < 0x100 ? `~${code.toString(16).padStart(2, "0")}` : `~u${code.toString(16).padStart(4, "0")}`
}

const escape = (id: string): string => id.replace(/[^\w-]/g, escapeUnit)

export const nameOf = (place: string, id: string): string => {
  const { kept, longest } = Defaults.names
  const name = escape(id)
  // `~` alone stands for the empty id, and `~~` precedes a hash: `escape` returns neither.
  const whole = name.length <= longest ? name : `${name.slice(0, kept)}~~${hash(id)}`
  return `${place}${whole === "" ? "~" : whole}`
}

/** The beginning of the names of all ids with a prefix. */
export const startOf = (place: string, prefix: string): string =>
  `${place}${escape(prefix).slice(0, Defaults.names.kept)}`
