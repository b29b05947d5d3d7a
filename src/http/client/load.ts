/** The load of a resource: asks the origin, under conditions if there is something to validate, and makes variants. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cached from "../../Cached.ts"
import { LoadTimeout } from "../../CacheError.ts"
import { Caching } from "../../Caching.ts"
import { http } from "../../internal/defaults/options.ts"
import * as Strategy from "../../Strategy.ts"
import { type Fields, noDirectives } from "../rules/fields.ts"
import { freshnessOf, usableMillis } from "../rules/freshness.ts"
import { groupsOf } from "../rules/invalidation.ts"
import { mayServeOnError, reuseOf } from "../rules/reuse.ts"
import { matches, select, varyingOf } from "../rules/selection.ts"
import { isExplicit, isForAll, storedFields, updatedFields, whyNotStored } from "../rules/storing.ts"
import { type Control, controlOf } from "../rules/targeted.ts"
import { conditionsOf, confirmedBy, isUnchanged } from "../rules/validation.ts"
import { arrive, bodyStream, discard, isComplete, lengthOf } from "./bodies.ts"
import { type Call, cleared, type Client, cookiesOf, empty, isRedirected, leftOf, unanswered } from "./call.ts"
import {
  Body,
  groupTag,
  originTag,
  Resource,
  Run,
  urlTag,
  type Variant,
  type Variants,
  variantsOf,
  withVariant
} from "./record.ts"

type Loaded = Effect.Effect<Variants, HttpClientError, Caching>

/** `"serve"`: what is stored, however old. `"refresh"`: the same, with a load in the background. `"load"`: a load. */
type Way = "serve" | "refresh" | "load"

const decisions = { serve: Strategy.Serve, refresh: Strategy.ServeAndRefresh, load: Strategy.Load } as const

const strategyOf = (way: Way, keepMillis: number): Strategy.Strategy<Variants, any, any> => ({
  name: "http",
  // A soft invalidation makes the resource stale, whatever its variants say.
  decide: (entry) => way === "serve" && entry?.softExpiresAt === -Infinity ? Strategy.Load : decisions[way],
  lifetime: (exit) => {
    if (Exit.isFailure(exit) || exit.value.unshared === true) return "skip"
    const ttl = Math.max(0, ...exit.value.variants.map((variant) => usableMillis(variant, keepMillis)))
    return { softTtl: ttl, ttl }
  }
})

type Strategies = { readonly [way in Way]: Strategy.Strategy<Variants, any, any> }

const known = new Map<number, Strategies>()

const strategiesFor = (keepMillis: number): Strategies => {
  const made = known.get(keepMillis)
  if (made !== undefined) return made
  const of = (way: Way) => strategyOf(way, keepMillis)
  const strategies = { serve: of("serve"), refresh: of("refresh"), load: of("load") }
  known.set(keepMillis, strategies)
  return strategies
}

/** Reads the variants of a resource through the cache. */
export const read = (call: Call, way: Way): Loaded =>
  Effect.mapError(
    Cached.withStrategy(Effect.suspend(() => load(call)), {
      key: call.key,
      strategy: strategiesFor(call.self.keepMillis)[way],
      tags: (exit: Exit.Exit<Variants, unknown>) => tagsOf(call, exit),
      inherit: call.self.inherit,
      timeout: leftOf(call),
      maxLoad: call.self.maxLoadMillis,
      lease: call.self.unshared.has(call.id) ? false : undefined
    }) as Effect.Effect<Variants, HttpClientError | LoadTimeout, Caching>,
    (error) => error instanceof LoadTimeout ? unanswered(call, error) : error
  )

/** Starts a refresh in the background, under the limits of the layer. */
export const refreshed = (call: Call): Effect.Effect<void, never, Caching> =>
  Effect.ignore(read({ ...call, isBackground: true }, "refresh"))

