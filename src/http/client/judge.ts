/** The judge of all responses, new or merged with an update: may it be stored for this request, and for whom. */
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import type { Fields } from "../rules/fields.ts"
import { freshnessOf } from "../rules/freshness.ts"
import { groupsOf } from "../rules/invalidation.ts"
import { varyingOf } from "../rules/selection.ts"
import {
  isExplicit,
  isForAll,
  type Judged,
  storedFields,
  updatedFields,
  whyNotStored,
  withheldFields
} from "../rules/storing.ts"
import { type Control, controlOf, ownField } from "../rules/targeted.ts"
import { type Call, cookiesOf, type Met } from "./call.ts"
import { groupTag, type Variant } from "./record.ts"

/** Why a response may not be stored for this request, in one word. */
export const refusal = (call: Call, response: HttpClientResponse): string | undefined => {
  const fields = response.headers as Fields
  const control = controlOf(fields, call.self.targets)
  return judged(call, response, { status: response.status, fields }, {
    control,
    isForAll: isForAll(control) && !call.self.isUsual(response)
  })
}

const judged = (
  { head, self }: Call,
  response: HttpClientResponse,
  result: { readonly status: number; readonly fields: Fields },
  judgement: Judged
): string | undefined =>
  whyNotStored(self, head.fields, result, judgement) ??
    (self.storesImplicitly || isExplicit(self.mode, result.fields, judgement.control)
      ? undefined
      : self.withheldBy(response) ?? "implicit") ??
    (self.storesCookies || keptCookies(self, response, judgement.control).length === 0 ? undefined : "set-cookie")

const keptCookies = (
  { mode }: Pick<Call["self"], "mode">,
  response: HttpClientResponse,
  { directives }: Control
): ReadonlyArray<string> => withheldFields(mode, directives).includes("set-cookie") ? [] : cookiesOf(response)

/** A new response as it is stored. */
export const made = ({ head, named, request, self }: Call, { response, ...times }: Met): Variant => {
  const fields = response.headers as Fields
  const control = controlOf(fields, self.targets)
  const groups = groupsOf(fields["cache-groups"]).map((group) => groupTag(named.url.origin, group))
  return {
    id: self.tokens.next(16),
    status: response.status,
    // A response without a date is dated by the one that receives it (RFC 9110, section 6.6.1).
    fields: {
      date: new Date(times.responseTime).toUTCString(),
      ...storedFields(self.mode, fields, control.directives)
    },
    cookies: keptCookies(self, response, control),
    varying: varyingOf(fields["vary"], head.fields),
    isForAll: isForAll(control) && !self.isUsual(response),
    tags: [...groups, ...self.tags(request, response)],
    body: null,
    ...times,
    ...freshnessOf(self.mode, { status: response.status, fields }, control, times)
  }
}

interface Merged {
  readonly variant: Variant
  /** Why it may not be stored for this request. */
  readonly why: string | undefined
}

/** A stored response with the fields and times of an update. */
export const merged = (call: Call, variant: Variant, { response, ...times }: Met): Merged => {
  const { head, self } = call
  const update = response.headers as Fields
  const dated: Fields = { ...variant.fields, date: new Date(times.responseTime).toUTCString() }
  const { age: _, ...others } = dated
  const isSaid = ["cache-control", "expires", ...self.targets].some((name) => update[name] !== undefined)
  // Directives that the program has added to the former response do not hold for one that speaks for itself.
  const { [ownField]: __, ...unsaid } = others
  const before = isSaid && update[ownField] === undefined ? unsaid : others
  const control = controlOf({ ...before, ...update }, self.targets)
  const fields = storedFields(self.mode, updatedFields(before, update), control.directives)
  const result = { status: variant.status, fields }
  const isForEveryone = isSaid ? isForAll(control) && !self.isUsual(response) : variant.isForAll
  const sent = keptCookies(self, response, control)
  const isWithheld = withheldFields(self.mode, control.directives).includes("set-cookie")
  const updated = {
    ...variant,
    fields,
    cookies: sent.length === 0 && !isWithheld ? variant.cookies : sent,
    varying: varyingOf(fields["vary"], head.fields),
    isForAll: isForEveryone,
    ...times,
    ...freshnessOf(self.mode, result, control, times)
  }
  return { variant: updated, why: judged(call, response, result, { control, isForAll: isForEveryone }) }
}
