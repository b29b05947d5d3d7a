/** Notes which fields of a request a handler, or a check around it, reads: its response may be for one user. */
import type * as Headers from "effect/http/Headers"

/** Fields that describe the program of the client, the connection, the representation or a trace, but no user. */
const ofNoUser = new RegExp(
  "^(accept(-.+)?|access-control-.+|authorization|b3|baggage|cache-control|clear-site-data|connection|content-.+|date|" +
    "dnt|expect|host|if-.+|keep-alive|origin|pragma|priority|range|referer|save-data|sec-.+|te|trace(parent|state)|" +
    "transfer-encoding|upgrade(-insecure-requests)?|user-agent|via|x-amzn-trace-id|x-b3-.+|x-cloud-trace-context|" +
    "x-correlation-id|x-request-id|x-requested-with|:.+)$"
)

interface Reading {
  readonly headers: Headers.Headers
  /** The fields that may identify the user, such as `x-api-key`, and were read, whether they are there or not. */
  readonly fields: ReadonlySet<string>
}

/** `Authorization` is none of the fields: the rules know it. A copy of all, as for another server, reads none. */
export const watched = (headers: Headers.Headers): Reading => {
  const fields = new Set<string>()
  let toCopy = 0
  let copied: PropertyKey | undefined
  const note = (target: object, name: PropertyKey): void => {
    const isCopied = copied === name
    copied = undefined
    if (!isCopied) toCopy = 0
    if (typeof name !== "string" || isCopied || ofNoUser.test(name)) return
    if (!(name in target) || Object.hasOwn(target, name)) fields.add(name)
  }
  const proxy = new Proxy(headers, {
    get(target, name) {
      note(target, name)
      return Reflect.get(target, name)
    },
    has(target, name) {
      note(target, name)
      return name in target
    },
    ownKeys(target) {
      const names = Reflect.ownKeys(target)
      toCopy = names.length
      return names
    },
    getOwnPropertyDescriptor(target, name) {
      if (toCopy === 0) note(target, name)
      else {
        toCopy--
        copied = name
      }
      return Reflect.getOwnPropertyDescriptor(target, name)
    }
  })
  return { headers: proxy, fields }
}
