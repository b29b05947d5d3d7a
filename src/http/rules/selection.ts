/** Selecting a stored response by the fields that `Vary` names (RFC 9111, section 4.1). */
import { type Fields, listOf } from "./fields.ts"

/** The request's value of each field that the response's `Vary` names, or `null` for a field that it did not have. */
interface Varying {
  readonly [name: string]: string | null
}

export const varyingOf = (vary: string | undefined, request: Fields): Varying => {
  const varying: { [name: string]: string | null } = {}
  for (const name of listOf(vary)) add(varying, name.toLowerCase(), request)
  return varying
}

const add = (varying: { [name: string]: string | null }, name: string, request: Fields): void => {
  varying[name] = normalized(name, request[name])
}

/** Spaces around members, several lines in place of one, and the case of a language make no difference. */
const normalized = (name: string, value: string | undefined): string | null => {
  if (value === undefined) return null
  const members = listOf(value).join(", ")
  return name === "accept-language" ? members.toLowerCase() : members
}

export const matches = (varying: Varying, request: Fields): boolean => {
  for (const name in varying) if (varying[name] !== normalized(name, request[name])) return false
  return true
}

export const sameVarying = (a: Varying, b: Varying): boolean => {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name] && name in b)
}

/** The stored response for a request: the most recent one, if several match. */
export const select = <A extends { readonly varying: Varying; readonly date: number; readonly responseTime: number }>(
  variants: ReadonlyArray<A>,
  request: Fields
): A | undefined => {
  let found: A | undefined
  for (const one of variants) {
    if (found !== undefined && (one.date < found.date || (one.date === found.date && !isNewer(one, found)))) continue
    if (matches(one.varying, request)) found = one
  }
  return found
}

const isNewer = (a: { readonly responseTime: number }, b: { readonly responseTime: number }): boolean =>
  a.responseTime >= b.responseTime
