/** `GET`: the stored response that answers it, or a load that others may share. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Cached from "../../Cached.ts"
import { type Caching, hitNow } from "../../Caching.ts"
import type { CacheStatus } from "../rules/cacheStatus.ts"
import { noDirectives } from "../rules/fields.ts"
import { type Reuse, reuseOf } from "../rules/reuse.ts"
import { select } from "../rules/selection.ts"
import { isForOrigin } from "../rules/validation.ts"
import { failed, insteadOf, reached, served } from "./answer.ts"
import { bytesOf, isComplete } from "./bodies.ts"
import { type Answer, type Call, inTime, marked, type Own, passed } from "./call.ts"
import { asked, confirm, read, reasonOf, refreshed } from "./load.ts"
import { onlyIfCached, ranged } from "./others.ts"
import { type Variant, type Variants, variantsOf } from "./record.ts"

export const get = (call: Call): Answer => {
  const { directives, head: { fields }, id, self } = call
  if (fields["upgrade"] !== undefined) return passed(call, { fwd: "bypass" })
  if (directives.has("no-store") || isForOrigin(fields)) return inTime(call, passed(call, { fwd: "request" }))
  if (directives.has("only-if-cached")) return onlyIfCached(call)
  if (fields["range"] !== undefined) return ranged(call)
  const until = self.unshared.get(id)
  if (until === undefined) return looked(call)
  if (call.startedAt >= until) self.unshared.delete(id)
  else if (self.loading.has(id)) return Effect.flatMap(stored(call), (variants) => alone(call, variants, "stale"))
  return looked(call)
}

/** A stored response in memory that answers at once. `undefined`: only `get` can tell. */
export const getNow = (call: Call, fiber: Fiber.Fiber<any, any>): HttpClientResponse | undefined => {
  const { directives, head: { fields }, id, key, self } = call
  const isPlain = fields["upgrade"] === undefined && fields["range"] === undefined && directives.size === 0 &&
    !isForOrigin(fields) && !self.unshared.has(id)
  return isPlain ? hitNow(self.caching, fiber, key, (resource: Variants) => servedNow(call, resource)) : undefined
}

const servedNow = (call: Call, { variants }: Variants): HttpClientResponse | undefined => {
  const now = call.startedAt
  const variant = select(variants, call.head.fields)
  return variant !== undefined && reuseOf(variant, noDirectives, now) === "serve" &&
      bytesOf(call, variant) !== undefined
    ? served(call, variant, now, hit)
    : undefined
}

const stored = (call: Call): Effect.Effect<ReadonlyArray<Variant>, never, Caching> =>
  Effect.map(Cached.getEntry(call.key), (entry) => Option.isSome(entry) ? variantsOf(entry.value) : [])

/**
 * Reads the stored variants. If there are none, or an invalidation was soft, the same read loads them. If that fails,
 * what the invalidation has made stale may answer.
 */
const looked = (call: Call): Answer =>
  Effect.matchCauseEffect(read(call, "serve"), {
    onFailure: (cause) =>
      Effect.flatMap(stored(call), (variants) => failed(call, select(variants, call.head.fields), cause)),
    onSuccess: (resource) => {
      const { own } = call
      if (own === undefined) {
        return resource.unshared === true
          ? Effect.flatMap(stored(call), (variants) => alone(call, variants, reasonOf(call, resource)))
          : decided(call, resource, undefined)
      }
      const reason = reasonOf(call, resource)
      if (own.response.status < 500) return answered(call, own, undefined, reason)
      return Effect.flatMap(
        stored(call),
        (variants) => answered(call, own, select(variants, call.head.fields), reason)
      )
    }
  })

type Reason = CacheStatus["fwd"]

/** `reason`: why the call waited for a load of another one, whose result this is. `stale`: what it found before. */
const decided = (call: Call, resource: Variants, reason: Reason, stale?: Variant): Answer => {
  if (resource.unshared === true) {
    return alone(call, stale === undefined ? [] : [stale], reason ?? reasonOf(call, resource))
  }
  const now = call.clock.currentTimeMillisUnsafe()
  const variant = select(resource.variants, call.head.fields)
  if (variant === undefined) return renewed(call, undefined, "vary-miss")
  // Also the first read of a call can join a load, whose response is then younger than the call.
  const joined = reason ?? (variant.responseTime > call.startedAt ? reasonOf(call, resource) : undefined)
  const reuse = reuseFor(call, variant, now)
  if (reuse === "validate") {
    if (joined !== undefined) return alone(call, resource.variants, joined)
    return renewed(call, variant, reuseOf(variant, noDirectives, now) === "validate" ? "stale" : "request")
  }
  const status = joined === undefined ? hit : { fwd: joined, collapsed: true }
  if (reuse === "serve" && bytesOf(call, variant) !== undefined) {
    return Effect.succeed(served(call, variant, now, status))
  }
  return Effect.flatMap(isComplete(call, variant), (complete) => {
    if (!complete) return renewed(call, undefined, "uri-miss")
    return Effect.map(reuse === "refresh" ? refreshed(call) : Effect.void, () => served(call, variant, now, status))
  })
}

const hit: CacheStatus = {}

/** A response that has arrived after this request began is as good as an answer to it. */
const reuseFor = ({ directives, startedAt }: Call, variant: Variant, now: number): Reuse =>
  reuseOf(variant, variant.responseTime > startedAt ? noDirectives : directives, now)

/** Loads again, or joins a load of the same resource, whose response may answer this request too. */
const renewed = (call: Call, stale: Variant | undefined, fwd: Reason): Answer =>
  reached(
    call,
    stale,
    read(call, "load"),
    (resource) => call.own === undefined ? decided(call, resource, fwd, stale) : answered(call, call.own, stale, fwd)
  )

export const renew = (call: Call): Answer => renewed(call, undefined, "uri-miss")

/** Answers with the response to the call's own request. */
const answered = (
  call: Call,
  { content, response, stored, why }: Own,
  stale: Variant | undefined,
  fwd: Reason
): Answer => {
  const fwdStatus = response.status
  if (stored !== undefined) {
    return Effect.map(
      Clock.currentTimeMillis,
      (now) => served(call, stored, now, { fwd, fwdStatus, stored: true })
    )
  }
  return insteadOf(call, stale, response, () => marked(response, { fwd, detail: why }, content))
}

/** Asks the origin without waiting for others, and stores nothing. What is stored can still be confirmed. */
const alone = (call: Call, variants: ReadonlyArray<Variant>, fwd: Reason): Answer => {
  const status = { fwd, detail: "not-shared" }
  if (variants.length === 0) return inTime(call, passed(call, status))
  const stale = select(variants, call.head.fields)
  return reached(call, stale, inTime(call, asked(call, variants)), ({ confirmed, met, variants: known }) => {
    if (confirmed.length === 0) {
      if (met.response.status === 304) return inTime(call, passed(call, status))
      return insteadOf(call, stale, met.response, () => marked(met.response, status))
    }
    confirm(call, known, confirmed, met)
    return Effect.succeed(
      served(call, call.own!.stored!, met.responseTime, { fwd, fwdStatus: 304, detail: "not-shared" })
    )
  })
}
