/** Tests whether a value is a key, for modules that need nothing else from key classes. */

export const keyTypeId = "~effect-cached/CacheKey"

interface Key {
  readonly "~id": string
}

export const isKey = (u: unknown): u is Key => typeof u === "object" && u !== null && keyTypeId in u
