/** Whether a value is a key, for modules that need nothing else from key classes. */

/** The member that makes an object a key. */
export const keyTypeId = "~effect-cached/CacheKey"

/** An instance of a key class, without its types. */
interface Key {
  readonly "~id": string
}

export const isKey = (u: unknown): u is Key => typeof u === "object" && u !== null && keyTypeId in u
