/** Validation, and updates by `304` and `HEAD` (RFC 9111, sections 4.3 and 3.2; RFC 9110, section 13). */
import { dateOf, etagOf, type Fields, isStrong, listOf, opaqueOf } from "./fields.ts"

interface Validated {
  readonly fields: Fields
}

/**
 * The fields that make a request conditional: the entity tags of the selected variant and of others, and the date of
 * the one selected. The caller's conditions are none of them, because a `304` could then confirm its version for all.
 */
export const conditionsOf = (
  selected: Validated | undefined,
  others: Iterable<string>
): { [name: string]: string } => {
  const etags = new Set([...etagIn(selected), ...others])
  const changed = selected?.fields["last-modified"]
  return {
    ...etags.size === 0 ? {} : { "if-none-match": Array.from(etags).join(", ") },
    ...changed === undefined || dateOf(changed, 0) === undefined ? {} : { "if-modified-since": changed }
  }
}

const etagIn = (one: Validated | undefined): ReadonlyArray<string> => {
  const etag = etagOf(one?.fields["etag"])
  return etag === undefined ? [] : [etag]
}

/** Whether a `304` with this entity tag confirms a response with that one (RFC 9111, section 4.3.4). */
export const isSameEtag = (etag: string, own: string | undefined): boolean =>
  own !== undefined && (isStrong(etag) ? own === etag : opaqueOf(own) === opaqueOf(etag))

/** Whether a `304` confirms the response that was selected (RFC 9111, section 4.3.4). */
export const isConfirmed = ({ fields }: Validated, update: Fields): boolean => {
  const etag = etagOf(update["etag"])
  if (etag !== undefined) return isSameEtag(etag, etagOf(fields["etag"]))
  const changed = update["last-modified"]
  return changed === undefined || fields["last-modified"] === changed
}

/** Whether the answer to `HEAD` contradicts the stored response (section 4.3.5). */
export const contradicts = (update: Fields, stored: Fields): boolean =>
  ["etag", "last-modified", "content-length"].some((name) =>
    update[name] !== undefined &&
    update[name] !== (name === "content-length" ? stored[name] ?? update[name] : stored[name])
  )

/** Whether both have an equal validator: without one, content that has gone could be renewed for ever. */
export const hasSameValidator = (update: Fields, stored: Fields): boolean =>
  ["etag", "last-modified"].some((name) => update[name] !== undefined && update[name] === stored[name])

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
