/** The load of a response: asks the origin, under conditions if there is something to validate. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cached from "../../Cached.ts"
import { LoadTimeout } from "../../CacheError.ts"
import { Caching } from "../../Caching.ts"
import { http } from "../../internal/defaults/options.ts"
import type * as Strategy from "../../Strategy.ts"
import { isHarmless, personalBy } from "../rules/anonymous.ts"
import { etagOf, type Fields, noDirectives } from "../rules/fields.ts"
import { usableMillis } from "../rules/freshness.ts"
import { mayServeOnError, reuseOf } from "../rules/reuse.ts"
import { conditionsOf, isConfirmed, isSameEtag } from "../rules/validation.ts"
import { arrive, bodyStream, discard, isComplete, lengthOf } from "./bodies.ts"
import { type Call, cleared, type Client, empty, isRedirected, leftOf, type Met, unanswered } from "./call.ts"
import { judged } from "./judge.ts"
import { learn, mayAnswer, variantsOf } from "./places.ts"
import { Body, originTag, Resource, type Stored, urlTag, type Variant, variantOf } from "./record.ts"

type Loaded = Effect.Effect<Stored, HttpClientError, Caching>

/** `"serve"`: what is stored, however old. `"refresh"`: the same, with a load in the background. `"load"`: a load. */
type Way = "serve" | "refresh" | "load"

const decisions = { serve: "Serve", refresh: "ServeAndRefresh", load: "Load" } as const

const strategyOf = (way: Way, { keepMillis, waitMillis }: Client): Strategy.Strategy<Stored, any, any> => ({
  name: "http",
  patienceMillis: waitMillis,
  // A soft invalidation makes the response stale, whatever it says itself. What an update has removed has expired.
  decide: (entry, now) =>
    entry === undefined || now >= entry.expiresAt || (way === "serve" && entry.softExpiresAt === -Infinity)
      ? "Load"
      : decisions[way],
  lifetime: (exit) => {
    if (Exit.isFailure(exit) || exit.value.variant === null) return "skip"
    const ttl = Math.max(0, usableMillis(exit.value.variant, keepMillis))
    return { softTtl: ttl, ttl }
  }
})

/** Reads the response through the cache. */
const read = (call: Call, way: Way): Loaded =>
  Effect.mapError(
    Cached.withStrategy(Effect.suspend(() => load(nextOf(call))), call.place.key, {
      strategy: strategyOf(way, call.self),
      fallbackOn: "all",
      tags: (exit: Exit.Exit<Stored, unknown>) => tagsOf(call, exit),
      inherit: call.self.inherit,
      timeout: leftOf(call),
      maxLoad: call.self.maxLoadMillis,
      shareLoad: call.self.unshared.has(call.place.id) ? false : undefined
    }) as Effect.Effect<Stored, HttpClientError | LoadTimeout, Caching>,
    (error) => error instanceof LoadTimeout ? unanswered(call, error) : error
  )

/**
 * The call whose load runs. A load that hangs runs again with the newest call that waits: the request of the first one
 * may be why it hangs. That one then waits like the others.
 */
const nextOf = (call: Call): Call => {
  const next = call.hasBegun ? call.self.waiting.get(call.place.id) ?? call : call
  call.hasBegun = next === call
  return next
}

/**
 * Reads, but waits no longer than `wait` for a load that another request has begun, and does not end as the handler has
 * ended for that one: it may have answered its user so.
 */
export const awaited = (call: Call, way: Way): Loaded =>
  Effect.suspend(() => {
    const { place: { id }, self: { waiting, waitMillis } } = call
    waiting.set(id, call)
    return Effect.raceFirst(
      Effect.catchCause(
        read(call, way),
        (cause) => !call.hasBegun && isOfRun(call, cause) ? givenUp(call) : Effect.failCause(cause)
      ),
      Effect.flatMap(Effect.sleep(waitMillis), () => call.hasBegun ? Effect.never : givenUp(call))
    ).pipe(Effect.ensuring(Effect.sync(() => waiting.get(id) === call && waiting.delete(id))))
  })

const isOfRun = ({ self: { scope } }: Call, cause: Cause.Cause<HttpClientError>): boolean =>
  scope === "server" &&
  !Cause.findErrorOption(cause).pipe(Option.exists(({ reason }) => reason.cause instanceof LoadTimeout))

/** Requests that could name their users wait no more for each other. */
const givenUp = (call: Call): Effect.Effect<Stored> =>
  Effect.sync(() => {
    if (call.place.by !== undefined) notShared(call, call.clock.currentTimeMillisUnsafe())
    return notCome
  })

const notCome: Stored = { variant: null }

/** Starts a refresh in the background, under the limits of the layer. */
export const refreshed = (call: Call): Effect.Effect<void, never, Caching> =>
  Effect.ignore(read({ ...call, isBackground: true }, "refresh"))

