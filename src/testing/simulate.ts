/**
 * Replays recorded reads under several eviction policies and capacities, and counts the hits.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { CacheConfigError } from "../CacheError.ts"
import type { CacheEvent } from "../CacheEvent.ts"
import type * as Eviction from "../Eviction.ts"
import { simulation } from "../internal/defaults/options.ts"
import { policyOf } from "../internal/eviction/policies.ts"
import { checkAll, type Checks, mistake, refuseUnknown } from "../internal/options/options.ts"
import { forEach } from "../internal/time/turns.ts"
import * as Tokens from "../internal/token.ts"
import type { EvictionName } from "../ports/eviction.ts"
import { chart } from "./internal/chart.ts"

/**
 * An item of a trace: the id that was read, or an event from `Cached.events`. Only `Hit` and `Miss` events are reads.
 * @category models
 * @since 0.1.0
 */
type Access = string | number | CacheEvent

/**
 * Options for {@link simulate}.
 * @category options
 * @since 0.1.0
 */
interface SimulateOptions {
  /** The capacities to simulate, in entries. @default 1, 2, 5, 10, 20 and 50 % of the number of ids */
  readonly capacities?: ReadonlyArray<number> | undefined
  /** The seed for the hash functions of the policies. The same seed gives the same results. @default 1 */
  readonly seed?: number | undefined
}

/**
 * The hits of one policy at one capacity.
 * @category models
 * @since 0.1.0
 */
interface Simulated {
  readonly policy: string
  readonly capacity: number
  readonly hits: number
  readonly hitRatio: number
}

/**
 * The result of a simulation.
 * @category models
 * @since 0.1.0
 */
export interface Simulation {
  readonly reads: number
  readonly ids: number
  readonly results: ReadonlyArray<Simulated>
  /** Hit ratios in percent as a Markdown table: a row for each capacity, a column for each policy. */
  readonly table: string
  /** Hit ratios by capacity as an SVG chart, readable on light and dark pages. */
  readonly svg: string
}

const shipped: ReadonlyArray<EvictionName> = ["adaptive", "wTinyLfu", "s3Fifo", "lru", "fifo"]

/**
 * Replays recorded reads under eviction policies and capacities, and counts the hits. Policies run as in a real cache.
 *
 * **When to use**
 *
 * Use it to choose a policy and a capacity for the reads of a program.
 *
 * **Details**
 *
 * - A trace is a list or a stream of ids, such as the lines of a file, or of events from `Cached.events`.
 * - A miss adds the id to the simulated cache. TTLs, invalidations and weights are ignored.
 * - The simulation yields to other fibers. For each policy and capacity, a million reads take at most about a second.
 * - Fails with a `CacheConfigError` for an invalid capacity or access, and for a policy that throws or names a victim
 *   that is not in the cache.
 *
 * **Example** (Comparing two policies)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { simulate } from "effect-cached/testing"
 *
 * const reads = Array.from({ length: 20_000 }, (_, i) => `page:${i % 1000}`)
 * const program = Effect.gen(function*() {
 *   const { results } = yield* simulate(reads, ["lru", "adaptive"], { capacities: [500] })
 *   return results.map(({ hitRatio, policy }) => `${policy}: ${hitRatio > 0.4 ? "many" : "none"}`)
 * })
 * await Effect.runPromise(program) // => ["lru: none", "adaptive: many"]
 * ```
 *
 * @see `Cached.stats` for its `curve`, the hit ratios by capacity in a running program
 * @category constructors
 * @since 0.1.0
 */
export const simulate = <E = never, R = never>(
  trace: Iterable<Access> | Stream.Stream<Access, E, R>,
  policies: ReadonlyArray<EvictionName | Eviction.Eviction> = shipped,
  options: SimulateOptions = {}
): Effect.Effect<Simulation, E | CacheConfigError, R> =>
  Effect.gen(function*() {
    const checked = yield* refusing(Effect.sync(() => check(policies, options)))
    const reads = makeReads()
    yield* (Stream.isStream(trace)
      ? Stream.runForEachArray(trace, (some) => refusing(forEach(some, reads.add)))
      : refusing(forEach(trace, reads.add)))
    const capacities = options.capacities ?? capacitiesOf(reads.names.length)
    const seed = options.seed ?? simulation.seed
    const results: Array<Simulated> = []
    for (const policy of checked) {
      for (const capacity of capacities) results.push(yield* refusing(run(reads, { capacity, policy, seed })))
    }
    const names = checked.map(({ name }) => name)
    return {
      reads: reads.accesses.length,
      ids: reads.names.length,
      results,
      table: tableOf(results, names, capacities),
      svg: chart(
        names.map((name, i) => ({
          name,
          points: results.slice(i * capacities.length, (i + 1) * capacities.length)
            .map(({ capacity, hitRatio }) => ({ x: capacity, y: hitRatio }))
        }))
      )
    }
  })

