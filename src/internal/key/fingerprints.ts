/**
 * The fingerprints of key classes. The ids of one payload under all of them, `~Name@fingerprint:payload`, differ only
 * in the fingerprint. An invalidation by key reaches all these ids, because several releases may run at once.
 */
import { keyClasses } from "../defaults/bounds.ts"
import { fingerprints as limits } from "../defaults/processes.ts"
import { remember } from "../remember.ts"

/** For each class, by the beginning of its ids up to the `@`: when each fingerprint was last used. */
export type Fingerprints = Map<string, Map<string, number>>

const tilde = 0x7e
const colon = 0x3a
const length = 8

/** The place of the fingerprint in the id of a key class, or 0 for any other id. */
const placeIn = (id: string): number => {
  const second = id.charCodeAt(1)
  return id.charCodeAt(0) === tilde && second !== tilde && second !== colon ? id.indexOf("@") + 1 : 0
}

/** The class of an id, as `~Name`. `undefined` if the id belongs to no key class. */
export const classOf = (id: string): string | undefined => {
  const place = placeIn(id)
  return place === 0 ? undefined : id.slice(0, place - 1)
}

/** The beginning of an id up to its payload. `undefined` if the id belongs to no key class. */
export const beginningOf = (id: string): string | undefined => {
  const place = placeIn(id)
  return place === 0 ? undefined : id.slice(0, place + length + 1)
}

export const fingerprintOf = (id: string): string => id.slice(placeIn(id), placeIn(id) + length)

/** Stands for the ids of the same payload under all other fingerprints, which this process need not know. */
export const othersOf = (id: string): string => `${id.slice(0, placeIn(id))}!${id.slice(placeIn(id))}`

export const isOthers = (id: string): boolean => {
  const place = placeIn(id)
  return place > 0 && id[place] === "!"
}

export const isRecent = (usedAt: number, now: number): boolean => now - usedAt < limits.lifeMillis

/** The ids of the same payload under the other fingerprints of the class that were used in the last 24 hours. */
export const siblingsOf = (self: Fingerprints, id: string, now: number): ReadonlyArray<string> => {
  const place = placeIn(id)
  const known = place === 0 ? undefined : self.get(id.slice(0, place - 1))
  if (known === undefined) return none
  const from = id[place] === "!" ? place + 1 : place
  const own = id.slice(from, from + length)
  const ids: Array<string> = []
  for (const [fingerprint, usedAt] of known) {
    if (fingerprint !== own && isRecent(usedAt, now)) {
      ids.push(id.slice(0, place) + fingerprint + id.slice(from + length))
    }
  }
  return ids
}

const none: ReadonlyArray<string> = []

/** Notes the use of a fingerprint, at `Infinity` for a class of this process. */
export const note = (self: Fingerprints, name: string, fingerprint: string, usedAt: number): void => {
  const known = self.get(name) ?? new Map<string, number>()
  remember(known, fingerprint, Math.max(usedAt, known.get(fingerprint) ?? usedAt), limits.ofClass)
  remember(self, name, known, keyClasses)
}
