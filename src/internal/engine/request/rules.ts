/**
 * The border to the functions and options of users. What a request asks for is checked and parsed here, once, before
 * its first load; what its functions throw ends here:
 *
 * - before a load (options, `timeout` and `softTimeout` as functions, `tags` of the key class, `decide`,
 *   `fallbackWhen`) it is a defect of the caller whose request it is, and of no other;
 * - about a loaded value (`lifetime`, `ttl`, `softTtl`, `refreshAfter`, `when`, `storeIf` and `tags` as functions, `copy` of what is
 *   stored, `touch`) it means: not stored, or not moved. It is counted, and logged once a key class or cause; the answer is given all the same.
 *
 * Beyond this file, eviction policies are guarded in `memory/evictionPolicy.ts`, listeners in `telemetry/events.ts`.
 */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AnyReadOptions, ReadDefaults } from "../../../cached/options.ts"
import { CacheConfigError } from "../../../CacheError.ts"
import {
  type Decision,
  type Lifetime,
  Load,
  LoadOrStale,
  Serve,
  ServeAndRefresh,
  type Strategy
} from "../../../Strategy.ts"
import type * as Ttl from "../../../Ttl.ts"
import { toMillis } from "../../../Ttl.ts"
import { noReadDefaults, retryAfterMillis } from "../../defaults/options.ts"
import { idOf } from "../../key/ofKey.ts"
import { checkJitter } from "../../strategy/validate.ts"
import type { Entry } from "../memory/entry.ts"
import type { Request, Rules } from "../state.ts"
import * as Log from "../telemetry/log.ts"
import type { Counters, Telemetry } from "../telemetry/telemetry.ts"

/** The options of reads that do not say otherwise. */
interface Defaulting {
  readonly readDefaults: ReadDefaults
}

/** The rules of a request. Throws for a wrong option or strategy. */
export const rulesOf = (self: Defaulting, request: Request): Rules => {
  const { rules } = request
  return rules !== undefined && rules.defaults === self.readDefaults ? rules : request.rules = check(self, request)
}

const check = (self: Defaulting, request: Request): Rules => {
  const hasOptions = request.validate()
  const { readDefaults: defaults } = self
  const { options, strategy } = request
  // most reads: every miss of theirs would ask for each option
  if (!hasOptions && defaults === noReadDefaults) return plainRules(strategy)
  const { timeout } = options
  const softTimeout = optionOf(self, request, "softTimeout")
  const retryAfter = options.retryAfter ?? strategy.retryAfter ?? defaults.retryAfter
  return {
    defaults,
    timeoutMillis: timeoutMillisOf("timeout", timeout),
    softTimeoutMillis: timeoutMillisOf("softTimeout", softTimeout),
    isAsked: false,
    hasTimeouts: timeout !== undefined || softTimeout !== undefined,
    retryAfterMillis: millisOf("retryAfter", retryAfter) ?? retryAfterMillis,
    memoryTtlMillis: millisOf("memoryTtl", optionOf(self, request, "memoryTtl")),
    minLoadMillis: millisOf("minLoad", optionOf(self, request, "minLoad")),
    inherit: options.inherit,
    jitter: checkJitter(strategy.jitter ?? defaults.jitter),
    tags: undefined
  }
}

const plainRules = ({ retryAfter }: Request["strategy"]): Rules => ({
  defaults: noReadDefaults,
  timeoutMillis: undefined,
  softTimeoutMillis: undefined,
  isAsked: false,
  hasTimeouts: false,
  retryAfterMillis: millisOf("retryAfter", retryAfter) ?? retryAfterMillis,
  memoryTtlMillis: undefined,
  minLoadMillis: undefined,
  inherit: undefined,
  jitter: 0,
  tags: undefined
})

/** An option that a request has, or else its layer. */
export const optionOf = <Name extends keyof ReadDefaults & keyof AnyReadOptions>(
  self: Defaulting,
  { options }: Request,
  name: Name
): AnyReadOptions[Name] | ReadDefaults[Name] => options[name] ?? self.readDefaults[name]

const millisOf = (name: string, input: Ttl.Input | undefined): number | undefined =>
  input === undefined ? undefined : toMillis(input, name)

const timeoutMillisOf = (name: Timeout, input: AnyReadOptions[Timeout]): number | undefined =>
  typeof input === "function" ? undefined : millisOf(name, input)

type Timeout = "timeout" | "softTimeout"

// ---------------------------------------------------------------------------------------------------------------------
// before a load
// ---------------------------------------------------------------------------------------------------------------------

/** What a check of a request throws; `undefined` where it throws nothing. */
export const thrownBy = <A, B>(check: (a: A, b: B) => void, a: A, b: B): {} | undefined => {
  try {
    check(a, b)
    return undefined
  } catch (error) {
    return error ?? new Error(`"${error}" was thrown`)
  }
}

/**
 * The request with constant timeouts: those that are functions of its key are asked, once for each caller that waits.
 * What they throw is that caller's own defect.
 */