const tagsOf = ({ url }: Call, exit: Exit.Exit<Variants, unknown>): ReadonlyArray<string> => {
  const tags = new Set([urlTag(url.href), originTag(url.origin)])
  if (Exit.isSuccess(exit)) { for (const variant of exit.value.variants) for (const tag of variant.tags) tags.add(tag) }
  return Array.from(tags)
}

const load = (call: Call): Loaded =>
  call.isBackground
    ? Effect.withFiber(({ context }) => loaded({ ...call, origin: call.origin.within?.(context) ?? call.origin }))
    : loaded(call)

const loaded = (call: Call): Loaded =>
  Effect.flatMap(Cached.previous(Resource), (previous) => {
    const { loading } = call.self
    loading.add(call.id)
    const variants = Option.isSome(previous) ? variantsOf(previous.value) : []
    const made = call.self.inherit === false ? validated(call, variants) : inheriting(call, variants)
    const noted = variants.length === 0 ?
      made :
      Effect.tap(
        made,
        (resource) => Effect.sync(() => varyingsBefore.set(resource, variants.map(({ varying }) => varying)))
      )
    return Effect.ensuring(noted, Effect.sync(() => loading.delete(call.id)))
  })

/** The variants that a load has found, by its result, for all that waited for it. */
const varyingsBefore = new WeakMap<Variants, ReadonlyArray<Variant["varying"]>>()

/** Why a read had to load: there was nothing, only other variants, or what a soft invalidation had made stale. */
export const reasonOf = ({ head: { fields } }: Call, resource: Variants): "uri-miss" | "vary-miss" | "stale" => {
  const before = varyingsBefore.get(resource)
  if (before === undefined) return "uri-miss"
  return before.some((varying) => matches(varying, fields)) ? "stale" : "vary-miss"
}

/**
 * The entry of a resource depends on what the load reads. So it reads the runs of all variants that it keeps: they
 * stand for what the handler has read when it made them.
 */
const inheriting = (call: Call, variants: ReadonlyArray<Variant>): Loaded => {
  call.run = call.self.tokens.next(16)
  const isCurrent = ({ run }: Variant) =>
    run === undefined ? Effect.succeed(false) : Effect.map(Cached.getOption(new Run({ id: run })), Option.isSome)
  return Effect.flatMap(Effect.filter(variants, isCurrent), (current) => validated(call, current)).pipe(
    Effect.ensuring(Effect.sync(() => call.run = undefined))
  )
}

/** Runs the handler as a load of its own, whose entry depends on what it reads. */
const recorded = (call: Call, run: string, sent: Effect.Effect<Met, HttpClientError, Caching>): typeof sent =>
  Effect.suspend(() => {
    const { self } = call
    let met: Met | undefined
    const strategy: Strategy.Strategy<any, any, any> = {
      name: "http",
      decide: () => Strategy.Load,
      lifetime: () => {
        if (met === undefined) return "skip"
        const fields = met.response.headers as Fields
        const { status } = met.response
        const control = controlOf(fields, self.targets)
        const why = status === 304 ? undefined : refusal(call, met.response, control)
        const ttl = usableMillis(freshnessOf(self.mode, { status, fields }, control, met), self.keepMillis)
        return why === undefined ? { softTtl: ttl, ttl } : "skip"
      }
    }
    const load = Effect.map(sent, (answer): true => {
      met = answer
      return true
    })
    const options = { key: new Run({ id: run }), strategy, lease: false, inherit: "changes" } as const
    return Effect.map(Cached.withStrategy(load, options) as typeof load, () => met!)
  })

const validated = (call: Call, all: ReadonlyArray<Variant>): Loaded =>
  Effect.flatMap(asked(call, all), ({ confirmed, met, variants }) => {
    if (confirmed.length > 0) return Effect.succeed(confirm(call, variants, confirmed, met))
    const fields = met.response.headers as Fields
    const isForCaller = met.response.status !== 304 || variants.length === 0 ||
      (fields["etag"] !== undefined && isUnchanged({ fields, date: met.responseTime }, call.head.fields))
    return isForCaller
      ? store(call, variants, met)
      // The origin has confirmed a version that is not stored, or does not say which one.
      : Effect.flatMap(exchange(call, call.request), (again) => store(call, variants, again))
  })

