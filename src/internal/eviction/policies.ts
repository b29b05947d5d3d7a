/** The built-in eviction policies, by the names that the option `eviction` takes. */
import { large } from "#platform/eviction/large"
import type { Eviction, EvictionName } from "../../ports/eviction.ts"
import { refuseUnless } from "../options/options.ts"
import { makeFifo, makeLeastRecentlyUpdated, makeLru } from "./byAge.ts"

const makers: { readonly [Name in EvictionName]: Eviction["make"] } = Object.assign({}, large, {
  lru: makeLru,
  fifo: makeFifo,
  leastRecentlyUpdated: makeLeastRecentlyUpdated
})

export const policies = Object.fromEntries(Object.entries(makers).map(([name, make]) => [name, { name, make }])) as {
  readonly [Name in EvictionName]: Eviction
}

/** Whether a policy is built in. The engine calls such a policy directly, but guards against a user's own. */
export const isBuiltIn = (policy: Eviction): boolean => policies[policy.name as EvictionName] === policy

/** The policy of an option, which is the name of a built-in policy or a user's own. `what` names it in errors. */
export const policyOf = (what: string, given: EvictionName | Eviction): Eviction => {
  const policy: Eviction | undefined = policies[given as EvictionName] ?? given
  refuseUnless(
    typeof policy?.make === "function",
    `${what} must be one of ${Object.keys(policies).join(", ")}, or an Eviction of your own`
  )
  return policy!
}
