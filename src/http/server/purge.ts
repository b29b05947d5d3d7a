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
import { Caching } from "../../Caching.ts"
import { groupTag, urlTag } from "../client/record.ts"
import { keyed, type Normal, queryOf } from "./url.ts"

/** The parts that do not count in the URLs of a cache, by the options of each middleware that has been made over it. */
export const normals = new WeakMap<Caching["Service"], ReadonlyArray<Normal>>()

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
  return Effect.flatMap(Effect.zip(targetsOf(request), Caching), ([targets, caching]) => {
    if (targets === undefined) return answer(400)
    const { groups = [], soft = false, tags = [], urls = [] } = targets
    const named = [
      ...urls.flatMap((url) => tagsOfUrl(url, normals.get(caching) ?? [])),
      ...groups.map(tagOfGroup),
      ...tags
    ]
    if (named.length === 0 || named.some((tag) => tag === undefined || tag === "")) return answer(400)
    const removal = Effect.forEach(
      named as ReadonlyArray<string>,
      (tag) => Cached.invalidate({ tag }, { mode: soft ? "soft" : "hard" }),
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
  const query = queryOf(request.originalUrl)
  if (query.size > 0) {
    const [urls, tags, groups] = ["url", "tag", "group"].map((name) => query.getAll(name)) as [any, any, any]
    return Effect.succeed({ urls, tags, groups, soft: query.has("soft") && query.get("soft") !== "false" })
  }
  return Effect.map(Effect.option(request.json), (json) => Option.getOrUndefined(Option.flatMap(json, decode)))
}

/** The tags of a URL as it was given, as a client would send it, and as the keys of this process have it. */
const tagsOfUrl = (text: string, normals: ReadonlyArray<Normal>): ReadonlyArray<string | undefined> => {
  if (!URL.canParse(text)) return [undefined]
  const given = [text, new URL(text).href].map((href) => href.replace(/#.*/s, ""))
  const all = given.flatMap((href) => [href, ...normals.map((normal) => keyed(href, normal))])
  return Array.from(new Set(all), urlTag)
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
