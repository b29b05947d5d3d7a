/**
 * The boundary to users' functions and options. Options are validated and parsed once, before the first load. If a
 * function throws before a load, only the caller with that request ends with a defect. If a function that gets a loaded
 * value (`lifetime`, `ttl`, `softTtl`, `refreshAfter`, `when`, `storeIf`, `tags`, `copy`, `touch`) throws, the result
 * is not stored, or its deadline is not moved. The exception is counted, and logged once per key class or cause. Other
 * files handle exceptions of eviction policies (`memory/evictionPolicy.ts`) and of listeners (`telemetry/events.ts`).
 */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AnyReadOptions, ReadDefaults } from "../../../cached/options.ts"
import { CacheConfigError } from "../../../CacheError.ts"
import type { Decision, Lifetime, Strategy } from "../../../Strategy.ts"
import type * as Ttl from "../../../Ttl.ts"
import { toMillis } from "../../../Ttl.ts"
import { noReadDefaults, retryAfterMillis } from "../../defaults/options.ts"
import { idOf, infoOf, ownKey } from "../../key/ofKey.ts"
import { isStored } from "../../strategy/lifetime.ts"
import { checkJitter } from "../../strategy/validate.ts"
import type { Entry } from "../memory/entry.ts"
import type { Request, Rules } from "../state.ts"
import * as Log from "../telemetry/log.ts"
import type { Counters, Telemetry } from "../telemetry/telemetry.ts"
import { tellInvalid } from "../telemetry/tell.ts"

interface Defaulting {
  readonly readDefaults: ReadDefaults
}

export const rulesOf = (self: Defaulting, request: Request): Rules => {
  const { rules } = request
  return rules !== undefined && rules.defaults === self.readDefaults ? rules : request.rules = check(self, request)
}

const check = (self: Defaulting, request: Request): Rules => {
  const hasOptions = request.validate()
  const { readDefaults: defaults } = self
  const { options, strategy } = request
  // The fast path of most misses: without options or layer defaults, only the strategy's rules apply.
  if (!hasOptions && defaults === noReadDefaults) return plainRules(request)
  const timeoutMillis = constantMillisOf(options.timeout)
  return {
    defaults,
    timeoutMillis,
    patienceMillis: timeoutMillis,
    softTimeoutMillis: constantMillisOf(optionOf(self, request, "softTimeout")),
    isAsked: false,
    retryAfterMillis: retryAfterOf(options.retryAfter ?? strategy.retryAfter ?? defaults.retryAfter),
    memoryTtlMillis: millisOf(optionOf(self, request, "memoryTtl")),
    minLoadMillis: millisOf(optionOf(self, request, "minLoad")),
    maxLoadMillis: millisOf(options.maxLoad) ?? ofClass(request),
    inherit: options.inherit,
    jitter: checkJitter(strategy.jitter ?? defaults.jitter),
    tags: undefined
  }
}

const plainRules = (request: Request): Rules => ({
  defaults: noReadDefaults,
  timeoutMillis: undefined,
  patienceMillis: undefined,
  softTimeoutMillis: undefined,
  isAsked: false,
  retryAfterMillis: retryAfterOf(request.strategy.retryAfter),
  memoryTtlMillis: undefined,
  minLoadMillis: undefined,
  maxLoadMillis: ofClass(request),
  inherit: undefined,
  jitter: 0,
  tags: undefined
})

const ofClass = ({ key }: Request): number | undefined => infoOf(key)?.maxLoadMillis

/** How long a load may run while readers wait. Only a request whose options were checked needs no check here. */
export const maxLoadOf = (self: Defaulting & { readonly maxLoadMillis: number }, request: Request): number =>
  (request.options.maxLoad === undefined ? ofClass(request) : rulesOf(self, request).maxLoadMillis) ??
    self.maxLoadMillis

export const optionOf = <Name extends keyof ReadDefaults & keyof AnyReadOptions>(
  self: Defaulting,
  { options }: Request,
  name: Name
): AnyReadOptions[Name] | ReadDefaults[Name] => options[name] ?? self.readDefaults[name]

/** Options have been validated, but not the strategies of users. */
const retryAfterOf = (input: Ttl.Input | undefined): number =>
  input === undefined ? retryAfterMillis : toMillis(input, "retryAfter")

const millisOf = (input: Ttl.Input | undefined): number | undefined => input === undefined ? undefined : toMillis(input)

const constantMillisOf = (input: AnyReadOptions[Timeout]): number | undefined =>
  typeof input === "function" ? undefined : millisOf(input)

type Timeout = "timeout" | "softTimeout"

export const thrownBy = <A, B>(check: (a: A, b: B) => void, a: A, b: B): {} | undefined => {
  try {
    check(a, b)
    return undefined
  } catch (error) {
    return error ?? new Error(`"${error}" was thrown`)
  }
}

/** Evaluates timeouts that are functions of the key, once per waiting caller. An exception is that caller's defect. */
export const askTimeouts = <A, E>(self: Defaulting, request: Request<A, E>): Request<A, E> | Exit.Exit<never> => {
  const { options: { timeout }, rules: known } = request
  const softTimeout = optionOf(self, request, "softTimeout")
  if (known?.isAsked === true || (typeof timeout !== "function" && typeof softTimeout !== "function")) return request
  return answerOrDefect(() => {
    const timeoutMillis = askTimeout("timeout", request, timeout)
    return withRules(request, {
      ...rulesOf(self, request),
      isAsked: true,
      timeoutMillis,
      patienceMillis: timeoutMillis,
      softTimeoutMillis: askTimeout("softTimeout", request, softTimeout)
    })
  })
}

