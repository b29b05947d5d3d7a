/** Takes the URL of a cache apart. No message quotes the URL, because it may contain a password. */
import { mistake, refuseUnless } from "../internal/options/options.ts"

/** The parts of a URL as they were written, except for the names and values of the options, which are decoded. */
export interface CacheUrl {
  readonly scheme: string
  /** The text between `//` and the path, like `user:password@host:6379`. `undefined` without `//`. */
  readonly authority: string | undefined
  readonly path: string
  /** The parameters after `?`, by name. */
  readonly options: ReadonlyMap<string, string>
}

const what = "The URL of the cache"

export const parse = (text: string): CacheUrl => {
  const scheme = schemeOf(text)
  const rest = text.slice(scheme.length + 1)
  refuseUnless(!rest.includes("#"), `${what} contains a #, which has no meaning there: write it as %23`)
  const [body, query] = splitAt(rest, "?")
  if (!body.startsWith("//")) {
    return { scheme: scheme.toLowerCase(), authority: undefined, path: body, options: optionsIn(query) }
  }
  const slash = body.indexOf("/", 2)
  const [authority, path] = slash < 0 ? [body.slice(2), ""] : [body.slice(2, slash), body.slice(slash)]
  // The rest of a password would be taken for a path or for options, and a message could quote it.
  refuseUnless(
    !path.includes("@") && !query.includes("@"),
    `${what} has an @ after the host: write it as %40. In a user or password, write / as %2F and ? as %3F`
  )
  return { scheme: scheme.toLowerCase(), authority, path, options: optionsIn(query) }
}

export const schemeOf = (text: string): string => {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]
  if (scheme !== undefined) {
    refuseUnless(scheme.length > 1, `${what} begins with one letter and a colon. For a folder, write disk:C:\\cache`)
    return scheme
  }
  throw mistake(`${what} must begin with a scheme, like memory: or disk:./cache`)
}

/** The host and port, the user and the password of an authority, still encoded. */
export const accountIn = (authority: string) => {
  const at = authority.lastIndexOf("@")
  const account = authority.slice(0, Math.max(at, 0))
  const [username, password] = splitAt(account, ":")
  return { hosts: authority.slice(at + 1), account, username, password }
}

/** Decodes a part of a URL. */
export const decode = (part: string, text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw mistake(`${what} has a % in its ${part} that begins no code: write it as %25`)
  }
}

const optionsIn = (query: string): ReadonlyMap<string, string> => {
  const options = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    refuseUnless(!options.has(name), `${what} has the option ${shown(name)} twice`)
    options.set(name, value)
  }
  return options
}

/** The name of an option, unless it is so unlike one that it may be a part of a password. */
export const shown = (name: string): string => /^[a-z][\w.]{0,40}$/i.test(name) ? `"${name}"` : "with a strange name"

const splitAt = (text: string, separator: string): readonly [before: string, after: string] => {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)]
}
