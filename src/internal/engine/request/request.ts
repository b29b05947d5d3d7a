/** The request of a read. */
import type * as Effect from "effect/Effect"
import type { AnyReadOptions } from "../../../cached/options.ts"
import type { CacheKey } from "../../../CacheKey.ts"
import type { Lifetime, Strategy } from "../../../Strategy.ts"
import type { Batch } from "../batch/batch.ts"
import type { Flight } from "../flight/flight.ts"
import type { Flights } from "../flight/flights.ts"
import type { Rules } from "./rules.ts"

/** One read: the effect that a combinator makes, as the engine sees it. */
export interface Request<out A = unknown, out E = unknown> extends Effect.Effect<A, E, any> {
  readonly key: CacheKey<unknown, unknown, unknown> | string
  readonly load: Effect.Effect<A, E, any>
  readonly strategy: Strategy<any, any, any>
  readonly options: AnyReadOptions
  /** of the options, for hits: the options of a program have many shapes, and requests have one */
  readonly copy: AnyReadOptions["copy"]
  /** the strategy looks at deadlines only: without deadlines no clock is read, and a decision needs no random number */
  readonly deadlinesOnly: boolean
  /** the strategy serves every entry before both deadlines */
  readonly servesFresh: boolean
  /** reads move the entry's deadline: the strategy has a `touch` */
  readonly slides: boolean
  /**
   * what stands for the lifetime of its strategy, where that is a constant. `undefined` for a function of the result, and
   * for a strategy of one's own
   */
  readonly constant: unknown
  /** whether that of an entry stands for the same lifetime, which a hit need not look at then */
  readonly isConstant: (constant: unknown) => boolean
  /** the lifetime that `constant` stands for */
  readonly constantLifetime: () => Lifetime
  /** how a refresh loads; of a strategy that never refreshes `undefined` */
  readonly refreshLoad: ((self: Flights, flight: Flight) => Effect.Effect<unknown, unknown, any>) | undefined
  /** the batch that loads this key */
  readonly batch?: Batch | undefined
  /** of a stream: told which request leads the flight that it waits for */
  readonly followed?: ((leader: Request) => void) | undefined
  /** of a stream: told how the flight that it leads has ended */
  readonly settled?: ((flight: Flight) => void) | undefined
  /** how long its load renews its lease, where that is not the layer's `maxLoad` */
  readonly maxLoadMillis?: number | undefined
  /** throws a `CacheConfigError` for a wrong option, before the first load; `false`: it has no options of reads */
  readonly validate: () => boolean
  /** checked and parsed, once a miss needs them: a hit must not pay for them */
  rules: Rules | undefined
}
