/** `GET` and `HEAD`: the stored response that answers them, or a load that others may share. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Cached from "../../Cached.ts"
import { type Caching, hitNow } from "../../Caching.ts"
import type { CacheStatus } from "../rules/cacheStatus.ts"
import { noDirectives, type RequestHead } from "../rules/fields.ts"
import { type Reuse, reuseOf } from "../rules/reuse.ts"
import { isConditional, isForOrigin } from "../rules/validation.ts"
import { failed, insteadOf, reached, served } from "./answer.ts"
import { bytesOf, discard, isComplete, lengthOf } from "./bodies.ts"
import { type Answer, type Call, inTime, marked, type Own, passed } from "./call.ts"
import { asked, awaited, confirm, drop, reasonOf, refreshed } from "./load.ts"
import { found, onlyIfCached, part } from "./others.ts"
import { learn, mayAnswer, placeOf } from "./places.ts"
import { type Stored, type Variant, variantOf } from "./record.ts"

export const get = (call: Call): Answer => {
  const { asksWhole, directives, head: { fields }, named, place, self } = call
  if (fields["upgrade"] !== undefined) return passed(call, { fwd: "bypass" })
  if (directives.has("no-store") || isForOrigin(fields)) return inTime(call, passed(call, { fwd: "request" }))
  if (directives.has("only-if-cached")) return onlyIfCached(call)
  if (isOfPart(call.head) && !asksWhole) return part(call)
  if (place.by === undefined || self.known.has(named.id)) return placed(call)
  // Another process may know that the last response is for this request too.
  return Effect.flatMap(Cached.getEntry(named.key), (entry) => {
    const variant = Option.isSome(entry) ? variantOf(entry.value) : undefined
    if (variant?.isForAll !== true) return placed(call)
    learn(self, named, { home: "", key: named.key }, variant)
    return placed({ ...call, place: placeOf(self, named, fields) })
  })
}

/** Answers by the place of the request. */
const placed = (call: Call): Answer => {
  const { asksWhole, head, place: { id }, self } = call
  const until = self.unshared.get(id)
  if (until === undefined) return looked(call)
  if (call.startedAt >= until) {
    self.unshared.delete(id)
    return looked(call)
  }
  // The whole is known to be for one request alone, or too large: the origin answers conditions, ranges and `HEAD`.
  const isAlone = self.waiting.has(id) || (asksWhole && isOfPart(head))
  return isAlone || isConditional(head.fields)
    ? Effect.flatMap(
      stored(call),
      (variant) =>
        isAlone || variant === undefined ? alone(call, variant, variant ? "stale" : "uri-miss") : looked(call)
    )
    : looked(call)
}

/** A stored response in memory that answers at once. `undefined`: only `get` can tell. */
export const getNow = (call: Call, fiber: Fiber.Fiber<any, any>): HttpClientResponse | undefined => {
  const { directives, head: { fields }, named, place, self } = call
  const isPlain = fields["upgrade"] === undefined && fields["range"] === undefined && directives.size === 0 &&
    !isForOrigin(fields) && !self.unshared.has(place.id)
  const key = place.by === undefined ? place.key : named.key
  return isPlain ? hitNow(self.caching, fiber, key, (resource: Stored) => servedNow(call, resource)) : undefined
}

const servedNow = (call: Call, { variant }: Stored): HttpClientResponse | undefined => {
  const now = call.startedAt
  return variant !== null && mayAnswer(call.self, call.place, variant, call.head.fields) &&
      reuseOf(variant, noDirectives, now) === "serve" && bytesOf(call, variant) !== undefined
    ? served(call, variant, now, hit)
    : undefined
}

/** The stored response for a request, however old. */
const stored = (call: Call): Effect.Effect<Variant | undefined, never, Caching> =>
  Effect.map(found(call), (one) => one?.variant)

/**
 * Reads the stored response. If there is none, or an invalidation was soft, the same read loads it. If that fails, what
 * the invalidation has made stale may answer.
 */
