/** Kinds of strategies: how each decides, and which options it has. Strategies and combinators are built from kinds. */
import type { Timing } from "../../CacheEntry.ts"
import type { Decision, Lifetime, Of } from "../../ports/strategy.ts"
import type * as Ttl from "../../Ttl.ts"

/** The functions take the options as an argument, so that a combinator can call them without making a strategy. */
export interface Kind {
  readonly name: string
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

interface Parts extends Partial<Kind> {
  readonly decide: Kind["decide"]
  /** The options of the kind, beside `ttl` and `jitter`. */
  readonly own?: ReadonlyArray<keyof AnyOptions>
}

export const kind = (name: string, { own = [], ...parts }: Parts): Kind => ({
  name,
  options: new Set(["ttl", "jitter", ...own]),
  retryAfter: undefined,
  deadlinesOnly: true,
  servesFresh: true,
  lifetime: (_, ttl) => ({ softTtl: ttl, ttl }),
  ttl: (options) => options.ttl,
  check: undefined,
  beside: undefined,
  touch: undefined,
  countsReads: false,
  fallsBack: false,
  ...parts
})

export const besideOf = ({ beside }: Kind, options: AnyOptions): unknown => beside && options[beside]
