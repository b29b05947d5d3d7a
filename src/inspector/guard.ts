/** Guards the routes of an inspector: checks host, origin, type and token, and sets the headers of all answers. */
import { sha256 } from "@noble/hashes/sha2.js"
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { HttpApiPayloadTooLargeTypeId, HttpApiSchemaErrorTypeId } from "effect/http-api/HttpApiError"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { inspector as limits } from "../internal/defaults/options.ts"
import { Actor } from "../internal/engine/operations/removals.ts"

type Response = HttpServerResponse.HttpServerResponse

export interface Guard {
  readonly hosts: ReadonlySet<string>
  /** Fails, or returns the name of the user or else the address of the client. */
  readonly authorize: (request: HttpServerRequest) => Effect.Effect<string, Response, any>
}

export const refused = (status: number, message: string, headers: Record<string, string> = {}): Response =>
  secured(HttpServerResponse.jsonUnsafe({ _tag: "Refused", status, message }, { status, headers }))

/** Headers of all answers. That of the page says more about its content. */
const secured = (response: Response): Response =>
  HttpServerResponse.setHeaders(response, {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    ...response.headers,
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY"
  })

/** The name of a host, without its port. */
const nameOf = (host: string): string => host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "")

const originName = (origin: string): string | undefined =>
  /^https?:\/\/[^/@]+$/i.test(origin) ? nameOf(origin.replace(/^.*\/\//, "")) : undefined

const problemOf = ({ hosts }: Guard, { headers, method }: HttpServerRequest): Response | undefined => {
  const { "content-type": type = "", host = "", origin } = headers
  if (!hosts.has(nameOf(host))) {
    return refused(403, "This host is not one of the names by which the inspector may be reached: see its option hosts")
  }
  if (origin === undefined ? method === "POST" : !hosts.has(originName(origin) ?? "")) {
    return refused(403, "Another origin must not ask")
  }
  return method === "POST" && !/^application\/json(;|$)/i.test(type)
    ? refused(415, "Send application/json")
    : undefined
}

const malformed = refused(400, "The request is not as CacheInspector.Api says, or is too large")

/** Whether the checks of the protocol have failed, as defects or failures. */
const isMalformed = (error: unknown): boolean =>
  Predicate.hasProperty(error, HttpApiSchemaErrorTypeId) ||
  Predicate.hasProperty(error, HttpApiPayloadTooLargeTypeId) ||
  Predicate.isTagged(error, "HttpServerError")

const maxBody = ByteSize.fromInputUnsafe(limits.longestBody)

/** A route of the protocol. */
export const guarded = (guard: Guard, route: Effect.Effect<Response, any, any>): Effect.Effect<Response, any, any> =>
  HttpServerRequest.use((request) => {
    const problem = problemOf(guard, request)
    if (problem !== undefined) return Effect.succeed(problem)
    if (Number(request.headers["content-length"] ?? 0) > limits.longestBody) {
      return Effect.succeed(refused(413, `A request has at most ${limits.longestBody} bytes`))
    }
    return Effect.matchEffect(guard.authorize(request), {
      onFailure: Effect.succeed,
      onSuccess: (actor) =>
        route.pipe(
          Effect.map((response) =>
            // The browser connects again, and a load balancer may choose the right process.
            secured(response.status === 409 ? HttpServerResponse.setHeader(response, "connection", "close") : response)
          ),
          Effect.provideService(Actor, actor),
          Effect.provideService(MaxBodySize, maxBody)
        )
    }).pipe(Effect.catchCause((cause) => {
      if (isMalformed(Cause.squash(cause))) return Effect.succeed(malformed)
      if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
      // These routes have no access log, so nothing else would tell.
      return Effect.as(
        Effect.logError("The inspector of a cache could not answer", cause),
        refused(500, "The inspector has failed: see the log of the program")
      )
    }))
  }).pipe(HttpMiddleware.withLoggerDisabled)

/** The page, which holds nothing of the program and needs no token. */
export const open = (guard: Guard, page: Effect.Effect<Response>): Effect.Effect<Response, never, HttpServerRequest> =>
  HttpServerRequest.use((request) => {
    const problem = problemOf(guard, request)
    return problem === undefined ? Effect.map(page, secured) : Effect.succeed(problem)
  }).pipe(HttpMiddleware.withLoggerDisabled)

const encoder = new TextEncoder()

const digestOf = (text: string): Uint8Array => sha256(encoder.encode(text))

/** Takes equally long wherever the digests differ. */
const isEqual = (a: Uint8Array, b: Uint8Array): boolean => a.reduce((rest, byte, i) => rest | (byte ^ b[i]!), 0) === 0

const clientOf = (request: HttpServerRequest): string =>
  Option.getOrElse(request.remoteAddress, () => "an unknown address")

/** Compares tokens. After ten wrong ones in a minute, warns once, and refuses further wrong ones only. */
export const byToken = (token: Redacted.Redacted): Guard["authorize"] => {
  const expected = digestOf(Redacted.value(token))
  let wrong = 0
  let since = -Infinity
  return (request) => {
    const [, given = ""] = /^bearer (.+)$/i.exec(request.headers["authorization"] ?? "") ?? []
    if (isEqual(digestOf(given), expected)) return Effect.succeed(clientOf(request))
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now - since >= limits.minuteMillis) [since, wrong] = [now, 0]
      // A missing token is not a guess.
      if (given !== "") wrong++
      if (given === "" || wrong <= limits.wrongTokens) {
        return Effect.fail(
          refused(401, "This needs the token of the inspector", {
            "www-authenticate": "Bearer realm=\"effect-cached\""
          })
        )
      }
      const answer = Effect.fail(refused(429, "Too many wrong tokens: wait a minute", { "retry-after": "60" }))
      return wrong === limits.wrongTokens + 1
        ? Effect.andThen(
          Effect.logWarning(
            `The inspector of a cache got ${wrong} wrong tokens within a minute, the last one from ` +
              `${clientOf(request)}: somebody may be guessing`
          ),
          answer
        )
        : answer
    })
  }
}