const looked = (call: Call): Answer =>
  Effect.matchCauseEffect(awaited(call, "serve"), {
    onFailure: (cause) => Effect.flatMap(stored(call), (variant) => failed(call, variant, cause)),
    onSuccess: (resource) => {
      const { own } = call
      if (own === undefined) {
        return resource.variant === null
          ? Effect.flatMap(stored(call), (variant) => alone(call, variant, reasonOf(resource)))
          : decided(call, resource, undefined)
      }
      const reason = reasonOf(resource)
      if (own.response.status < 500) return answered(call, own, undefined, reason)
      return Effect.flatMap(stored(call), (variant) => answered(call, own, variant, reason))
    }
  })

type Reason = CacheStatus["fwd"]

/** `reason`: why the call waited for a load of another one, whose result this is. `stale`: what it found before. */
const decided = (call: Call, resource: Stored, reason: Reason, stale?: Variant): Answer => {
  const { variant } = resource
  if (variant === null) return alone(call, stale, reason ?? reasonOf(resource))
  if (!mayAnswer(call.self, call.place, variant, call.head.fields)) return elsewhere(call, variant)
  const now = call.clock.currentTimeMillisUnsafe()
  // Also the first read of a call can join a load, whose response is then younger than the call.
  const joined = reason ?? (variant.responseTime > call.startedAt ? reasonOf(resource) : undefined)
  const reuse = reuseFor(call, variant, now)
  if (reuse === "validate") {
    if (joined !== undefined) return alone(call, variant, joined)
    return renewed(call, variant, reuseOf(variant, noDirectives, now) === "validate" ? "stale" : "request")
  }
  const status = joined === undefined ? hit : { fwd: joined, collapsed: true }
  if (reuse === "serve" && bytesOf(call, variant) !== undefined) return given(call, variant, now, status)
  return Effect.flatMap(isComplete(call, variant), (complete) => {
    if (!complete) return renewed(call, undefined, "uri-miss")
    return Effect.flatMap(
      reuse === "refresh" ? refreshed(call) : Effect.void,
      () => given(call, variant, now, status)
    )
  })
}

/** The stored response is for other requests. Its `Vary` says where that for this one lies. */
const elsewhere = (call: Call, variant: Variant): Answer => {
  const { head: { fields }, named, place, self } = call
  learn(self, named, place, variant)
  const there = { ...call, place: placeOf(self, named, fields), hops: call.hops + 1 }
  return there.place.id === place.id || call.hops > 1 ? renewed(there, undefined, "vary-miss") : placed(there)
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
    awaited(call, "load"),
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
    return Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => given(call, stored, now, { fwd, fwdStatus, stored: why === undefined, detail: why })
    )
  }
  if (response.status === 200 && isPart(call)) {
    discard(call, response)
    return inTime(call, passed(call, { fwd: "partial", detail: why }))
  }
  return insteadOf(call, stale, response, () => marked(response, { fwd, detail: why }, content))
}

const isOfPart = ({ fields, method }: RequestHead): boolean => method === "HEAD" || fields["range"] !== undefined

const isPart = ({ head: { fields, method } }: Call): boolean => method === "GET" && fields["range"] !== undefined

/** A range of a body whose length no one knows can only be asked for. */
const given = (call: Call, variant: Variant, now: number, status: CacheStatus): Answer =>
  isPart(call) && variant.status === 200 && (variant.body?.length ?? lengthOf(variant.fields)) === undefined
    ? inTime(call, passed(call, { fwd: "partial" }))
    : Effect.succeed(served(call, variant, now, status))

/** Asks the origin without waiting for others, and stores nothing. What is stored can still be confirmed. */
const alone = (call: Call, stale: Variant | undefined, fwd: Reason): Answer => {
  const status = { fwd, detail: "not-shared" }
  const passing = inTime(call, passed(call, status))
  if (stale === undefined) return passing
  if (isPart(call)) return reached(call, stale, passing, (response) => insteadOf(call, stale, response, () => response))
  return reached(call, stale, inTime(call, asked(call, stale, false)), ({ confirmed, met }) => {
    if (confirmed !== undefined && confirm(call, confirmed, met) !== undefined) {
      return Effect.succeed(served(call, call.own!.stored!, met.responseTime, { fwdStatus: 304, ...status }))
    }
    if (confirmed !== undefined) drop(call)
    if (met.response.status === 304) return passing
    return insteadOf(call, stale, met.response, () => marked(met.response, status))
  })
}