/** Returns a request with other rules. It inherits from `request`, because a copy would lose the prototype. */
export const withRules = <A, E>(request: Request<A, E>, rules: Rules): Request<A, E> =>
  Object.create(request, { rules: { value: rules } }) as Request<A, E>

const askTimeout = (name: Timeout, { key }: Request, given: AnyReadOptions[Timeout]): number | undefined =>
  typeof given === "function" ? toMillis(given(ownKey(key)), `${name} of "${idOf(key)}"`) : millisOf(given)

export const answerOrDefect = <A>(answer: () => A): A | Exit.Exit<never> => {
  try {
    return answer()
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** Runs a step for one of many keys. If it throws, returns the exception as that key's answer. */
export const defectOf = <A>(step: (of: A) => void, of: A): Exit.Exit<never> | undefined => {
  try {
    step(of)
    return undefined
  } catch (defect) {
    return Exit.die(defect)
  }
}

export const checkDecision = (strategy: Strategy<never, never, never>, decision: Decision): Decision => {
  if (decision === "Serve" || decision === "Load" || decision === "ServeAndRefresh" || decision === "LoadOrStale") {
    return decision
  }
  const given = typeof decision === "string" ? `"${decision}"` : `a value of type ${typeof decision}`
  throw new CacheConfigError({
    message: `The strategy "${strategy.name}" decided ${given}: decide must return one of ` +
      ["Serve", "ServeAndRefresh", "LoadOrStale", "Load"].map((known) => `"${known}"`).join(", ")
  })
}

/** A strategy threw for a stored entry. Callers with this strategy end with a defect, and the others read again. */
class StrategyThrew {
  readonly strategy: Strategy<never, never, never>
  readonly cause: unknown

  constructor(strategy: Strategy<never, never, never>, cause: unknown) {
    this.strategy = strategy
    this.cause = cause
  }
}

/** Runs a decision for a whole flight, and wraps an exception of the strategy in `StrategyThrew`. */
export const planOfFlight = <Plan>({ strategy }: Request, plan: () => Plan): Plan => {
  try {
    return plan()
  } catch (error) {
    throw new StrategyThrew(strategy, error)
  }
}

/** A caller's outcome after `StrategyThrew`: a defect if the caller has the same strategy, otherwise `again`. */
export const ownOrAgain = (
  { strategy }: Request,
  cause: Cause.Cause<unknown>,
  again: () => Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> | undefined => {
  const [reason] = cause.reasons
  if (reason === undefined || !Cause.isDieReason(reason) || !(reason.defect instanceof StrategyThrew)) return undefined
  return reason.defect.strategy === strategy ? Exit.die(reason.defect.cause) : again()
}

interface Result extends Log.About {
  readonly counters: Counters
}

export const notStored = (self: Telemetry, result: Result, thrown: unknown): undefined => {
  const { id, key } = result
  tellInvalid(self, result)
  Log.warnOnce(
    self,
    `result ${Log.topicOf(result, Log.placeOf(thrown))}`,
    `The result of "${id}" is not cached: its strategy, tags function or copy threw, or gave an invalid value (see the ` +
      "cause; logged once a key class or cause)",
    { about: { id, key }, cause: Cause.die(thrown) }
  )
}

/** How long a result is stored. Throws if a user's function throws, or the strategy's lifetime is invalid. */
export const lifetimeOf = (request: Request, exit: Exit.Exit<unknown, unknown>): Lifetime | "skip" => {
  const key = ownKey(request.key)
  const lifetime = isStored(request.options, exit, key) ? request.strategy.lifetime(exit, key) : "skip"
  if (lifetime === "skip") return lifetime
  checkMillis("softTtl", lifetime?.softTtl)
  checkMillis("ttl", lifetime?.ttl)
  return lifetime
}

const checkMillis = (name: keyof Lifetime, given: unknown): void => {
  if (typeof given === "number" && given >= 0) return
  throw new CacheConfigError({
    message: `The lifetime has ${name} ${typeof given === "number" ? given : `of type ${typeof given}`}: ` +
      `return { softTtl, ttl } as numbers of milliseconds, or "skip"`
  })
}

/** The deadline that a read gives an entry. `undefined` if the strategy's `touch` throws or returns no number. */
export const movedBy = (self: Telemetry, { key, strategy }: Request, entry: Entry, now: number): number | undefined => {
  try {
    const moved: unknown = strategy.touch!(entry, now)
    if (typeof moved === "number" && !Number.isNaN(moved)) return moved
    throw new Error(`touch returned ${typeof moved === "number" ? "NaN" : `a value of type ${typeof moved}`}`)
  } catch (error) {
    entry.counters.callbackFailures++
    const about: Log.About = { id: entry.id, key }
    Log.warnOnce(
      self,
      `touch ${Log.topicOf(about, Log.placeOf(error))}`,
      `A read of "${entry.id}" does not extend its lifetime: touch of the strategy "${strategy.name}" threw, or gave no number ` +
        "(see the cause; logged once a key class or cause)",
      { about, cause: Cause.die(error) }
    )
    return undefined
  }
}

export const isLimited = (self: Defaulting, request: Request): boolean =>
  request.options.timeout !== undefined || request.options.maxLoad !== undefined ||
  optionOf(self, request, "softTimeout") !== undefined

/** Subtracts the time already spent from the request's timeouts. */
export const shortened = (self: Defaulting, request: Request, millis: number): Request => {
  if (!isLimited(self, request)) return request
  const rules = rulesOf(self, request)
  const left = (limit: number | undefined): number | undefined => limit && Math.max(0, limit - millis)
  return withRules(request, {
    ...rules,
    timeoutMillis: left(rules.timeoutMillis),
    softTimeoutMillis: left(rules.softTimeoutMillis)
  })
}
