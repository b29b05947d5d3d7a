/** Soaks one cache: very many operations by many readers at once, under a clock of its own. Run by `main.ts`. */
import { Clock, Effect, Fiber, References } from "effect"
import { Caching } from "effect-cached"
import { defaults } from "../../../src/Caching.ts"
import * as BoundsDefaults from "../../../src/internal/defaults/bounds.ts"
import * as StoresDefaults from "../../../src/internal/defaults/stores.ts"
import { over } from "../../../src/internal/engine/boundCache.ts"
import * as Quotas from "../../../src/internal/engine/memory/quotas.ts"
import { startOver } from "../../../src/internal/engine/overStore.ts"
import { policies } from "../../../src/internal/eviction/policies.ts"
import { Serializer } from "../../../src/Serializer.ts"
import * as VirtualClock from "./clock.ts"
import { operations, type Order, type Outcome } from "./program.ts"
import { sizesOf } from "./sizes.ts"
import { states } from "./stores.ts"

const capacity = 1000

interface Tier {
  readonly options: Partial<Caching.MakeOptions>
  readonly quotas?: Quotas.Quotas
}

/** How memory is bounded, beside the default: parts that keep something of their own for each entry. */
export const tiers: { readonly [tier: string]: Tier } = {
  usual: { options: {} },
  s3Fifo: { options: { eviction: policies.s3Fifo } },
  wTinyLfu: { options: { eviction: policies.wTinyLfu } },
  weights: {
    options: { capacity: 10 * capacity, weigher: (_: unknown, { id }: { readonly id: string }) => id.length }
  },
  curve: { options: { curve: true } },
  quotas: { options: {}, quotas: { Item: 300 } }
}

export interface Row {
  readonly strategy: string
  readonly outcome: Outcome
  readonly order: Order
  readonly store: string
  readonly tier: string
  readonly operations: number
  /** The share of the operations after which heap and sizes are looked at: 0.25 is four times. */
  readonly samples: number
}

/** The result of a row: the largest sizes in its first half, and in its second. */
export interface Soaked {
  readonly done: number
  /** Megabytes, after a full collection. */
  readonly heap: Halves
  /** By the path of a collection. */
  readonly sizes: ReadonlyArray<readonly [path: string, size: Halves]>
  /** The longest turn of the event loop, in milliseconds: printed, because it is the machine's too. */
  readonly longestTurn: number
  /** A problem besides sizes. */
  readonly problem: string | undefined
}

interface Halves {
  readonly first: number
  readonly second: number
}

const readers = 200
/** The largest table that the engine may have is one of these, and each reader has a load of its own at most. */
export const largest = Math.max(
  2 * BoundsDefaults.tagEpochs,
  BoundsDefaults.throttledIds,
  BoundsDefaults.answeredIds,
  StoresDefaults.pendingInvalidations,
  BoundsDefaults.knownTagVersions,
  BoundsDefaults.onceWarnings
) + capacity + readers
/** In virtual milliseconds; the longest that an operation may take is the timeout of a refresh. */
const stuckAfter = 60_000

const keysOf = ({ store }: Row): number => store === "memory" ? 100_000 : 20_000

/** The longest turn of the event loop since it was last asked. */
const watchTurns = () => {
  let [last, longest] = [performance.now(), 0]
  let watching = true
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (watching) setImmediate(turn)
  }
  setImmediate(turn)
  return {
    longest: () => longest,
    /** Time since the last turn does not count. */
    skip: () => {
      last = performance.now()
    },
    end: () => {
      watching = false
    }
  }
}

export const soak = (row: Row): Promise<Soaked> => {
  const clock = VirtualClock.make()
  let ticking: NodeJS.Timeout | undefined
  const program = Effect.gen(function*() {
    const store = states[row.store]!()
    const serializer = yield* Serializer
    const tier = tiers[row.tier]!
    const engine = yield* startOver({
      ...defaults,
      capacity,
      ...tier.options,
      refresh: { ...defaults.refresh, timeoutMillis: 1000 },
      store: store && { store, serializer }
    })
    if (tier.quotas !== undefined) Quotas.enforce(engine, tier.quotas)
    const next = operations({ ...row, keys: keysOf(row), seed: 1 })
    const turns = watchTurns()
    const heap = { first: 0, second: 0 }
    const sizes = new Map<string, { first: number; second: number }>()
    const state = { begun: 0, done: 0, working: readers, problem: undefined as string | undefined }

    const reader = Effect.gen(function*() {
      while (state.begun < row.operations && state.problem === undefined) {
        state.begun++
        yield* next()
        state.done++
        yield* Effect.yieldNow
      }
      state.working--
    })

    const sample = (half: keyof Halves): void => {
      globalThis.gc!()
      heap[half] = Math.max(heap[half], process.memoryUsage().heapUsed / 2 ** 20)
      for (const [path, size] of sizesOf(engine)) {
        const known = sizes.get(path) ?? { first: 0, second: 0 }
        sizes.set(path, known)
        known[half] = Math.max(known[half], size)
        // It grows without bound, and would take all memory and time.
        if (size > 4 * largest && path !== "(objects)") state.problem ??= `${path} grows`
      }
      turns.skip()
    }

    const time = Effect.gen(function*() {
      // Before the first sample all is filled that was empty.
      let [nextSample, lastDone, idle] = [row.samples, 0, 0]
      while (state.working > 0 && state.problem === undefined) {
        clock.advance(1)
        yield* Effect.yieldNow
        const { done } = state
        idle = done === lastDone ? idle + 1 : 0
        lastDone = done
        if (idle > stuckAfter) state.problem = `${state.working} readers are stuck`
        if (done < nextSample * row.operations) continue
        sample(nextSample <= 0.5 ? "first" : "second")
        nextSample += row.samples
      }
    })

    yield* Effect.gen(function*() {
      const fibers = yield* Effect.all(Array.from({ length: readers }, () => Effect.forkChild(reader)))
      yield* time
      // Waits for loads that hang.
      ticking = setInterval(() => clock.advance(1000), 0)
      yield* Fiber.interruptAll(fibers)
    }).pipe(Effect.provideService(Caching.Caching, over(engine)))
    turns.end()
    return { ...state, heap, sizes: Array.from(sizes), longestTurn: turns.longest() }
  })
  return Effect.runPromise(
    Effect.scoped(program).pipe(
      Effect.provideService(Clock.Clock, clock),
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  ).finally(() => clearInterval(ticking))
}
