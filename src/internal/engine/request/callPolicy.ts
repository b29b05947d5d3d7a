/** Policies: how the calls inside an effect use the cache. */
import * as Context from "effect/Context"
import { mistake } from "../../options/options.ts"
import type { Operation, Policy } from "../state.ts"

export type { Operation, Policy } from "../state.ts"

const nothing: ReadonlySet<Operation> = new Set()

export const standard: Policy = {
  readsEntries: true,
  joins: "any",
  writes: true,
  bypass: false,
  strict: false,
  storeTimeoutMillis: undefined,
  disabled: nothing,
  invalidate: undefined,
  detector: undefined,
  trace: undefined
}

/** The standard policy inside a load. A separate object, so that hits outside loads skip the recording of reads. */
export const insideLoad: Policy = { ...standard }

export const Current = Context.Reference<Policy>("effect-cached/CachePolicy", { defaultValue: () => standard })

export const refreshing = (self: Policy): Policy => ({
  ...self,
  readsEntries: false,
  joins: "refresh"
})

export const bypassing = (self: Policy): Policy => ({ ...self, bypass: true })

export const detecting = ({ detector }: Policy): Policy => ({ ...standard, detector, trace: detector!.trace })

export const readingAll = (self: Policy): Policy =>
  readsNormally(self)
    ? self
    : { ...self, readsEntries: true, joins: "any", bypass: false, invalidate: undefined }

export const readsNormally = (self: Policy): boolean =>
  self.readsEntries && self.joins === "any" && !self.bypass && self.invalidate === undefined

const operations: ReadonlySet<string> = new Set<Operation>(["get", "set", "remove", "invalidate", "clear"])

/** Disables operations. `what` names the called function in the error for an unknown one. */
export const disabling = (what: string, names: ReadonlyArray<Operation>): (policy: Policy) => Policy => {
  const unknown = names.find((name) => !operations.has(name))
  if (unknown !== undefined) {
    throw mistake(`${what} has no operation "${unknown}": use one of ${Array.from(operations).join(", ")}`)
  }
  const get = names.includes("get")
  const set = names.includes("set")
  const invalidate = names.includes("invalidate")
  return (policy) => ({
    ...policy,
    ...get ? { readsEntries: false, joins: "none" } : {},
    ...set ? { writes: false } : {},
    ...invalidate ? { invalidate: undefined } : {},
    disabled: new Set([...policy.disabled, ...names])
  })
}
