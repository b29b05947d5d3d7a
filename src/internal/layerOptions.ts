import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import { CacheConfigError } from "../CacheError.ts"
import type { LayerOptions } from "../CacheLayer.ts"
import * as Caching from "../Caching.ts"
import { toMillis } from "../Ttl.ts"
import { refuseUnknown } from "./options.ts"

const memoryOptions = ["capacity", "eviction", "refresh", "shutdownTimeout"]
const storeOptions = ["memory", "storeTimeout", "lease", "wait", "bound"]
const refreshOptions = ["concurrency", "timeout", "retry"]
const folderOptions = ["directory", "maxSize"]

/** What each layer takes, by its name in `CacheLayer`. */
const known = {
  memory: new Set(memoryOptions),
  layerWith: new Set([...memoryOptions, ...storeOptions]),
  disk: new Set([...folderOptions, ...memoryOptions, ...storeOptions]),
  files: new Set([...folderOptions, "serializer", ...memoryOptions, ...storeOptions])
}

export const check = (name: keyof typeof known, given: LayerOptions | undefined): Caching.MakeOptions => {
  const layer = `CacheLayer.${name}`
  const options = objectOf(layer, given)
  const refresh = objectOf(`refresh of ${layer}`, options.refresh)
  refuseUnknown(layer, options, known[name])
  refuseUnknown(`refresh of ${layer}`, refresh, refreshOptions)
  const { defaults } = Caching
  const eviction = options.eviction ?? defaults.eviction
  const retry = refresh.retry ?? defaults.refresh.retry
  refuseUnless(`eviction of ${layer} is an Eviction, like Eviction.fifo`, typeof eviction.make === "function")
  refuseUnless(`memory of ${layer} is true or false`, typeof (options.memory ?? true) === "boolean")
  refuseUnless(`refresh.retry of ${layer} is a Schedule`, Schedule.isSchedule(retry))
  const duration = (name: string, input: Duration.Input | undefined, otherwise: number) =>
    positive(`${name} of ${layer}`, input, otherwise)
  const count = (name: string, value: number) => wholeNumber(`${name} of ${layer}`, value)
  const leaseMillis = duration("lease", options.lease, defaults.leaseMillis)
  refuseUnless(
    `lease of ${layer} is finite: nobody would take over from a process that died`,
    leaseMillis !== Infinity
  )
  return {
    capacity: options.memory === false ? 0 : count("capacity", options.capacity ?? defaults.capacity),
    eviction,
    store: undefined,
    storeTimeoutMillis: duration("storeTimeout", options.storeTimeout, defaults.storeTimeoutMillis),
    leaseMillis,
    waitMillis: duration("wait", options.wait, 2 * leaseMillis),
    boundMillis: duration("bound", options.bound, defaults.boundMillis),
    shutdownMillis: duration("shutdownTimeout", options.shutdownTimeout, defaults.shutdownMillis),
    refresh: {
      concurrency: count("refresh.concurrency", refresh.concurrency ?? defaults.refresh.concurrency),
      timeoutMillis: duration("refresh.timeout", refresh.timeout, defaults.refresh.timeoutMillis),
      retry
    }
  }
}

const objectOf = <A extends object>(what: string, options: A | undefined): Partial<A> => {
  refuseUnless(`The options of ${what} are an object`, typeof (options ?? {}) === "object")
  return options ?? {}
}

const refuseUnless = (rule: string, holds: boolean): void => {
  if (!holds) throw new CacheConfigError({ message: rule })
}

const wholeNumber = (name: string, value: number): number => {
  if ((Number.isInteger(value) && value >= 1) || value === Infinity) return value
  throw new CacheConfigError({ message: `${name} is a whole number of at least 1, not ${value}` })
}

const positive = (name: string, input: Duration.Input | undefined, otherwise: number): number => {
  if (input === undefined) return otherwise
  const millis = toMillis(input, name)
  if (millis > 0) return millis
  throw new CacheConfigError({ message: `${name} is longer than nothing, not ${millis} ms` })
}
