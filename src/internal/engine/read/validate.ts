/** Checks a read before its load starts. */
import { CacheConfigError } from "../../../CacheError.ts"
import { toMillis } from "../../../Ttl.ts"
import type { Engine } from "../engine.ts"
import type { Request } from "../flight/request.ts"
import { codecsOf } from "../storeTier/codec.ts"

/** The error of a read whose options, strategy or schema cannot work with this cache. */
export const invalidity = (self: Engine, request: Request): CacheConfigError | undefined => {
  try {
    request.validate()
    if (request.slides) self.hitsHaveEffects = true
    if (request.strategy.countsReads === true) validateCounting(self, request)
    if (self.storeTier !== undefined) codecsOf(self.storeTier, request.key)
    return undefined
  } catch (error) {
    if (error instanceof CacheConfigError) return error
    throw error
  }
}

const validateCounting = (self: Engine, { options: { memoryTtl }, strategy: { name } }: Request): void => {
  const isNeverKept = self.storeTier !== undefined && memoryTtl !== undefined && toMillis(memoryTtl) <= 0
  if (self.memory.capacity > 0 && !isNeverKept) return
  throw new CacheConfigError({
    message: `The strategy "${name}" counts the reads of memory, and ` +
      (isNeverKept
        ? "memoryTtl keeps its entries out of memory: give a memoryTtl above 0, or none"
        : "this cache has no memory tier: build its layer with one")
  })
}