const tagsOf = ({ named: { href, url } }: Call, exit: Exit.Exit<Stored, unknown>): ReadonlyArray<string> => {
  const tags = Exit.isSuccess(exit) ? exit.value.variant?.tags ?? [] : []
  return Array.from(new Set([urlTag(href), originTag(url.origin), ...tags]))
}

const load = (call: Call): Loaded =>
  call.isBackground
    ? Effect.withFiber(({ context }) => loaded({ ...call, origin: call.origin.within?.(context) ?? call.origin }))
    : loaded(call)

const loaded = (call: Call): Loaded =>
  Effect.flatMap(Cached.previous(Resource), (previous) => {
    const { head: { fields }, place } = call
    call.hasBegun = true
    const before = Option.isSome(previous) ? variantOf(previous.value) : undefined
    const stale = before !== undefined && mayAnswer(call.self, place, before, fields) ? before : undefined
    const why = stale !== undefined
      ? "stale"
      : before !== undefined || place.key.varying !== ""
      ? "vary-miss"
      : "uri-miss"
    return Effect.map(validated(call, stale), (resource) => {
      reasons.set(resource, why)
      return resource
    })
  })

/** Why a load ran, by its result, for all that waited for it. */
const reasons = new WeakMap<Stored, "uri-miss" | "vary-miss" | "stale">()

/** Why a read had to load: there was nothing, only other variants, or what a soft invalidation had made stale. */
export const reasonOf = (resource: Stored): "uri-miss" | "vary-miss" | "stale" => reasons.get(resource) ?? "uri-miss"

const validated = (call: Call, stale: Variant | undefined): Loaded =>
  Effect.flatMap(asked(call, stale, true), ({ confirmed, isConditional, met }) => {
    const kept = confirmed && confirm(call, confirmed, met)
    if (kept !== undefined) return Effect.succeed(kept)
    if (met.response.status !== 304 || !isConditional) return store(call, stale, met)
    // The origin has confirmed what is not stored, or not for this request.
    return Effect.flatMap(
      exchange(call, plain(call.request)),
      (again) =>
        Effect.map(store(call, undefined, again), (stored) => {
          if (confirmed !== undefined && stored.variant === null) drop(call)
          return stored
        })
    )
  })

interface Asked {
  readonly met: Met
  /** The response that a `304` confirms. */
  readonly confirmed: Variant | undefined
  readonly isConditional: boolean
}

/** The request for the whole response, whatever its caller has already. */
const plain = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest => {
  const names = ["if-none-match", "if-modified-since", "range", "if-range"]
  const removed = names.reduce((left, name) => HttpClientRequest.removeHeader(left, name), request)
  return removed.method === "HEAD" ? HttpClientRequest.setMethod(removed, "GET") : removed
}

/** Asks the origin, with the validators of what is stored and, for a load, the entity tags of other variants. */
export const asked = (
  call: Call,
  stale: Variant | undefined,
  isLoad: boolean
): Effect.Effect<Asked, HttpClientError, Caching> =>
  Effect.flatMap(isComplete(call, stale), (there) => {
    // Without its body there is nothing that a `304` could confirm.
    const current = there ? stale : undefined
    const others = isLoad && current === undefined ? othersOf(call) : none
    const conditions = conditionsOf(current, others.flatMap(({ etag }) => etagOf(etag) ?? []))
    const isConditional = Object.keys(conditions).length > 0
    return Effect.flatMap(exchange(call, HttpClientRequest.setHeaders(plain(call.request), conditions)), (met) => {
      // After a redirect, another resource has answered.
      if (met.response.status !== 304 || isRedirected(call, met.response)) {
        return Effect.succeed({ met, confirmed: undefined, isConditional })
      }
      const update = met.response.headers as Fields
      const one = current === undefined
        ? otherOf(others, update)
        : Effect.succeed(isConfirmed(current, update) ? current : undefined)
      // A body that was arriving has gone if its reader has left meanwhile.
      return Effect.flatMap(one, (confirmed) =>
        Effect.map(isComplete(call, confirmed), (there) => ({
          met,
          confirmed: there ? confirmed : undefined,
          isConditional
        })))
    })
  })

type Others = ReturnType<typeof variantsOf>

const none: Others = []

/**
 * The other variants: the origin may say that one of them is the response to this request too. Not those of other
 * users, whose responses may have one entity tag for all.
 */
const othersOf = ({ named, place: { by }, self }: Call): Others => {
  const known = self.known.get(named.id)
  if (known === undefined || by !== undefined || !known.names.every((name) => isHarmless(name, self.harmless))) {
    return none
  }
  return variantsOf(named, known)
}

const otherOf = (
  others: Others,
  update: Fields
): Effect.Effect<Variant | undefined, never, Caching> => {
  const etag = etagOf(update["etag"])
  const one = etag === undefined ? undefined : others.find((other) => isSameEtag(etag, etagOf(other.etag)))
  if (one === undefined) return Effect.undefined
  // Another user's response with the same entity tag may have taken its place.
  return Effect.map(Cached.getEntry(one.key), (entry) => {
    const variant = Option.isSome(entry) ? variantOf(entry.value) : undefined
    return variant?.id === one.id && isSameEtag(etag!, etagOf(variant.fields["etag"])) ? variant : undefined
  })
}

