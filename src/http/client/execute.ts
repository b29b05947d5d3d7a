/**
 * One request of a caching client.
 *
 * The engine does what all caches need: one load for all that wait, writes that an invalidation rejects, tags, policies
 * and events. Its value is the list of a resource's variants, on which the rules decide.
 */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import type { Fields } from "../rules/fields.ts"
import { isSafe } from "../rules/invalidation.ts"
import { requestDirectives } from "../rules/reuse.ts"
import { type Answer, type Call, type Client, type Origin, passed } from "./call.ts"
import { get, renew } from "./get.ts"
import { head, unsafe } from "./others.ts"
import { Resource } from "./record.ts"

export const execute = (self: Client, origin: Origin, request: HttpClientRequest.HttpClientRequest): Answer =>
  Effect.suspend(() => {
    const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
    if (url === undefined || !/^https?:$/.test(url.protocol)) return origin.execute(request)
    const partition = self.partition(request, url)
    const fields = fieldsOf(self, request, url, partition)
    // No key, and so no store, has credentials in it.
    for (const part of ["hash", "username", "password"] as const) if (url[part] !== "") url[part] = ""
    return Effect.clockWith((clock) =>
      answer(callAt(self, { origin, clock, request, fields }, resourceAt(self.scope, partition, url)))
    )
  })

/** The fields as the rules see them. The user in a URL is one in `Authorization`: clients send it so. */
const fieldsOf = (
  { hidesCredentials }: Client,
  { headers }: HttpClientRequest.HttpClientRequest,
  { password, username }: URL,
  partition: string
): Fields => {
  const { cookie } = headers
  const authorization = headers["authorization"] ?? (username + password === "" ? undefined : `${username}:${password}`)
  if (authorization === undefined && (cookie === undefined || !hidesCredentials)) return headers as Fields
  const of = (value: string | undefined) => value === undefined || !hidesCredentials ? value : partition
  return { ...headers as Fields, authorization: of(authorization), cookie: of(cookie) }
}

/** A resource, as its requests name it. */
export interface Named {
  readonly url: URL
  readonly href: string
  readonly key: Resource
  readonly id: string
}

export const resourceAt = (scope: Client["scope"], own: string, url: URL): Named => {
  const partition = `${scope} ${own}`
  const { href } = url
  return { url, href, key: new Resource({ partition, url: href }), id: `${partition} ${href}` }
}

interface Asked extends Pick<Call, "origin" | "clock" | "request"> {
  readonly fields: Fields
}

export const callAt = (
  self: Client,
  { clock, fields, origin, request }: Asked,
  { href, id, key, url }: Named
): Call => ({
  self,
  origin,
  clock,
  request,
  url,
  head: { method: request.method, url: href, fields },
  directives: requestDirectives(fields),
  key,
  id,
  startedAt: clock.currentTimeMillisUnsafe(),
  isBackground: false,
  renew,
  run: undefined,
  own: undefined
})

export const answer = (call: Call): Answer => {
  const { method } = call.request
  if (method === "GET") return get(call)
  if (method === "HEAD") return head(call)
  return isSafe(method) ? passed(call, { fwd: "method" }) : unsafe(call)
}
