/** Validation, and updates by `304` and `HEAD` (RFC 9111, sections 4.3 and 3.2; RFC 9110, section 13). */
import { dateOf, etagOf, type Fields, isStrong, listOf, opaqueOf } from "./fields.ts"

interface Validated {
  readonly fields: Fields
}

/** The fields that make a request conditional: the entity tags of all variants, and the date of the one selected. */
export const conditionsOf = (
  variants: ReadonlyArray<Validated>,
  selected: Validated | undefined,
  request: Fields
): { [name: string]: string } => {
  const etags = new Set([
    ...[selected, ...variants].flatMap((one) => etagOf(one?.fields["etag"]) ?? []),
    // The caller's own condition is asked as well: one exchange answers both.
    ...listOf(request["if-none-match"]).filter((etag) => etagOf(etag) !== undefined)
  ])
  const changed = selected?.fields["last-modified"]
  return {
    ...etags.size === 0 ? {} : { "if-none-match": Array.from(etags).join(", ") },
    ...changed === undefined || dateOf(changed, 0) === undefined ? {} : { "if-modified-since": changed }
  }
}

/** The variants that a `304` confirms (RFC 9111, section 4.3.4). */
export const confirmedBy = <A extends Validated>(
  variants: ReadonlyArray<A>,
  selected: A | undefined,
  update: Fields
): ReadonlyArray<A> => {
  const etag = etagOf(update["etag"])
  if (etag !== undefined) {
    return variants.filter(({ fields }) => {
      const own = etagOf(fields["etag"])
      return own !== undefined && (isStrong(etag) ? own === etag : opaqueOf(own) === opaqueOf(etag))
    })
  }
  const changed = update["last-modified"]
  if (changed !== undefined) return variants.filter(({ fields }) => fields["last-modified"] === changed)
  return selected === undefined ? [] : [selected]
}

/** Whether the answer to `HEAD` describes the stored response (section 4.3.5). */
export const describes = (update: Fields, stored: Fields): boolean =>
  ["etag", "last-modified", "content-length"].every((name) =>
    update[name] === undefined || (stored[name] ?? (name === "content-length" ? update[name] : undefined)) ===
      update[name]
  )

/** The conditions that a cache cannot answer, because only the origin has the current version. */
export const isForOrigin = (request: Fields): boolean =>
  request["if-match"] !== undefined || request["if-unmodified-since"] !== undefined

export const isConditional = (request: Fields): boolean =>
  request["if-none-match"] !== undefined || request["if-modified-since"] !== undefined

/** Whether the caller has the stored version already, so that it gets a `304` (RFC 9110, section 13.2.2). */
export const isUnchanged = ({ date, fields }: Validated & { readonly date: number }, request: Fields): boolean => {
  const asked = request["if-none-match"]
  if (asked !== undefined) {
    const own = etagOf(fields["etag"])
    if (own === asked) return true
    return listOf(asked).some((etag) =>
      etag === "*" || (own !== undefined && etagOf(etag) !== undefined && opaqueOf(etag) === opaqueOf(own))
    )
  }
  const since = dateOf(request["if-modified-since"], date)
  if (since === undefined) return false
  return (dateOf(fields["last-modified"], date) ?? date - date % 1000) <= since
}
