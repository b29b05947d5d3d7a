/**
 * Warns about keys that a template has filled with nothing, about lifetimes that contradict themselves, and
 * about values that only a cache without a store accepts, because they violate the schema or can be read only once.
 */
import * as Exit from "effect/Exit"
import type { Lifetime } from "../../../ports/strategy.ts"
import { misfitBy } from "../../codec/throughSchema.ts"
import { readOnce } from "../../codec/whatIs.ts"
import { checkedBytes, checkedResults } from "../../defaults/bounds.ts"
import type { KeyInfo } from "../../key/info.ts"
import { idOf, infoOf, type Key } from "../../key/ofKey.ts"
import { estimate } from "../../text/estimate.ts"
import type { Flights, Request } from "../state.ts"
import * as Log from "../telemetry/log.ts"

/** A part of a string key that no program means. */
const emptyPart = /(?:^|[:/|,;&=#._-])(undefined|NaN|\[object Object\])(?![^:/|,;&=#._-])/

export const warnOfValue = (
  self: Flights,
  { followed, key }: Pick<Request, "key" | "followed">,
  exit: Exit.Exit<unknown, unknown>
): void => {
  if (infoOf(key)?.name === undefined) warnOfKey(self, key)
  // With a store, encoding reports values that do not fit. Streams store a manifest instead of a value.
  if (self.storeTier !== undefined || followed !== undefined || Exit.isFailure(exit)) return
  const { value } = exit
  const info = infoOf(key)
  const id = idOf(key)
  const about: Log.About = { id, key }
  const known = readOnce(value)
  if (known !== undefined) {
    const { advice, name } = known
    return Log.warnOnce(
      self,
      `read once ${Log.topicOf(about, name)}`,
      `The value of "${id}" is ${name}. Its content is not cached, and its first reader may use it up: ${advice} ` +
        "(logged once a key class or cause)",
      { about }
    )
  }
  const misfit = info && misfitOf(info, value)
  if (misfit === undefined) return
  Log.warnOnce(
    self,
    `misfit ${info!.name}`,
    `The value of "${id}" is cached in memory, but no store would take it: ${misfit} (logged once a key class)`,
    { about }
  )
}

const warnOfKey = (self: Flights, key: Key): void => {
  const id = idOf(key)
  const part = id === "" ? "is empty" : emptyPart.exec(id)?.[1]
  if (part === undefined) return
  Log.warnOnce(
    self,
    `key ${part}`,
    `The key "${id}" ${id === "" ? part : `has the part "${part}"`}, so all values without a proper key share its ` +
      "entry: check what the key is made of (logged once)",
    { about: { id, key } }
  )
}

export const warnOfLifetime = (self: Flights, { key, strategy }: Request, { softTtl, ttl }: Lifetime): void => {
  // A strategy of one's own without a soft deadline may say so by `Infinity`.
  if (softTtl === Infinity) return
  const about: Log.About = { id: idOf(key), key }
  Log.warnOnce(
    self,
    `lifetime ${Log.topicOf(about, strategy.name)}`,
    `The strategy "${strategy.name}" gives "${about.id}" a softTtl or refreshAfter of ${softTtl} ms, above its ttl of ` +
      `${ttl} ms: the ttl holds for both (logged once a key class or strategy)`,
    { about }
  )
}

interface Checker {
  readonly misfit: (value: unknown) => string | undefined
  results: number
}

const checkers = new WeakMap<KeyInfo, Checker>()

/** Checks a value against its schema. This costs as much as encoding, so a class's later results are checked rarely. */
const misfitOf = (info: KeyInfo, value: unknown): string | undefined => {
  let checker = checkers.get(info)
  if (checker === undefined) {
    checker = { misfit: misfitBy(info.success), results: 0 }
    checkers.set(info, checker)
  }
  const count = checker.results++
  if (count >= checkedResults && (count & (count - 1)) !== 0) return undefined
  return estimate(value) > checkedBytes ? undefined : checker.misfit(value)
}
