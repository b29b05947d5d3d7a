/**
 * Warns about two key classes with the same ids in one cache, because they would share entries by mistake. A hot reload
 * also makes a second class, but then the old one is never used again. Two classes that may come from one definition
 * are therefore reported only if the older one is used again.
 */
import { mayBeOne, siteOf, textOf } from "#platform/key/site"
import { keyClasses } from "../../defaults/bounds.ts"
import { note } from "../../key/fingerprints.ts"
import type { KeyInfo } from "../../key/info.ts"
import { infoOf, type Key } from "../../key/ofKey.ts"
import * as Log from "./log.ts"
import type { KeyClasses, Telemetry } from "./telemetry.ts"

let marks = 0

export const make = (): KeyClasses => ({ mark: ++marks, byPrefix: new Map(), fingerprints: new Map() })

const unknown = 0

/** Notes that a key's class is used in this cache. Costs a single comparison, except for the first key of a class. */
export const meet = (self: Telemetry, key: Key): void => {
  const info = infoOf(key)
  if (info !== undefined && info.metBy !== self.keyClasses.mark) meetClass(self, info)
}

/** Like `meet`, for a class that was last used in another cache, or in none. */
export const meetClass = (self: Telemetry, met: KeyInfo): void => {
  const { byPrefix, fingerprints, mark } = self.keyClasses
  met.metBy = mark
  const info = met.of ?? met
  info.metBy = mark
  // Streams cached by string keys share one class, which has no name and so cannot clash with another class.
  if (info.name === undefined) return
  const prefix = info.prefix()
  const known = byPrefix.get(prefix)
  const before = known?.newest.deref()
  if (before === info) return
  note(fingerprints, prefix)
  const former = known?.former ?? new WeakSet()
  if (before !== undefined) {
    const [site, siteBefore] = [siteOf(info.definedAt), siteOf(before.definedAt)]
    if (former.has(info) || !mayBeOne(site, siteBefore)) {
      Log.warnOnce(
        self,
        `classes ${prefix}`,
        `Two key classes "${info.name}" have the same ids, so they share entries: rename one, or change its ` +
          `version. They are defined at ${textOf(siteBefore)} and ${textOf(site)} (logged once)`
      )
    }
    former.add(before)
    // Clears the mark of the replaced class, so that another use of it reaches this function.
    before.metBy = unknown
  }
  byPrefix.delete(prefix)
  byPrefix.set(prefix, { newest: new WeakRef(info), former })
  if (byPrefix.size > keyClasses) byPrefix.delete(byPrefix.keys().next().value!)
}
