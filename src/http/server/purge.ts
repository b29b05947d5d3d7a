/** Removes stored responses for those who know a secret. */
import { sha256 } from "@noble/hashes/sha2.js"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Cached from "../../Cached.ts"
import * as CachePolicy from "../../CachePolicy.ts"
import type { Caching } from "../../Caching.ts"
import { groupTag, urlTag } from "../client/record.ts"
import { urlOf } from "./url.ts"

const Names = Schema.optionalKey(Schema.Array(Schema.String))

const Targets = Schema.Struct({ urls: Names, tags: Names, groups: Names, soft: Schema.optionalKey(Schema.Boolean) })

const decode = Schema.decodeUnknownOption(Targets)

type Request = HttpServerRequest.HttpServerRequest

export const purged = (
  request: Request,
  secret: Redacted.Redacted<string>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Caching> => {
  const { headers, method } = request
  if (method !== "PURGE" && method !== "POST") return answer(405, { allow: "PURGE, POST" })
  const given = /^Bearer (.+)$/i.exec(headers["authorization"] ?? "")?.[1] ?? ""
  if (!isSame(given, Redacted.value(secret))) return answer(401, { "www-authenticate": "Bearer" })
  return Effect.flatMap(targetsOf(request), (targets) => {
    if (targets === undefined) return answer(400)
    const { groups = [], soft = false, tags = [], urls = [] } = targets
    const named = [...urls.map(tagOfUrl), ...groups.map(tagOfGroup), ...tags]
    if (named.length === 0 || named.some((tag) => tag === undefined || tag === "")) return answer(400)
    const removal = Effect.forEach(
      named as ReadonlyArray<string>,
      (tag) => Cached.invalidateTag(tag, { mode: soft ? "soft" : "hard" }),
      { discard: true }
    )
    return Effect.matchEffect(CachePolicy.strict(removal), {
      onFailure: () => answer(503),
      onSuccess: () => answer(204)
    })
  })
}

const answer = (status: number, headers: { readonly [name: string]: string } = {}) =>
  Effect.succeed(HttpServerResponse.empty({ status, headers: { "cache-control": "no-store", ...headers } }))

const targetsOf = (request: Request): Effect.Effect<typeof Targets.Type | undefined> => {
  const query = urlOf(request)?.searchParams
  if (query !== undefined && query.size > 0) {
    const [urls, tags, groups] = ["url", "tag", "group"].map((name) => query.getAll(name)) as [any, any, any]
    return Effect.succeed({ urls, tags, groups, soft: query.has("soft") && query.get("soft") !== "false" })
  }
  return Effect.map(Effect.option(request.json), (json) => Option.getOrUndefined(Option.flatMap(json, decode)))
}

const tagOfUrl = (text: string): string | undefined => {
  try {
    const url = new URL(text)
    url.hash = ""
    return urlTag(url.href)
  } catch {
    return undefined
  }
}

const tagOfGroup = (text: string): string | undefined => {
  const [origin, ...name] = text.split(" ")
  return name.length === 0 ? undefined : groupTag(origin!, name.join(" "))
}

const encoder = new TextEncoder()

/** Compares digests, so that neither the time nor the length tells how much is right. */
const isSame = (given: string, secret: string): boolean => {
  const [a, b] = [sha256(encoder.encode(given)), sha256(encoder.encode(secret))]
  return a.reduce((different, byte, i) => different | (byte ^ b[i]!), 0) === 0
}
