/** Selecting a stored response by the fields that `Vary` names (RFC 9111, section 4.1). */
import { namesOf } from "./anonymous.ts"
import { type Fields, membersOf } from "./fields.ts"

/** The request's value of each field that the response's `Vary` names, or `null` for a field that it did not have. */
interface Varying {
  readonly [name: string]: string | null
}

export const varyingOf = (vary: string | undefined, request: Fields): Varying => {
  const varying: { [name: string]: string | null } = {}
  for (const name of namesOf(vary)) varying[name] = normalized(name, request[name])
  return varying
}

/**
 * Spaces around members, several lines in place of one, and the case of a language make no difference. An empty member
 * does, because a handler may know no list: it may answer `a,` in another way than `a`.
 */
const normalized = (name: string, value: string | null | undefined): string | null => {
  if (value === undefined || value === null) return null
  const members = membersOf(value).join(", ")
  return name === "accept-language" ? members.toLowerCase() : members
}

export const matches = (varying: Varying, request: Fields): boolean => {
  for (const name in varying) if (varying[name] !== normalized(name, request[name])) return false
  return true
}

/** The values of a request for the fields that a `Vary` names, as one text; or those of the response to one. */
export const valuesOf = (names: ReadonlyArray<string>, request: Fields | Varying): string =>
  names.length === 0 ? "" : JSON.stringify(names.map((name) => [name, normalized(name, request[name])]))