export const exchange = (
  call: Call,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Met, HttpClientError, Caching> =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (requestTime) =>
      Effect.flatMap(call.origin.execute(request), (response) =>
        Effect.andThen(
          cleared(call, response),
          Effect.map(Clock.currentTimeMillis, (responseTime) => ({ response, requestTime, responseTime }))
        ))
  )

/** Removes what is stored for this request and may be stored no longer. */
export const drop = ({ place, self }: Call): void => inBackground(self, Cached.remove(place.key))

/**
 * Updates the response that a `304` confirms. If the update may not be stored, that response is removed, and the update
 * answers this request alone. `undefined`: users may have one entity tag for all, so that it confirms nothing for one,
 * and that response must go.
 */
export const confirm = (call: Call, confirmed: Variant, met: Met): Stored | undefined => {
  const { head: { fields }, self } = call
  const { variant, why } = judged(call, met, confirmed)
  const isAnonymous = personalBy(fields, Object.keys(variant.varying), self.harmless) === undefined
  if (why !== undefined) {
    outdate(self, confirmed)
    notShared(call, met.responseTime)
    if ("*" in variant.varying || (self.mode === "shared" && !isAnonymous)) return undefined
    drop(call)
  }
  call.own = { response: met.response, stored: variant, why, content: undefined }
  return why === undefined ? keep(call, variant, met.responseTime) : { variant: null }
}

const keep = (call: Call, variant: Variant, now: number): Stored => {
  const { named, place, self } = call
  if (reuseOf(variant, noDirectives, now) === "validate") notShared(call, now)
  else self.unshared.delete(place.id)
  const dropped = learn(self, named, place, variant)
  if (dropped !== undefined) inBackground(self, Cached.remove(dropped))
  return { variant }
}

/** Stores the response, if the rules allow it. */
const store = (call: Call, stale: Variant | undefined, met: Met): Loaded => {
  const { named, place, self } = call
  const { response, responseTime } = met
  const fields = response.headers as Fields
  const length = lengthOf(fields)
  const refuse = (why: string, content?: Uint8Array): Stored => {
    call.own = { response, stored: undefined, why, content }
    if (call.isBackground) discard(call, response)
    notShared(call, responseTime)
    const before = self.known.get(named.id)
    const isOfPlace = response.status < 500 && before?.isForAll === true && before.home === place.home
    if (isOfPlace) self.known.set(named.id, { ...before, isForAll: false })
    return { variant: null }
  }
  const kept = (variant: Variant): Stored => {
    call.own = { response, stored: variant, why: undefined, content: undefined }
    if (stale !== undefined) outdate(self, stale)
    return keep(call, variant, responseTime)
  }
  const { variant, why: refusal } = judged(call, met)
  const why = refusal ??
    // It ends with its connection, so that no other request may wait for it.
    (/^text\/event-stream/i.test(fields["content-type"] ?? "") ? "event-stream" : undefined) ??
    (isRedirected(call, response) ? "redirect" : undefined) ??
    (length !== undefined && length > self.maxBody ? "size" : undefined) ??
    (stale !== undefined && mayServeOnError(stale, call.directives, responseTime, response.status)
      ? "error"
      : undefined)
  if (why !== undefined) return Effect.succeed(refuse(why))
  if (response.status === 204 || response.status === 205 || length === 0) {
    return Effect.succeed(kept({ ...variant, body: empty }))
  }
  if (length !== undefined && length <= http.inlineBytes) {
    return Effect.map(Effect.option(response.arrayBuffer), (bytes) => {
      if (Option.isNone(bytes)) return refuse("body")
      const body = new Uint8Array(bytes.value)
      return body.length === length ? kept({ ...variant, body }) : refuse("length", body)
    })
  }
  const arrival = arrive(call, variant, response)
  return call.isBackground
    ? Effect.map(Stream.runDrain(bodyStream(call, variant, arrival)), () => kept(variant))
    : Effect.succeed(kept(variant))
}

/** Keeps the body of a response that has been replaced only as long as readers may need it that have its fields. */
const outdate = (self: Client, { body, id }: Variant): void => {
  if (body === null) inBackground(self, Cached.touch(new Body({ id }), http.replacedMillis))
}

const inBackground = ({ caching, context }: Client, effect: Effect.Effect<unknown, unknown, Caching>): void =>
  void Effect.runForkWith(context)(Effect.ignore(Effect.provideService(effect, Caching, caching)))

const notShared = ({ place: { id }, self: { unshared } }: Call, now: number): void => {
  unshared.delete(id)
  unshared.set(id, now + http.unsharedMillis)
  if (unshared.size > http.mostUnshared) unshared.delete(unshared.keys().next().value!)
}
