/**
 * The place of the response to a request. Requests that may share one have one place, and wait for one load.
 *
 * The first response of a URL lies under the URL itself. If it has `Vary`, responses to requests with other values lie
 * under these. A request that could name a user has a place of its own, where no other request waits, unless the last
 * response of the URL is for it too. If its response turns out to be for others, they go there from then on.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import * as Base64Url from "effect/encoding/Base64Url"
import { http } from "../../internal/defaults/options.ts"
import { personalBy } from "../rules/anonymous.ts"
import type { Fields } from "../rules/fields.ts"
import { matches, valuesOf } from "../rules/selection.ts"
import type { Rules } from "../rules/storing.ts"
import { Resource, type Variant } from "./record.ts"

/** A resource, as its requests name it. */
export interface Named {
  readonly url: URL
  readonly href: string
  readonly partition: string
  readonly key: Resource
  readonly id: string
}

export const resourceAt = (partition: string, url: URL, href = url.href): Named => {
  const key = new Resource({ partition, url: href, varying: "" })
  return { url, href, partition, key, id: shortened(`${partition} ${href}`) }
}

/** The knowledge of a resource whose last response has `Vary`, or is for all, or answered one that names a user. */
export interface Known {
  readonly names: ReadonlyArray<string>
  readonly isForAll: boolean
  /** The place of its responses: under the name of the resource, or where requests that could name a user go. */
  readonly home: Home
  /** The values of the response that lies under the URL itself. */
  first: string | undefined
  /** The variants that this process has stored, the oldest first. */
  readonly variants: Map<string, Kept>
}

type Home = "" | "~"

interface Kept {
  /** `undefined`: its URL is so long that the key is made again. */
  readonly key: Resource | undefined
  /** The name of its body. */
  readonly id: string
  readonly etag: string | undefined
  isHit: boolean
}

export interface Place {
  readonly key: Resource
  readonly id: string
  readonly home: Home
  /** The field that could name the user of the request, and is not in the `Vary` last seen. */
  readonly by: string | undefined
  /** Whether the request is anonymous whatever `Vary` says. */
  readonly isAnonymous: boolean
}

interface State extends Rules {
  readonly known: Map<string, Known>
}

const none: ReadonlyArray<string> = []

export const placeOf = (self: State, named: Named, fields: Fields): Place => {
  const known = self.known.get(named.id)
  const by = self.mode === "private" || known?.isForAll === true
    ? undefined
    : personalBy(fields, known?.names ?? none, self.harmless)
  if (known === undefined) return atFirst(named, by === undefined ? "" : "~", by, by === undefined)
  if (by !== undefined) return atFirst(named, known.home === "" ? "~" : "", by, false)
  const { first, home, names, variants } = known
  const values = shortened(valuesOf(names, fields))
  const kept = variants.get(values)
  if (kept !== undefined) kept.isHit = true
  if (values === first) return atFirst(named, home, by, names.length === 0 && !known.isForAll)
  const key = kept?.key ?? keyAt(named, home, values)
  return { key, id: `${named.id} ${home}${values}`, home, by, isAnonymous: false }
}

const atFirst = (named: Named, home: Home, by: string | undefined, isAnonymous: boolean): Place => ({
  key: home === "" ? named.key : keyAt(named, home, ""),
  id: home === "" ? named.id : `${named.id} ${home}`,
  home,
  by,
  isAnonymous
})

const keyAt = ({ href, partition }: Named, home: Home, values: string): Resource =>
  new Resource({ partition: partition + home, url: href, varying: values })

/** Shortens a text that is remembered, so that it takes little memory whatever clients send. */
const shortened = (text: string): string =>
  text.length <= http.longestNamed ? text : Base64Url.encode(sha256(new TextEncoder().encode(text)))

/** The variants of a resource that this process has stored, the newest first. */
export const variantsOf = (named: Named, { first, home, variants }: Known): ReadonlyArray<Kept & Pick<Place, "key">> =>
  Array.from(variants, ([values, kept]) => ({
    ...kept,
    key: kept.key ?? keyAt(named, home, values === first ? "" : values)
  })).reverse()

/** Whether a stored response may answer a request. */
export const mayAnswer = (
  { harmless, mode }: Rules,
  { isAnonymous }: Place,
  { isForAll, varying }: Variant,
  fields: Fields
): boolean =>
  matches(varying, fields) && (mode === "private" || isForAll || isAnonymous ||
    personalBy(fields, Object.keys(varying), harmless) === undefined)

/** Notes what a stored response says of its resource. Returns the variant that must go, if there are too many. */
export const learn = (
  self: State & { readonly maxVariants: number },
  named: Named,
  { home, key }: Pick<Place, "home" | "key">,
  { fields, id, isForAll, varying }: Variant
): Resource | undefined => {
  const before = self.known.get(named.id)
  const names = Object.keys(varying)
  if (names.length === 0 && !isForAll && home === "") return void self.known.delete(named.id)
  const isSame = before?.home === home && before.names.join() === names.join()
  const variants: Known["variants"] = isSame ? before.variants : new Map()
  const isFirst = key.varying === ""
  const own = shortened(valuesOf(names, varying))
  const first = isFirst ? own : isSame ? before.first : undefined
  self.known.delete(named.id)
  self.known.set(named.id, { names, isForAll, home, first, variants })
  if (self.known.size > http.mostKnown) self.known.delete(self.known.keys().next().value!)
  if (names.length === 0) return undefined
  const isHit = variants.get(own)?.isHit ?? false
  variants.delete(own)
  const isLong = named.href.length > http.longestNamed
  variants.set(own, { key: isLong ? undefined : key, id, etag: fields["etag"], isHit })
  const values = variants.size <= self.maxVariants ? undefined : dropped(variants, own, first)
  return values === undefined ? undefined : keyAt(named, home, values)
}

/** The oldest variant that was never hit, or else the oldest. Neither the newest nor the first one of the URL. */
const dropped = (variants: Known["variants"], newest: string, first: string | undefined): string | undefined => {
  let oldest: string | undefined
  for (const [values, { isHit }] of variants) {
    if (values === newest || values === first) continue
    oldest ??= values
    if (isHit) continue
    oldest = values
    break
  }
  if (oldest !== undefined) variants.delete(oldest)
  return oldest
}
