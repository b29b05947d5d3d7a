import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import { CacheConfigError } from "../CacheError.ts"
import type { LayerOptions } from "../CacheLayer.ts"
import * as Caching from "../Caching.ts"
import { toMillis } from "../Ttl.ts"
import { refuseUnknown } from "./options.ts"

export const memoryOptions = new Set(["capacity", "eviction", "refresh", "shutdownTimeout"])
export const layerOptions = new Set([...memoryOptions, "memory", "storeTimeout", "lease", "wait", "bound"])
const refreshOptions = new Set(["concurrency", "timeout", "retry"])

export const check = (name: string, options: LayerOptions, known: ReadonlySet<string>): Caching.MakeOptions => {
  refuseUnknown(`CacheLayer.${name}`, options, known)
  refuseUnknown(`refresh of CacheLayer.${name}`, options.refresh ?? {}, refreshOptions)
  const { defaults } = Caching
  refuseUnless("eviction is an Eviction", typeof (options.eviction ?? defaults.eviction)?.make === "function")
  refuseUnless("memory is true or false", typeof (options.memory ?? true) === "boolean")
  refuseUnless("refresh.retry is a Schedule", Schedule.isSchedule(options.refresh?.retry ?? defaults.refresh.retry))
  const leaseMillis = positive("lease", options.lease, defaults.leaseMillis)
  // nobody would take over from a process that died
  refuseUnless("lease is finite", leaseMillis !== Infinity)
  return {
    capacity: options.memory === false ? 0 : wholeNumber("capacity", options.capacity ?? defaults.capacity),
    eviction: options.eviction ?? defaults.eviction,
    store: undefined,
    storeTimeoutMillis: positive("storeTimeout", options.storeTimeout, defaults.storeTimeoutMillis),
    leaseMillis,
    waitMillis: positive("wait", options.wait, 2 * leaseMillis),
    boundMillis: positive("bound", options.bound, defaults.boundMillis),
    shutdownMillis: positive("shutdownTimeout", options.shutdownTimeout, defaults.shutdownMillis),
    refresh: {
      concurrency: wholeNumber("refresh.concurrency", options.refresh?.concurrency ?? defaults.refresh.concurrency),
      timeoutMillis: positive("refresh.timeout", options.refresh?.timeout, defaults.refresh.timeoutMillis),
      retry: options.refresh?.retry ?? defaults.refresh.retry
    }
  }
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
