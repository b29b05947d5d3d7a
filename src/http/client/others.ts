/** Requests that start no load which others could share: ranges, `HEAD`, `only-if-cached` and unsafe methods. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Cached from "../../Cached.ts"
import type { Caching } from "../../Caching.ts"
import type { Fields } from "../rules/fields.ts"
import { groupsOf, invalidatedUrls } from "../rules/invalidation.ts"
import { type Reuse, reuseOf } from "../rules/reuse.ts"
import { contradicts, hasSameValidator } from "../rules/validation.ts"
import { insteadOf, reached, served } from "./answer.ts"
import { isComplete, lengthOf } from "./bodies.ts"
import * as Call from "./call.ts"
import { judged } from "./judge.ts"
import { exchange } from "./load.ts"
import { learn, mayAnswer, placeOf } from "./places.ts"
import { groupTag, type Stored, urlTag, type Variant, variantOf } from "./record.ts"

interface Found {
  readonly variant: Variant
  readonly reuse: Reuse
  readonly now: number
}

/** Finds the response that answers a request, and how it may be used, without a load. */
export const found = (call: Call.Call): Effect.Effect<Found | undefined, never, Caching> =>
  Effect.flatMap(Cached.getEntry(call.place.key), (entry) => {
    const variant = Option.isSome(entry) ? variantOf(entry.value) : undefined
    if (variant === undefined) return Effect.undefined
    const { head: { fields }, hops, named, place, self } = call
    if (!mayAnswer(self, place, variant, fields)) {
      learn(self, named, place, variant)
      const there = placeOf(self, named, fields)
      return there.id === place.id || hops > 1 ? Effect.undefined : found({ ...call, place: there, hops: hops + 1 })
    }
    return Effect.flatMap(isComplete(call, variant), (complete) =>
      complete
        ? Effect.map(
          Clock.currentTimeMillis,
          (now) => ({ variant, reuse: reuseOf(variant, call.directives, now), now })
        )
        : Effect.undefined)
  })

export const onlyIfCached = (call: Call.Call): Call.Answer =>
  Effect.map(found(call), (stored) =>
    stored === undefined || stored.reuse === "validate"
      ? Call.timedOut(call, { fwd: "request", detail: "only-if-cached" })
      : served(call, stored.variant, stored.now, {}))

/**
 * A range of a stored response, or its fields for `HEAD`. If it is not stored, the origin answers, and its answer
 * passes.
 */
export const part = (call: Call.Call): Call.Answer =>
  Effect.flatMap(found(call), (stored) => {
    const isHead = call.head.method === "HEAD"
    const whole = isHead || stored?.variant.status === 200 ? stored?.variant : undefined
    const isKnown = isHead || (whole?.body?.length ?? lengthOf(whole?.fields ?? {})) !== undefined
    if (stored?.reuse === "serve" && isKnown) return Effect.succeed(served(call, whole!, stored.now, {}))
    const fwd = !isHead ? "partial" : stored === undefined ? "uri-miss" : "stale"
    return reached(call, whole, Call.inTime(call, exchange(call, call.request)), (met) =>
      Effect.tap(
        insteadOf(call, whole, met.response, () => Call.marked(met.response, { fwd })),
        () => isHead && stored !== undefined ? afterHead(call, met) : Effect.void
      ))
  })

/** The answer to `HEAD` updates the stored response that it describes, and makes another one stale (section 4.3.5). */
const afterHead = (call: Call.Call, met: Call.Met): Effect.Effect<void, never, Caching> => {
  if (met.response.status !== 200 || Call.isRedirected(call, met.response)) return Effect.void
  const { head, place, self } = call
  const update = met.response.headers as Fields
  const change = (current: Option.Option<Stored>): Option.Option<Stored> => {
    const variant = Option.isSome(current) ? current.value.variant : null
    // A response that has arrived after `HEAD` was sent may be newer than its answer.
    if (variant === null || variant.responseTime > met.requestTime) return current
    if (!mayAnswer(self, place, variant, head.fields)) return current
    if (contradicts(update, variant.fields)) return Option.some({ variant: { ...variant, noCache: true } })
    if (!hasSameValidator(update, variant.fields)) return current
    const updated = judged(call, met, variant)
    return updated.why === undefined ? Option.some({ variant: updated.variant }) : Option.none()
  }
  // A soft invalidation may be newer than the answer too, and a change would end it.
  return Effect.flatMap(
    Cached.getEntry(place.key),
    (entry) => isSoft(entry) ? Effect.void : Effect.ignore(Cached.update(place.key, change))
  )
}

const isSoft = (entry: Option.Option<{ readonly softExpiresAt: number }>): boolean =>
  Option.isSome(entry) && entry.value.softExpiresAt === -Infinity

/**
 * An unsafe request that succeeded makes stored responses invalid, and ends loads that began before. An interruption
 * after the response does not skip that.
 */
export const unsafe = (call: Call.Call): Call.Answer =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(call.origin.execute(call.request)), (response) => {
      const by = Call.answeredBy(call, response)
      const fields = response.headers as Fields
      const urls = invalidatedUrls(by, { status: response.status, fields })
      const groups = urls.length === 0 ? [] : groupsOf(fields["cache-group-invalidation"])
      const tags = new Set([
        ...urls.length === 0 ? [] : [urlTag(call.named.href)],
        ...urls.map(({ hash, href }) => urlTag(call.self.keyed(hash === "" ? href : href.slice(0, -hash.length)))),
        ...groups.map((group) => groupTag(by.origin, group))
      ])
      return Call.cleared(call, response).pipe(
        Effect.andThen(Cached.invalidate(Array.from(tags, (tag) => ({ tag })))),
        Effect.as(Call.marked(response, { fwd: "method" }))
      )
    })
  )
