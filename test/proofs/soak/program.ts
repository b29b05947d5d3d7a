/**
 * The operations of a soak: reads by one strategy, whose loads end in one way, and writes and invalidations between.
 */
import { Effect, Fiber, Schema } from "effect"
import { Cached, CacheKey, CachePolicy, type Caching } from "effect-cached"
import { dice } from "../../../src/testing/internal/dice.ts"

class Item extends CacheKey.Class<Item>()("Item", {
  payload: { number: Schema.Number },
  success: Schema.String,
  error: Schema.String
}) {}

type Key = Item | string
type Load = Effect.Effect<string, string>
type Read = Effect.Effect<unknown, unknown, Caching.Caching>

interface Options {
  readonly tags: ReadonlyArray<string>
  readonly timeout?: number | undefined
}

// In virtual milliseconds: every reader reads about once in each, so most entries are evicted after a dozen.
const [ttl, soft] = [400, 4]

export const strategies: { readonly [strategy: string]: (load: Load, key: string, options: Options) => Read } = {
  ttl: (load, key, options) => Cached.ttl(load, key, { ...options, ttl }),
  softTtl: (load, key, options) => Cached.softTtl(load, key, { ...options, ttl, softTtl: soft, fallbackOn: "all" }),
  refreshAhead: (load, key, options) => Cached.refreshAhead(load, key, { ...options, ttl, refreshAfter: soft }),
  probabilistic: (load, key, options) => Cached.probabilistic(load, key, { ...options, ttl, beta: 5 }),
  sliding: (load, key, options) => Cached.sliding(load, key, { ...options, ttl, idle: soft }),
  maxHits: (load, key, options) => Cached.maxHits(load, key, { ...options, ttl, hits: 8, refreshAfter: 1 }),
  failover: (load, key, options) => Cached.failover(load, key, { ...options, ttl, fallbackOn: "all" }),
  untilInvalidated: (load, key, options) => Cached.untilInvalidated(load, key, options),
  dynamic: (load, key, options) =>
    Cached.withStrategy(load, key, {
      ...options,
      strategy: { strategy: "maxHits", hits: 3, refreshAfter: 1, ttl: "24 hours" }
    }),
  failures: (load, key, options) => Cached.ttl(load, key, { ...options, ttl, when: () => true })
}

/** How every second load ends; the others succeed, or nothing would ever be stored. */
export const outcomes = ["succeeds", "fails", "dies", "is interrupted", "hangs"] as const

export type Outcome = typeof outcomes[number] | "any"

/** The order of reads: `zipf`, a few keys very often; `scan`, all one after the other, and each twice. */
export type Order = "zipf" | "scan"

interface Soaked {
  readonly strategy: string
  readonly order: Order
  readonly outcome: Outcome
  readonly keys: number
  readonly seed: number
}

/** One operation after another; none fails. */
export const operations = (
  { keys, order, outcome, seed, strategy }: Soaked
): () => Effect.Effect<unknown, never, Caching.Caching> => {
  const random = dice(seed)
  const chance = (share: number) => random.nextDoubleUnsafe() < share
  const below = (limit: number) => Math.floor(random.nextDoubleUnsafe() * limit)
  // A recent key is often read again.
  const recent = new Int32Array(2000)
  let drawn = 0
  const draw = (): number => {
    if (order === "scan") return scanned()
    if (chance(0.3)) return recent[below(recent.length)]!
    // Like a zipf distribution with exponent 1: the logarithm of the rank is uniform.
    const number = Math.floor(keys ** random.nextDoubleUnsafe()) - 1
    recent[drawn++ % recent.length] = number
    return number
  }
  const keyOf = (number: number): Key => number % 2 === 0 ? `item:${number}` : new Item({ number })
  // A block of new ones, then these once more: some are still there, and due.
  let step = 0
  const scanned = (): number => {
    const [block, place] = [Math.floor(step / 900), step++ % 900]
    return (block >> 1) * 900 + place
  }
  const tagOf = (number: number) => `tag:${number % 20_000}`
  const value = (number: number) => `${number}`.padEnd(100, "x")
  const read = strategies[strategy]!

  const succeed = (number: number): Load => {
    if (chance(0.8)) return Effect.succeed(value(number))
    const later = Effect.delay(Effect.succeed(value(number)), 1 + below(3))
    // A load that reads another entry.
    return number > 0 && chance(0.1) ? Effect.andThen(readOf(number >> 1), later) as Load : later
  }
  const end: { readonly [outcome in typeof outcomes[number]]: (number: number) => Load } = {
    "succeeds": succeed,
    "fails": () => chance(0.5) ? Effect.fail("down") : Effect.delay(Effect.fail("down"), 2),
    "dies": () => chance(0.5) ? Effect.die(new Error("down")) : Effect.delay(Effect.die("down"), 2),
    "is interrupted": (number) => chance(0.5) ? Effect.interrupt : Effect.delay(succeed(number), 5),
    "hangs": () => chance(0.1) ? Effect.uninterruptible(Effect.delay(Effect.fail("late"), 200)) : Effect.never
  }
  const loadOf = (number: number): Load =>
    Effect.suspend(() =>
      chance(0.5) ? succeed(number) : end[outcome === "any" ? outcomes[below(outcomes.length)]! : outcome](number)
    )
  const readOf = (number: number): Read =>
    read(loadOf(number), keyOf(number) as string, {
      tags: [tagOf(number)],
      timeout: outcome === "hangs" || outcome === "any" ? 20 : undefined
    })
  /** A reader that gives up. */
  const impatient = (number: number) =>
    Effect.flatMap(
      Effect.forkChild(readOf(number)),
      (fiber) => Effect.andThen(Effect.yieldNow, Fiber.interrupt(fiber))
    )

  return () => {
    const number = draw()
    const kind = random.nextDoubleUnsafe()
    if (kind < 0.87) {
      return Effect.exit(outcome === "is interrupted" && chance(0.3) ? impatient(number) : readOf(number))
    }
    const key = keyOf(number)
    if (kind < 0.89) return Cached.invalidate(key)
    if (kind < 0.98) return Cached.invalidate({ tag: tagOf(below(keys)) }, { mode: chance(0.5) ? "hard" : "soft" })
    if (kind < 0.985) return Cached.set(key as string, value(number), { ttl })
    if (kind < 0.99) return Cached.touch(key, ttl)
    return Effect.exit(CachePolicy.refresh(readOf(number)))
  }
}
