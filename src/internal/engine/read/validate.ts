/** Checks a request before its load starts. */
import { requireDependencies } from "#platform/engine/derived/dependencies"
import { CacheConfigError } from "../../../CacheError.ts"
import { idOf } from "../../key/ofKey.ts"
import { fallsBack } from "../../strategy/make.ts"
import { declaredTags } from "../request/requestTags.ts"
import { rulesOf, thrownBy } from "../request/rules.ts"
import type { Flights, Request } from "../state.ts"
import * as Log from "../telemetry/log.ts"

export const invalidity = (self: Flights, request: Request): {} | undefined => thrownBy(check, self, request)

/** Like `invalidity`, but for a read that starts a load, because a load also needs valid tags. */
export const refusal = (self: Flights, request: Request): {} | undefined => thrownBy(checkForLoad, self, request)

const checkForLoad = (self: Flights, request: Request): void => {
  check(self, request)
  declaredTags(self, request)
}

const check = (self: Flights, request: Request): void => {
  rulesOf(self, request)
  if (request.slides) self.hitsHaveEffects = true
  if (request.strategy.countsReads === true) checkCounting(self, request)
  if ((request.rules!.inherit ?? self.inherit) === "changes") requireDependencies(self)
  if (request.options.softTimeout !== undefined) warnOfSoftTimeout(self, request)
  if (self.storeTier !== undefined) self.storeTier.steps.codecsOf(self.storeTier, request.key)
}

/** Warns about a `softTimeout` that has no effect, because the strategy never serves a stale value. */
const warnOfSoftTimeout = (self: Flights, { key, strategy }: Request): void => {
  if ((strategy as { readonly [fallsBack]?: boolean })[fallsBack] !== false) return
  const about: Log.About = { id: idOf(key), key }
  Log.warnOnce(
    self,
    `softTimeout ${Log.topicOf(about, strategy.name)}`,
    `The softTimeout of "${about.id}" does nothing: the strategy "${strategy.name}" never falls back on a stale value. ` +
      "Use softTtl or failover, or timeout (logged once a key class or cause)",
    { about }
  )
}

const checkCounting = (self: Flights, request: Request): void => {
  const { memoryTtlMillis } = rulesOf(self, request)
  const isNeverKept = self.storeTier !== undefined && memoryTtlMillis !== undefined && memoryTtlMillis <= 0
  if (self.memory.capacity > 0 && !isNeverKept) return
  throw new CacheConfigError({
    message: `The strategy "${request.strategy.name}" counts the reads of memory, and ` +
      (isNeverKept
        ? "memoryTtl keeps its entries out of memory: give one above 0"
        : "this cache has no memory tier: build its layer with one")
  })
}