interface Reads {
  readonly names: Array<string>
  readonly accesses: Array<number>
  readonly add: (access: Access) => void
}

const makeReads = (): Reads => {
  const numbers = new Map<string, number>()
  const names: Array<string> = []
  const accesses: Array<number> = []
  const add = (access: Access): void => {
    const id = idOf(access)
    if (id === undefined) return
    let number = numbers.get(id)
    if (number === undefined) {
      number = names.length
      numbers.set(id, number)
      names.push(id)
    }
    accesses.push(number)
  }
  return { names, accesses, add }
}

/** The id that was read, or `undefined` for an event that is not a read. */
const idOf = (access: Access): string | undefined => {
  if (typeof access === "string") return access
  if (typeof access === "number") return String(access)
  if (typeof access?._tag !== "string") {
    throw mistake(`An access of simulate must be an id or an event, not ${String(access)}`)
  }
  return access._tag === "Hit" || access._tag === "Miss" ? access.id : undefined
}

interface Run {
  readonly policy: Eviction.Eviction
  readonly capacity: number
  readonly seed: number
}

/** Replays the reads through one policy, calling it as the memory of a cache does. */
const run = ({ accesses, names }: Reads, { capacity, policy, seed }: Run): Effect.Effect<Simulated> =>
  Effect.suspend(() => {
    const { word } = Tokens.make(() => Uint32Array.of(1, seed, 2, 3))
    const state = within(policy, () => policy.make({ capacity, weighed: false, seed: word }))
    const held = new Map<string, Eviction.Node>()
    let hits = 0
    const read = (number: number): void => {
      const id = names[number]!
      const known = held.get(id)
      if (known !== undefined) {
        hits++
        return state.read(known)
      }
      const node: Eviction.Node = { id, weight: 1, previous: undefined, next: undefined, mark: 0 }
      held.set(id, node)
      state.added(node)
      if (held.size <= capacity) return
      const victim = state.victim() ?? node
      if (held.get(victim.id) !== victim) throw new Error(`it named "${victim.id}", which is not in memory`)
      held.delete(victim.id)
      state.removed(victim)
    }
    return Effect.map(forEach(accesses, (number) => within(policy, () => read(number))), () => ({
      policy: policy.name,
      capacity,
      hits,
      hitRatio: accesses.length === 0 ? 0 : hits / accesses.length
    }))
  })

const within = <A>({ name }: Eviction.Eviction, step: () => A): A => {
  try {
    return step()
  } catch (thrown) {
    throw mistake(`The eviction policy "${name}" failed: ${String(thrown)}`)
  }
}

const refusing = <A>(effect: Effect.Effect<A>): Effect.Effect<A, CacheConfigError> =>
  Effect.catchDefect(
    effect,
    (defect) => defect instanceof CacheConfigError ? Effect.fail(defect) : Effect.die(defect)
  )

const check = (
  policies: ReadonlyArray<EvictionName | Eviction.Eviction>,
  options: SimulateOptions
): ReadonlyArray<Eviction.Eviction> => {
  refuseUnknown("simulate", options, Object.keys(checks))
  checkAll("simulate", options, checks)
  if (!Array.isArray(policies)) throw mistake(`policies of simulate must be a list, like ["adaptive", "lru"]`)
  return policies.map((policy) => policyOf("a policy of simulate", policy))
}

const checks: Checks<SimulateOptions> = {
  capacities: (given) => {
    if (given === undefined) return
    if (!Array.isArray(given)) throw mistake("capacities of simulate must be a list")
    const wrong = given.findIndex((capacity) => !(Number.isInteger(capacity) && capacity >= 1))
    if (wrong < 0) return
    throw mistake(`A capacity of simulate must be a whole number of at least 1, not ${String(given[wrong])}`)
  },
  seed: (given) => {
    if (given === undefined || Number.isInteger(given)) return
    throw mistake(`seed of simulate must be a whole number, not ${String(given)}`)
  }
}

const capacitiesOf = (ids: number): ReadonlyArray<number> =>
  ids === 0
    ? []
    : Array.from(new Set(simulation.shares.map((share) => Math.max(1, Math.round(ids * share)))))

const tableOf = (
  results: ReadonlyArray<Simulated>,
  names: ReadonlyArray<string>,
  capacities: ReadonlyArray<number>
): string => {
  const line = (cells: ReadonlyArray<string>): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s+/g, " ")).join(" | ")} |`
  const rows = capacities.map((capacity, i) =>
    line([
      `${capacity}`,
      ...names.map((_, of) => `${(results[of * capacities.length + i]!.hitRatio * 100).toFixed(1)}`)
    ])
  )
  return [line(["capacity", ...names]), line(["---", ...names.map(() => "---")]), ...rows].join("\n")
}
