/** Answers with stored responses. */
import * as Effect from "effect/Effect"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import { http } from "../../internal/defaults/options.ts"
import { type CacheStatus, renderStatus } from "../rules/cacheStatus.ts"
import type { Fields } from "../rules/fields.ts"
import { ageOf } from "../rules/freshness.ts"
import { mayServeOnError } from "../rules/reuse.ts"
import { isConditional, isUnchanged } from "../rules/validation.ts"
import { contentOf, isComplete } from "./bodies.ts"
import { type Answer, type Call, cookiesOf, empty, timedOut } from "./call.ts"
import type { Variant } from "./record.ts"
import * as Response from "./response.ts"

/** The stored response as the answer to this request: `304` if the caller has the version already. */
export const served = (call: Call, variant: Variant, now: number, status: CacheStatus): HttpClientResponse => {
  const { head: { fields: asked, method }, own, request, url } = call
  const age = ageOf(variant, now)
  const line = renderStatus(
    http.name,
    { ttl: Math.floor(variant.lifetime - age), ...status },
    variant.fields["cache-status"]
  )
  // The caller of the load gets the fields as the origin has sent them.
  const fields: Fields = own?.response.status === variant.status && own.stored === variant
    ? { ...own.response.headers as Fields, "cache-status": line }
    : { ...variant.fields, age: String(Math.floor(age)), "cache-status": line }
  // The cookies of the call's own response are for its caller, whether they are stored or not.
  const sent = own?.stored === variant ? cookiesOf(own.response) : []
  const cookies = sent.length === 0 ? variant.cookies : sent
  const parts = { request, url: url.href, status: variant.status, fields, cookies }
  if (isConditional(asked) && variant.status === 200 && isUnchanged(variant, asked)) {
    const { "content-length": _, ...others } = fields
    return Response.make({ ...parts, status: 304, fields: others }, empty)
  }
  return Response.make(parts, method === "HEAD" ? empty : contentOf(call, variant))
}

/**
 * Answers in place of an origin that failed: with the stale response, if it may be served and its body is there; with
 * an error, if a directive forbids it and the origin did not answer (RFC 9111, section 5.2.2.2); else as `otherwise`.
 */
export const instead = (call: Call, stale: Variant, status: number | undefined, otherwise: Answer): Answer =>
  Effect.clockWith((clock) => {
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
