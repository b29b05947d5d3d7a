/** Kinds of strategies: how each decides, and which options it has. Strategies and combinators are built from kinds. */
import type { Timing } from "../../CacheEntry.ts"
import type { Decision, Lifetime, Of } from "../../ports/strategy.ts"
import type * as Ttl from "../../Ttl.ts"

/** The functions take the options as an argument, so that a combinator can call them without making a strategy. */
export interface Kind {
  readonly name: Name
  readonly options: ReadonlySet<string>
  readonly retryAfter: Ttl.Input | undefined
  readonly decide: (options: AnyOptions, entry: Timing | undefined, now: number, random: () => number) => Decision
  /** Whether `decide` never uses `random` and, if the entry has no deadline, does not use `now` either. */
  readonly deadlinesOnly: boolean
  /** Whether `decide` always answers `Serve` before both deadlines, so that such a hit need not call `decide`. */
  readonly servesFresh: boolean
  /** `beside` is the value of the option named by the field `beside`, or that option's result if it is a function. */
  readonly lifetime: (options: AnyOptions, ttl: number, beside: unknown) => Lifetime
  readonly ttl: (options: AnyOptions) => unknown
  readonly check: ((options: AnyOptions) => void) | undefined
  readonly beside: keyof AnyOptions | undefined
  readonly touch: ((options: AnyOptions, entry: Timing, now: number) => number) | undefined
  readonly countsReads: boolean
  /** Whether the combinator answers a failure with a stored value, and takes `fallbackOn`. */
  readonly fallsBack: boolean
  /** A text to add where an option of other kinds is refused, by the option. */
  readonly hints?: Readonly<Record<string, string>>
}

export interface AnyOptions {
  readonly ttl?: Ttl.Input | Of<any, any, any, Ttl.Input> | undefined
  readonly jitter?: number | undefined
  readonly softTtl?: Ttl.Input | Of<any, any, any, Ttl.Input> | undefined
  /** A duration or, for `maxHits`, a number of reads. */
  readonly refreshAfter?: Ttl.Input | Of<any, any, any, Ttl.Input> | undefined
  readonly beta?: number | undefined
  readonly idle?: Ttl.Input | undefined
  readonly hits?: number | undefined
}

/** The options of each kind. They are listed here, because importing the kinds would load even unused ones. */
const own = {
  ttl: [],
  softTtl: ["softTtl"],
  refreshAhead: ["refreshAfter"],
  probabilistic: ["beta"],
  sliding: ["idle"],
  maxHits: ["hits", "refreshAfter"],
  failover: [],
  untilInvalidated: []
} as const satisfies { readonly [name: string]: ReadonlyArray<keyof AnyOptions> }

type Name = keyof typeof own

const optionsOf = (name: Name): ReadonlySet<string> =>
  new Set<string>(name === "untilInvalidated" ? [] : ["ttl", "jitter", ...own[name]])

export const fallingBack: ReadonlyArray<string> = ["softTtl", "failover"] satisfies ReadonlyArray<Name>

export const strategiesWith = (option: string): ReadonlyArray<string> =>
  (Object.keys(own) as Array<Name>).filter((name) => optionsOf(name).has(option))

export const kind = (name: Name, parts: Pick<Kind, "decide"> & Partial<Kind>): Kind => ({
  name,
  options: optionsOf(name),
  retryAfter: undefined,
  deadlinesOnly: true,
  servesFresh: true,
  lifetime: (_, ttl) => ({ softTtl: ttl, ttl }),
  ttl: (options) => options.ttl,
  check: undefined,
  beside: undefined,
  touch: undefined,
  countsReads: false,
  fallsBack: fallingBack.includes(name),
  ...parts
})

export const besideOf = ({ beside }: Kind, options: AnyOptions): unknown => beside && options[beside]
