/** Storing responses (RFC 9111, section 3): which may be stored, and which of their fields. */
import { namesOf, personalBy } from "./anonymous.ts"
import { type Directives, type Fields, listOf, namesIn, type ResponseHead } from "./fields.ts"
import type { Control } from "./targeted.ts"

/** A private cache serves one user; a shared cache serves several. */
export type Mode = "private" | "shared"

export interface Rules {
  readonly mode: Mode
  /** The fields that cannot name a user. */
  readonly harmless: Set<string>
}

interface Judged {
  readonly control: Control
  /** Whether the response is for all requests, also those that could name a user. */
  readonly isForAll: boolean
  /** Whether responses are stored that say nothing about it. */
  readonly isImplicit: boolean
}

/** Status codes whose responses may be reused without explicit freshness (RFC 9110, section 15.1). */
const heuristic: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])

export const isHeuristic = (status: number): boolean => heuristic.has(status)

/** The final status codes of RFC 9110 whose caching this cache implements, for `must-understand`. */
const understands = (status: number): boolean =>
  heuristic.has(status) || (status >= 200 && status <= 205) || (status >= 302 && status <= 307 && status !== 304) ||
  (status >= 400 && status <= 417) || [421, 422, 426, 428, 429, 431, 451].includes(status) ||
  (status >= 500 && status <= 505)

/** Why a response may not be stored, in one word for `Cache-Status`. `undefined`: it may be. */
export const whyNotStored = (
  { harmless, mode }: Rules,
  request: Fields,
  { fields, status }: ResponseHead,
  { control, isForAll, isImplicit }: Judged
): string | undefined => {
  const { directives } = control
  // A part of a response is passed on, and a `304` that this cache did not ask for belongs to the caller.
  if (status < 200 || status === 206 || status === 304) return "status"
  const mustUnderstand = directives.has("must-understand")
  if (mustUnderstand && !understands(status)) return "status"
  if (directives.has("no-store") && !mustUnderstand) return "no-store"
  if (mode === "shared") {
    if (directives.has("private") && namesIn(directives, "private") === undefined) return "private"
    const by = isForAll ? undefined : personalBy(request, namesOf(fields["vary"]), harmless)
    if (by !== undefined) return by
  }
  if (listOf(fields["vary"]).includes("*")) return "vary"
  return isExplicit(mode, fields, control) || (isImplicit && isHeuristic(status)) ? undefined : "implicit"
}

/**
 * Whether a response says that it is for all requests, also those that could name a user. RFC 9111, section 3.5, would
 * accept `must-revalidate` too, which many send without thinking of users.
 */
export const isForAll = ({ directives, isOfOrigin, isTargeted }: Control): boolean =>
  isOfOrigin && (isTargeted || directives.has("public") || directives.has("s-maxage"))

/** Whether a response says that it may be stored. */
export const isExplicit = (mode: Mode, fields: Fields, { directives, isTargeted }: Control): boolean =>
  directives.has("public") || directives.has("max-age") || directives.has("no-cache") ||
  (directives.has("private") && mode === "private") || (directives.has("s-maxage") && mode === "shared") ||
  (fields["expires"] !== undefined && !isTargeted)

const hopByHop: ReadonlySet<string> = new Set([
  ...["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"],
  ...["proxy-authenticate", "proxy-authentication-info", "proxy-authorization", "trailer"]
])

/** The fields that `no-cache` names, and in a shared cache those that `private` names: the origin alone gives them. */
export const withheldFields = (mode: Mode, directives: Directives): ReadonlyArray<string> => [
  ...(namesIn(directives, "no-cache") ?? []),
  ...(mode === "shared" ? namesIn(directives, "private") ?? [] : [])
]

/**
 * The fields that are stored: none of the connection, and none that are withheld (section 3.1). Cookies are stored
 * beside them.
 */
export const storedFields = (mode: Mode, fields: Fields, directives: Directives): { [name: string]: string } => {
  const left = new Set([
    ...listOf(fields["connection"]).map((name) => name.toLowerCase()),
    ...withheldFields(mode, directives),
    "set-cookie"
  ])
  const stored: { [name: string]: string } = {}
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    if (value !== undefined && !hopByHop.has(name) && !left.has(name)) stored[name] = value
  }
  return stored
}

/** Fields of a stored response that describe its bytes: a `304` or the answer to `HEAD` does not replace them. */
const ofContent: ReadonlySet<string> = new Set(["content-encoding", "content-length", "content-md5", "content-range"])

/** The stored fields after an update by a `304` or `HEAD` (section 3.2). Both are `storedFields`. */
export const updatedFields = (stored: Fields, update: Fields): { [name: string]: string } => {
  const fields = { ...stored } as { [name: string]: string }
  for (const name of Object.keys(update)) if (!ofContent.has(name)) fields[name] = update[name]!
  return fields
}
