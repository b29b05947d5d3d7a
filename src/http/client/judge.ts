/** The judge of all responses, new or merged with an update: may it be stored for this request, and for whom. */
import type { Fields } from "../rules/fields.ts"
import { freshnessOf } from "../rules/freshness.ts"
import { groupsOf } from "../rules/invalidation.ts"
import { varyingOf } from "../rules/selection.ts"
import * as Storing from "../rules/storing.ts"
import { controlOf, ownField } from "../rules/targeted.ts"
import { type Call, cookiesOf, type Met } from "./call.ts"
import { groupTag, type Variant } from "./record.ts"

interface Judged {
  readonly variant: Variant
  /** Why it may not be stored for this request, in one word. */
  readonly why: string | undefined
}

/** A new response as it would be stored or, with `before`, a stored response with the fields and times of an update. */
export const judged = ({ head, named, request, self }: Call, { response, ...times }: Met, before?: Variant): Judged => {
  const { mode } = self
  const about = self.about(response)
  const sent = response.headers as Fields
  const isSaid = before === undefined ||
    ["cache-control", "expires", ...self.targets].some((name) => sent[name] !== undefined)
  const { age: _, date: __, [ownField]: own, ...kept }: Fields = before?.fields ?? {}
  // Directives that the program has added to the former response do not hold for one that speaks for itself.
  const former: Fields = isSaid ? kept : { ...kept, [ownField]: own }
  const fields: Fields = before === undefined ? { ...former, ...sent } : Storing.updatedFields(former, sent)
  const control = controlOf({ ...former, ...sent }, self.targets)
  const result = { status: before?.status ?? response.status, fields }
  const isForAll = isSaid ? Storing.isForAll(control) && about?.isUsual !== true : before.isForAll
  const isWithheld = Storing.withheldFields(mode, control.directives).includes("set-cookie")
  const cookies = isWithheld ? [] : cookiesOf(response)
  const groups = groupsOf(sent["cache-groups"]).map((group) => groupTag(named.url.origin, group))
  // The former response does not speak for the fields of an update that answers one user.
  const saysSo = isForAll && Storing.isForAll(controlOf(sent, self.targets))
  const isImplicit = self.scope !== "server"
  const refusal = Storing.whyNotStored(self, head.fields, result, { control, isForAll: saysSo, isImplicit }) ??
    (self.storesCookies || cookies.length === 0 ? undefined : "set-cookie")
  const why = refusal === "implicit" ? about?.withheldBy ?? refusal : refusal
  const variant = {
    id: before?.id ?? self.tokens.next(16),
    status: result.status,
    // A response without a date is dated by the one that receives it (RFC 9110, section 6.6.1).
    fields: {
      date: new Date(times.responseTime).toUTCString(),
      ...Storing.storedFields(mode, fields, control.directives)
    },
    cookies: isWithheld || cookies.length > 0 ? cookies : before?.cookies ?? [],
    varying: varyingOf(fields["vary"], head.fields),
    isForAll,
    tags: before?.tags ?? [...groups, ...about?.tags ?? [], ...self.tags(request, response)],
    body: before?.body ?? null,
    ...times,
    ...freshnessOf(mode, result, control, times)
  }
  return { variant, why }
}
