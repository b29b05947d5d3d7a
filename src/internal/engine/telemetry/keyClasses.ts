/**
 * The key classes that a cache has met. Two of them with the same ids share their entries, which nobody wants: one reads
 * what the other has stored, with other services or another meaning.
 *
 * Of a hot reload there are two as well, and the newer one takes the place of the older, for good. So two that may be one
 * definition, evaluated again, are two only if the older one is used again.
 */
import { mayBeOne, siteOf, textOf } from "#platform/key/site"
import { keyClasses } from "../../defaults/bounds.ts"
import type { KeyInfo } from "../../key/info.ts"
import { infoOf, type Key } from "../../key/ofKey.ts"
import * as Log from "./log.ts"
import type { KeyClasses, Telemetry } from "./telemetry.ts"

let marks = 0

export const make = (): KeyClasses => ({ mark: ++marks, byPrefix: new Map() })

const unknown = 0

/** Notes that a key of its class is used in this cache. One comparison, but for the first key of a class. */
export const meet = (self: Telemetry, key: Key): void => {
  const info = infoOf(key)
  if (info !== undefined && info.metBy !== self.keyClasses.mark) meetClass(self, info)
}

/** As `meet`, of a class that another cache, or none, has met last. */
export const meetClass = (self: Telemetry, met: KeyInfo): void => {
  const { byPrefix, mark } = self.keyClasses
  met.metBy = mark
  const info = met.of ?? met
  info.metBy = mark
  // of a stream under a string key
  if (info.name === undefined) return
  const prefix = info.prefix()
  const known = byPrefix.get(prefix)
  const before = known?.newest.deref()
  if (before === info) return
  const former = known?.former ?? new WeakSet()
  if (before !== undefined) {
    const [site, siteBefore] = [siteOf(info.definedAt), siteOf(before.definedAt)]
    if (former.has(info) || !mayBeOne(site, siteBefore)) {
      Log.warnOnce(
        self,
        `classes ${prefix}`,
        `Two key classes "${info.name}" have the same ids, so each reads what the other has stored: give one of ` +
          `them another name or version. They are defined at ${textOf(siteBefore)} and ${textOf(site)} (logged once)`
      )
    }
    former.add(before)
    // so that it is noticed when it is used again
    before.metBy = unknown
  }
  byPrefix.delete(prefix)
  byPrefix.set(prefix, { newest: new WeakRef(info), former })
  if (byPrefix.size > keyClasses) byPrefix.delete(byPrefix.keys().next().value!)
}
