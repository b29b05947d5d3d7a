/**
 * One request of a caching client.
 *
 * The engine does what all caches need: one load for all that wait, writes that an invalidation rejects, tags, policies
 * and events. Its value is the list of a resource's variants, on which the rules decide.
 */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import { isHarmless } from "../rules/anonymous.ts"
import type { Fields } from "../rules/fields.ts"
import { isSafe } from "../rules/invalidation.ts"
import { requestDirectives } from "../rules/reuse.ts"
import { type Answer, type Call, type Client, type Origin, passed } from "./call.ts"
import { get, renew } from "./get.ts"
import { unsafe } from "./others.ts"
import { type Named, placeOf, resourceAt } from "./places.ts"

/** For whom a request of a client is. Requests with different texts share no responses. */
export interface Whom {
  readonly partition: (request: HttpClientRequest.HttpClientRequest, url: URL, harmless: Set<string>) => string
  /** Whether the text stands for the credentials of a request, also where `Vary` names them. */
  readonly hidesCredentials: boolean
}

export const execute = (
  self: Client,
  { hidesCredentials, partition: partitionOf }: Whom,
  origin: Origin,
  request: HttpClientRequest.HttpClientRequest
): Answer =>
  Effect.suspend(() => {
    const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
    if (url === undefined || !/^https?:$/.test(url.protocol)) return origin.execute(request)
    const partition = partitionOf(request, url, self.harmless)
    const sent = fieldsOf(request, url)
    const fields = hidesCredentials && partition !== "" ? hidden(sent, partition, self.harmless) : sent
    // No key, and so no store, has credentials in it.
    for (const part of ["hash", "username", "password"] as const) if (url[part] !== "") url[part] = ""
    return Effect.clockWith((clock) =>
      answer(callAt(self, { origin, clock, request, fields }, resourceAt(`${self.scope} ${partition}`, url)))
    )
  })

/** The fields as the rules see them. The user in a URL is one in `Authorization`: clients send it so. */
const fieldsOf = ({ headers }: HttpClientRequest.HttpClientRequest, { password, username }: URL): Fields =>
  username + password === "" ? headers : { authorization: `${username}:${password}`, ...headers }

/** Replaces the fields that could name a user by their digest, so that no store sees them where `Vary` names one. */
const hidden = (fields: Fields, digest: string, harmless: Set<string>): Fields => {
  const shown: { [name: string]: string | undefined } = {}
  for (const name in fields) shown[name] = isHarmless(name, harmless) ? fields[name] : digest
  return shown
}

interface Asked extends Pick<Call, "origin" | "clock" | "request"> {
  readonly fields: Fields
  readonly asksWhole?: boolean
}

export const callAt = (
  self: Client,
  { asksWhole = false, clock, fields, origin, request }: Asked,
  named: Named
): Call => ({
  self,
  origin,
  clock,
  request,
  named,
  place: placeOf(self, named, fields),
  head: { method: request.method, url: named.href, fields },
  directives: requestDirectives(fields),
  asksWhole,
  startedAt: clock.currentTimeMillisUnsafe(),
  isBackground: false,
  hops: 0,
  renew,
  hasBegun: false,
  own: undefined
})

export const answer = (call: Call): Answer => {
  const { method } = call.request
  // No key contains a body.
  if (call.request.body._tag !== "Empty" && isSafe(method)) return passed(call, { fwd: "bypass" })
  if (method === "GET" || method === "HEAD") return get(call)
  return isSafe(method) ? passed(call, { fwd: "method" }) : unsafe(call)
}