export const askTimeouts = <A, E>(self: Defaulting, request: Request<A, E>): Request<A, E> | Exit.Exit<never> => {
  const { options: { timeout }, rules: known } = request
  const softTimeout = optionOf(self, request, "softTimeout")
  if (known?.isAsked === true || (typeof timeout !== "function" && typeof softTimeout !== "function")) return request
  return answerOrDefect(() =>
    withRules(request, {
      ...rulesOf(self, request),
      isAsked: true,
      timeoutMillis: askTimeout("timeout", request, timeout),
      softTimeoutMillis: askTimeout("softTimeout", request, softTimeout)
    })
  )
}

/**
 * The same request with other timeouts, which are in its rules: its options may be an instance of a class, of which there
 * is no copy.
 */
export const withRules = <A, E>(request: Request<A, E>, rules: Rules): Request<A, E> =>
  Object.create(request, { rules: { value: rules } }) as Request<A, E>

const askTimeout = (name: Timeout, { key }: Request, given: AnyReadOptions[Timeout]): number | undefined =>
  typeof given === "function" ? toMillis(given(key), `${name} of "${idOf(key)}"`) : millisOf(name, given)

/** An answer to one caller; what its functions throw is its own defect. */
export const answerOrDefect = <A>(answer: () => A): A | Exit.Exit<never> => {
  try {
    return answer()
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** What a step throws about one of many keys, as the answer of that key; `undefined` where it throws nothing. */
export const defectOf = <A>(step: (of: A) => void, of: A): Exit.Exit<never> | undefined => {
  try {
    step(of)
    return undefined
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** The answer of a strategy, which must be one of the four decisions. */
export const checkDecision = (strategy: Strategy<never, never, never>, decision: Decision): Decision => {
  if (decision === Serve || decision === Load || decision === ServeAndRefresh || decision === LoadOrStale) {
    return decision
  }
  const given = typeof decision === "string" ? `"${decision}"` : `a value of type ${typeof decision}`
  throw new CacheConfigError({
    message: `The strategy "${strategy.name}" decided ${given}: decide must return one of ` +
      [Serve, ServeAndRefresh, LoadOrStale, Load].map((known) => `"${known}"`).join(", ")
  })
}

/**
 * What a strategy has thrown about an entry of the store, as the outcome of a flight. It is a defect of the callers
 * with that strategy; all others read again (`flight/outcome.ts`: `orStale`).
 */
class StrategyThrew extends Error {
  readonly strategy: Strategy<never, never, never>

  constructor(strategy: Strategy<never, never, never>, cause: unknown) {
    super(`The strategy "${strategy.name}" threw on an entry of the store`, { cause })
    this.strategy = strategy
  }
}

/** The decision that ends a flight, or lets it load. */
export const decisionOfFlight = ({ strategy }: Request, decide: () => Decision): Decision => {
  try {
    return decide()
  } catch (error) {
    throw new StrategyThrew(strategy, error)
  }
}

/** What a caller gets of an outcome that is a strategy's throw: its own defect, or `again`. */
export const ownOrAgain = (
  { strategy }: Request,
  cause: Cause.Cause<unknown>,
  again: () => Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> | undefined => {
  const [reason] = cause.reasons
  if (reason === undefined || !Cause.isDieReason(reason) || !(reason.defect instanceof StrategyThrew)) return undefined
  return reason.defect.strategy === strategy ? Exit.die(reason.defect.cause) : again()
}

// ---------------------------------------------------------------------------------------------------------------------
// about a loaded value
// ---------------------------------------------------------------------------------------------------------------------

/** The result of a load: its key, and where it is counted. */
interface Result extends Log.About {
  readonly counters: Counters
}

/** Notes that making what is stored of a result threw: it is not stored. */
export const notStored = (self: Telemetry, result: Result, thrown: unknown): undefined => {
  result.counters.notStored++
  const { id, key } = result
  Log.warnOnce(
    self,
    `result ${Log.topicOf(result, Log.placeOf(thrown))}`,
    `The result of "${id}" is not cached: its strategy, tags function or copy threw, or gave an invalid value (see the ` +
      "cause; logged once a key class or cause)",
    { about: { id, key }, cause: Cause.die(thrown) }
  )
}

/** The lifetime that a request's strategy gives a result. Throws unless it is made of numbers from 0 on. */
export const lifetimeOf = ({ key, strategy }: Request, exit: Exit.Exit<unknown, unknown>): Lifetime | "skip" => {
  const lifetime = strategy.lifetime(exit, key)
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

/** Where a read moves the end of an entry, by its strategy's `touch`; `undefined` where that throws or is no number. */
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

/** Whether a read has timeouts of its own. */
export const isLimited = (self: Defaulting, request: Request): boolean => {
  const { rules } = request
  return rules !== undefined && rules.defaults === self.readDefaults && !rules.hasTimeouts
    ? false
    : request.options.timeout !== undefined || optionOf(self, request, "softTimeout") !== undefined
}

/** The same request, after so many milliseconds of its timeouts have passed; none where the clock was set back. */
export const shortened = (self: Defaulting, request: Request, millis: number): Request => {
  if (!isLimited(self, request)) return request
  const rules = rulesOf(self, request)
  const left = (limit: number | undefined): number | undefined => limit && Math.max(0, limit - Math.max(0, millis))
  return withRules(request, {
    ...rules,
    timeoutMillis: left(rules.timeoutMillis),
    softTimeoutMillis: left(rules.softTimeoutMillis)
  })
}
