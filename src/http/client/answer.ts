/** Answers with stored responses. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type { HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import type { Caching } from "../../Caching.ts"
import { http } from "../../internal/defaults/options.ts"
import { type CacheStatus, renderStatus } from "../rules/cacheStatus.ts"
import type { Fields } from "../rules/fields.ts"
import { ageOf } from "../rules/freshness.ts"
import { isOfSameVersion, rangeOf } from "../rules/ranges.ts"
import { mayServeOnError } from "../rules/reuse.ts"
import { isConditional, isUnchanged } from "../rules/validation.ts"
import { contentOf, discard, isComplete, lengthOf, readAlone } from "./bodies.ts"
import { type Answer, type Call, cookiesOf, empty, timedOut } from "./call.ts"
import type { Variant } from "./record.ts"
import * as Response from "./response.ts"

/** The stored response as the answer to this request: `304` if the caller has the version already, or its range. */
export const served = (call: Call, variant: Variant, now: number, status: CacheStatus): HttpClientResponse => {
  const { head: { fields: asked, method }, named, own, request } = call
  const age = ageOf(variant, now)
  const line = renderStatus(
    http.name,
    { ttl: Math.floor(variant.lifetime - age), ...status },
    variant.fields["cache-status"]
  )
  const isOwn = own !== undefined && own.stored === variant
  // The cookies of the call's own response are for its caller, whether they are stored or not.
  const sent = isOwn ? cookiesOf(own.response) : []
  const cookies = sent.length === 0 ? variant.cookies : sent
  // The caller of the load gets the fields as the origin has sent them.
  const asSent = isOwn && own.response.status === variant.status ? own.response.headers as Fields : undefined
  const isSame = isConditional(asked) && variant.status === 200 && isUnchanged(variant, asked)
  const fields = copyOf(asSent ?? (isSame ? withoutLengthOf(variant) : variant.fields))
  if (fields["set-cookie"] !== undefined) delete fields["set-cookie"]
  if (asSent === undefined) fields["age"] = String(Math.floor(age))
  fields["cache-status"] = line
  const answer = (status: number, content: Response.Content, all: Fields = fields) =>
    Response.make({ request, url: named.href, status, fields: all, cookies }, content)
  if (isSame) {
    if (isOwn) readAlone(call, variant)
    return answer(304, empty, asSent === undefined ? fields : withoutLength(fields))
  }
  if (method === "HEAD") return answer(variant.status, empty)
  const content = contentOf(call, variant)
  const length = asked["range"] === undefined || variant.status !== 200
    ? undefined
    : variant.body?.length ?? lengthOf(variant.fields)
  const range = length !== undefined && isOfSameVersion(asked["if-range"], variant.fields)
    ? rangeOf(asked["range"]!, length)
    : undefined
  if (range === undefined) return answer(variant.status, content)
  const others = withoutLength(fields)
  if (range === "unsatisfiable") return answer(416, empty, { ...others, "content-range": `bytes */${length}` })
  const { end, start } = range
  others["content-range"] = `bytes ${start}-${end - 1}/${length}`
  others["content-length"] = String(end - start)
  return answer(
    206,
    content instanceof Uint8Array ? content.subarray(start, end) : Response.slice(content, start, end),
    others
  )
}

interface Copy {
  [name: string]: string
}

/** A copy for one answer. To set the prototype of a record, as `Headers` does for one, takes thrice the time. */
const copyOf = (fields: Fields): Copy => Object.assign(Object.create(proto), fields)

const lengthless = new WeakMap<Variant, Copy>()

/** The fields for a `304`, made once for each variant. */
const withoutLengthOf = (variant: Variant): Copy => {
  const known = lengthless.get(variant)
  if (known !== undefined) return known
  const made = withoutLength(copyOf(variant.fields))
  lengthless.set(variant, made)
  return made
}

const withoutLength = ({ "content-length": _, ...others }: Copy): Copy => copyOf(others)

const proto: object = Object.getPrototypeOf(Headers.empty)

/** Continues with what the origin sent. If it cannot be reached, the stale response answers, where it may. */
export const reached = <A>(
  call: Call,
  stale: Variant | undefined,
  sent: Effect.Effect<A, HttpClientError, Caching>,
  onSuccess: (value: A) => Answer
): Answer => Effect.matchCauseEffect(sent, { onFailure: (cause) => failed(call, stale, cause), onSuccess })

export const failed = (call: Call, stale: Variant | undefined, cause: Cause.Cause<HttpClientError>): Answer => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  return error?.reason._tag === "TransportError"
    ? instead(call, stale, call.self.failedAs(error), Effect.failCause(cause))
    : Effect.failCause(cause)
}

/**
 * Answers in place of an origin that failed: with the stale response, if it may be served and its body is there; with
 * an error, if a directive forbids it and the origin did not answer (RFC 9111, section 5.2.2.2); else as `otherwise`.
 */
const instead = (
  call: Call,
  stale: Variant | undefined,
  status: number | undefined,
  otherwise: Answer
): Answer =>
  Effect.clockWith((clock) => {
    if (stale === undefined || (status !== undefined && status < 500)) return otherwise
    const now = clock.currentTimeMillisUnsafe()
    const why = { fwdStatus: status, detail: "origin-failed" }
    if (!mayServeOnError(stale, call.directives, now, status)) {
      const needsOrigin = status === undefined && (stale.noCache || stale.mustRevalidate)
      return needsOrigin ? Effect.succeed(timedOut(call, { fwd: "stale", ...why })) : otherwise
    }
    return Effect.flatMap(
      isComplete(call, stale),
      (complete) => complete ? Effect.succeed(served(call, stale, now, why)) : otherwise
    )
  })

/** Answers in place of a response, if it is the failure of its origin. Its body is then read by no one. */
export const insteadOf = (
  call: Call,
  stale: Variant | undefined,
  response: HttpClientResponse,
  own: () => HttpClientResponse
): Answer =>
  Effect.map(instead(call, stale, response.status, Effect.sync(own)), (answer) => {
    if (answer instanceof Response.CachedResponse) discard(call, response)
    return answer
  })