export interface Met {
  readonly response: HttpClientResponse
  readonly requestTime: number
  readonly responseTime: number
}

interface Asked {
  readonly met: Met
  /** The variants that could be confirmed, and those that were. */
  readonly variants: ReadonlyArray<Variant>
  readonly confirmed: ReadonlyArray<Variant>
}

/** Asks the origin, with the conditions of all variants. */
export const asked = (call: Call, all: ReadonlyArray<Variant>): Effect.Effect<Asked, HttpClientError, Caching> => {
  const { head: { fields }, request } = call
  const selected = select(all, fields)
  return Effect.flatMap(isComplete(call, selected), (there) => {
    // Without its body there is nothing that a `304` could confirm.
    const [variants, current] = there ? [all, selected] : [all.filter((one) => one !== selected), undefined]
    const conditions = variants.length === 0 ? {} : conditionsOf(variants, current, fields)
    const asks = Object.keys(conditions).length > 0
    return Effect.flatMap(exchange(call, asks ? HttpClientRequest.setHeaders(request, conditions) : request), (met) => {
      // After a redirect, another resource has answered.
      const confirmed = asks && met.response.status === 304 && !isRedirected(call, met.response)
        ? confirmedBy(variants, current, met.response.headers as Fields)
        : []
      // A body that was arriving has gone if its reader has left meanwhile.
      const isStillThere = isComplete(call, confirmed.find((one) => one === current))
      return Effect.map(isStillThere, (there) => ({ met, variants, confirmed: there ? confirmed : [] }))
    })
  })
}

