/** Finds the cached results whose rows are no longer in the input. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Cached from "../Cached.ts"
import * as CacheKey from "../CacheKey.ts"
import * as Glob from "../internal/text/glob.ts"

/** Remembers ids as numbers, which take a tenth of the memory. If two have the same number, one may not be found. */
export class SeenIds {
  readonly #hashes = new Set<number>()
  prefix: string | undefined

  add(key: CacheKey.Any): void {
    const id = CacheKey.id(key)
    this.#hashes.add(hashOf(id))
    if (this.prefix !== undefined) return
    // The id of an instance begins with the name of its class and the hash of its schema.
    const { keyName } = key.constructor as CacheKey.AnyClass
    this.prefix = id.slice(0, id.indexOf(":", keyName.length + 2) + 1)
  }

  has(id: string): boolean {
    return this.#hashes.has(hashOf(id))
  }
}

/** 53 bits, mixed as in MurmurHash3. */
const hashOf = (id: string): number => {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i)
    a = Math.imul(a ^ unit, 0x9e3779b1)
    b = Math.imul(b ^ unit, 0x5f356495)
  }
  a = Math.imul(a ^ a >>> 16, 0x85ebca6b) ^ Math.imul(b ^ b >>> 13, 0xc2b2ae35)
  b = Math.imul(b ^ b >>> 16, 0x85ebca6b) ^ Math.imul(a ^ a >>> 13, 0xc2b2ae35)
  return (b >>> 0 & 0x1fffff) * 2 ** 32 + (a >>> 0)
}

const shown = 100

export const findLeft = Effect.fnUntraced(function*(seen: SeenIds, remove: boolean) {
  const ids: Array<string> = []
  let count = 0
  if (seen.prefix !== undefined) {
    const all = Stream.filter(Cached.entries(`${Glob.escape(seen.prefix)}*`), ({ id }) => !seen.has(id))
    yield* Stream.runForEach(all, ({ id }) => {
      if (++count <= shown) ids.push(id)
      return remove ? Cached.remove({ matching: Glob.escape(id) }) : Effect.void
    })
  }
  return { count, ids, removed: remove }
})