export const exchange = (
  call: Call,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Met, HttpClientError, Caching> =>
  call.run === undefined ? sent(call, request) : recorded(call, call.run, sent(call, request))

const sent = (
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

/** Updates the variants that a `304` confirms. The one for this request may be stored under other request fields. */
export const confirm = (
  call: Call,
  variants: ReadonlyArray<Variant>,
  confirmed: ReadonlyArray<Variant>,
  met: Met
): Variants => {
  const { fields } = call.head
  const updated = new Map(confirmed.map((variant) => [variant, updatedBy(call, variant, met)]))
  const all = variants.map((variant) => updated.get(variant) ?? variant)
  const selected = select(all, fields)
  const first = updated.get(confirmed[0]!)!
  const isOwn = selected !== undefined && Array.from(updated.values()).includes(selected)
  const own = isOwn ? selected : { ...first, varying: varyingOf(first.fields["vary"], fields) }
  call.own = { response: met.response, stored: own, why: undefined, content: undefined }
  return { variants: isOwn ? all : withVariant(all, own, call.self.maxVariants) }
}

/** The variant with the fields and times of an answer that describes it. */
export const updatedBy = ({ run, self }: Call, variant: Variant, { response, ...times }: Met): Variant => {
  const update = response.headers as Fields
  const { age: _, ...before } = variant.fields
  const fields = updatedFields(before, storedFields(self.mode, update, controlOf(update, self.targets).directives))
  const control = controlOf(fields, self.targets)
  const sent = self.storesCookies ? cookiesOf(response) : []
  const cookies = sent.length === 0 ? variant.cookies : sent
  const freshness = freshnessOf(self.mode, { ...variant, fields }, control, times)
  return { ...variant, ...runOf(run), fields, cookies, ...times, ...freshness }
}

const refusal = ({ head, self }: Call, response: HttpClientResponse, control: Control): string | undefined => {
  const fields = response.headers as Fields
  return whyNotStored(self.mode, head, { status: response.status, fields }, control) ??
    (self.storesImplicitly || isExplicit(self.mode, fields, control) ? undefined : "implicit") ??
    (self.isPersonal(response) && !isForAll(control) ? "credentials" : undefined)
}

/** Stores the response as a variant, if the rules allow it. */
const store = (call: Call, variants: ReadonlyArray<Variant>, met: Met): Loaded => {
  const { head, self } = call
  const { response, responseTime } = met
  const fields = response.headers as Fields
  const length = lengthOf(fields)
  const refuse = (why: string, content?: Uint8Array): Variants => {
    call.own = { response, stored: undefined, why, content }
    if (call.isBackground) discard(call, response)
    notShared(call, responseTime)
    return { variants: [], unshared: true }
  }
  const keep = (variant: Variant): Variants => {
    call.own = { response, stored: variant, why: undefined, content: undefined }
    if (reuseOf(variant, noDirectives, responseTime) === "serve") self.unshared.delete(call.id)
    else notShared(call, responseTime)
    const left = withVariant(variants, variant, self.maxVariants)
    for (const one of variants) if (!left.includes(one)) outdate(self, one)
    return { variants: left }
  }
  const control = controlOf(fields, self.targets)
  const stale = select(variants, head.fields)
  const why = refusal(call, response, control) ??
    (self.storesCookies || cookiesOf(response).length === 0 ? undefined : "cookie") ??
    // It ends with its connection, so that no other request may wait for it.
    (/^text\/event-stream/i.test(fields["content-type"] ?? "") ? "event-stream" : undefined) ??
    (isRedirected(call, response) ? "redirect" : undefined) ??
    (length !== undefined && length > self.maxBody ? "size" : undefined) ??
    (stale !== undefined && mayServeOnError(stale, call.directives, responseTime, response.status)
      ? "error"
      : undefined)
  if (why !== undefined) return Effect.succeed(refuse(why))
  const made = variantOf(call, met)
  if (response.status === 204 || response.status === 205 || length === 0) {
    return Effect.succeed(keep({ ...made, body: empty }))
  }
  if (length !== undefined && length <= http.inlineBytes) {
    return Effect.map(Effect.option(response.arrayBuffer), (bytes) => {
      if (Option.isNone(bytes)) return refuse("body")
      const body = new Uint8Array(bytes.value)
      return body.length === length ? keep({ ...made, body }) : refuse("length", body)
    })
  }
  arrive(call, made, response)
  return call.isBackground
    ? Effect.map(Stream.runDrain(bodyStream(call, made, response)), () => keep(made))
    : Effect.succeed(keep(made))
}

/** Keeps the body of a variant that has been replaced only as long as readers may need it that have its fields. */
const outdate = ({ caching, context }: Client, { body, id }: Variant): void => {
  if (body !== null) return
  const touched = Cached.touch(new Body({ id }), http.replacedMillis)
  Effect.runForkWith(context)(Effect.provideService(touched, Caching, caching))
}

const runOf = (run: string | undefined): { readonly run?: string } => run === undefined ? {} : { run }

const variantOf = (call: Call, { response, ...times }: Met): Variant => {
  const { head, request, self, url } = call
  const fields = response.headers as Fields
  const control = controlOf(fields, self.targets)
  const groups = groupsOf(fields["cache-groups"]).map((group) => groupTag(url.origin, group))
  return {
    id: self.tokens.next(16),
    status: response.status,
    fields: storedFields(self.mode, fields, control.directives),
    cookies: cookiesOf(response),
    varying: varyingOf(fields["vary"], head.fields),
    tags: [...groups, ...self.tags(request, response)],
    ...runOf(call.run),
    body: null,
    ...times,
    ...freshnessOf(self.mode, { status: response.status, fields }, control, times)
  }
}

const notShared = ({ id, self: { unshared } }: Call, now: number): void => {
  unshared.delete(id)
  unshared.set(id, now + http.unsharedMillis)
  if (unshared.size > http.mostUnshared) unshared.delete(unshared.keys().next().value!)
}
