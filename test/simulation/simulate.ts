/** One seed: one configuration, one program, one schedule. */
import { Context, Effect, Exit, Layer, type Logger, References, Schedule, Scope } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { Serializer, Store, type Weigher } from "effect-cached/adapters"
import { policies as builtIn } from "../../src/internal/eviction/policies.ts"
import { dice as diceFrom } from "../../src/testing/internal/dice.ts"
import * as SeededScheduler from "../../src/testing/SeededScheduler.ts"
import { decide, type Tallies } from "./decide.ts"
import { countingTurns } from "./explained.ts"
import { drawExtras, type Extras, type Feature, waveSizeOf } from "./features.ts"
import { listen } from "./listeners.ts"
import { watchRestarts } from "./loadRules.ts"
import { wrongEviction } from "./misuse.ts"
import type { Config, Read } from "./model.ts"
import { defaults, type Dice, diceOf, drawConfig, withExtras } from "./plan.ts"
import * as Program from "./program.ts"
import { several } from "./several.ts"
import { withShortTurns, withShortWaves, withStubs } from "./shortTurns.ts"
import * as State from "./state.ts"
import * as Stores from "./stores.ts"
import { transacts } from "./transacts.ts"
import * as World from "./world.ts"

export interface Options {
  readonly seed: number
  readonly store?: Config["store"] | undefined
  /** Features of the program, whatever the seed draws. */
  readonly with?: ReadonlyArray<Feature> | undefined
  /** The events, line by line. */
  readonly log?: Array<string> | undefined
}

export interface Result {
  readonly violations: ReadonlyArray<string>
  readonly loads: number
  readonly reads: number
  readonly restarts: number
  /** How many reads were compared with an explanation, by what it had said. */
  readonly explained: ReadonlyMap<string, number>
  readonly config: Config
  readonly tallies: Tallies
}

const makeStore = { sync: Stores.synchronous, async: Stores.asynchronous, derived: Stores.derived }

const layerOf = (
  environment: Parameters<typeof layerWithin>[0],
  simulated: Stores.Simulated | undefined
) => {
  const { quota } = environment.config
  const layer = layerWithin(environment, simulated)
  const most = environment.config.features.includes("weights") ? unit : 1
  return quota === undefined ? layer : layer.pipe(CacheLayer.withQuotas({ Thing: most * quota }))
}

const layerWithin = (
  environment: Stores.Environment & { readonly world: State.World; readonly extras: Extras },
  simulated: Stores.Simulated | undefined
) => {
  const { config } = environment
  const { diceOf, features } = environment.extras
  const { adaptive, fifo, leastRecentlyUpdated, lru, s3Fifo, wTinyLfu } = builtIn
  const eviction = features.has("policies")
    ? diceOf("policies").pick([adaptive, adaptive, fifo, leastRecentlyUpdated, s3Fifo, wTinyLfu])
    : lru
  const options = {
    ...features.has("weights")
      ? { maxWeight: maxWeightOf(config), weigher: weigherOf(diceOf("weights")) }
      : { capacity: config.capacity },
    eviction: features.has("eviction") ? wrongEviction(environment, eviction) : eviction,
    shutdownTimeout: config.shutdown,
    maxLoad: config.maxLoad,
    ...config.features.includes("defaults") ? { defaults } : {},
    refresh: {
      concurrency: config.refreshConcurrency,
      timeout: config.refreshTimeout,
      retry: Schedule.spaced(3).pipe(Schedule.upTo({ times: config.retries }))
    }
  }
  if (simulated === undefined) return CacheLayer.memory(options)
  return CacheLayer.layer({
    ...options,
    ...config.limits,
    memory: config.memory,
    storeTimeout: config.storeTimeout
  }).pipe(
    Layer.provide(Layer.succeed(Store.Store, simulated.store)),
    Layer.provide(Layer.succeed(Serializer.Serializer, Stores.serializer(environment)))
  )
}

/** No entry weighs less than a unit, or more than two. */
const unit = 4

const maxWeightOf = ({ capacity }: Config): number => unit * capacity

/** The weight of an id changes from write to write. */
const weigherOf = (dice: Dice): Weigher.Weigher => () => unit + dice.below(unit + 1)

const checkStats = (world: State.World) =>
  Effect.gen(function*() {
    const stats = yield* Cached.stats
    const { config, counts } = world
    const counted = (isRight: boolean, text: () => string) =>
      decide(world, "statistics count what happens", isRight, text)
    const bounded = (isBounded: boolean, text: () => string) => decide(world, "memory is bounded", isBounded, text)
    // A call that counts its keys in turns does not count those that a reader has just left.
    const mayCount = ({ hasLeft, many }: Read): boolean => !many || !hasLeft || !config.features.includes("turns")
    const counting = world.loads.flatMap(({ by, isShared }) => isShared && by !== undefined && mayCount(by) ? by : [])
    const loads = new Set(counting).size
    // A load may be interrupted before its first step.
    const most = stats.misses + stats.refreshes + stats.restarts
    counted(stats.loads >= loads && stats.loads <= most, () => `${stats.loads} loads for ${most} misses, ${loads} seen`)
    bounded(stats.size <= config.capacity && (config.memory || stats.size === 0), () => `${stats.size} entries`)
    const { deep, features, quota = Infinity } = config
    const hasWeights = features.includes("weights")
    // All entries are of one class, but for those of strings at the end.
    const ofClass = hasWeights ? stats.weight / unit : stats.size
    if (deep === 0 && quota < Infinity) {
      bounded(ofClass <= quota, () => `${ofClass} of a class, with a quota of ${quota}`)
    }
    if (hasWeights) bounded(stats.weight <= maxWeightOf(config), () => `entries weigh ${stats.weight}`)
    // A result that is not stored because of its sources is not counted there.
    const least = features.includes("derives") ? 0 : counts.notStored
    const isCounted = stats.notStored >= least && stats.notStored <= counts.notStored + counts.uncopied
    counted(isCounted, () => `${stats.notStored} results not stored, and ${counts.notStored} functions threw`)
    // A look into the store may be joined, and need not miss. A read that dies of its own `decide` counts no further.
    const waited = stats.misses + stats.storeHits + stats.stale + counts.refused
    counted(stats.joined <= waited, () => `${stats.joined} joined of ${waited} that waited`)
    if (config.store !== "none" || deep > 0 || features.includes("transacts")) return
    const reads = counts.reads - counts.bypassed
    const answered = stats.hits + stats.misses
    // A reader that met a result it must not see asks again, and counts again. A key of many whose `decide` throws is
    // not counted, and is not seen where the read fails as a whole.
    const again = world.asksTwice || world.writes.some((write) => write.kind === "tag") ||
      // A result that its own load has given a short life may have ended when the load does, and one that derives from
      // others may be older than a reader that has joined.
      world.loads.some(({ spec }) => spec.annotates?.ttl !== undefined || spec.inherit === "changes")
    const isEnough = features.includes("decide") ||
      answered + stats.stale >= reads - counts.interrupted - counts.refused
    counted(isEnough && (again || answered <= reads), () => `${answered} hits and misses of ${reads} reads`)
  })

interface Playing {
  readonly schedule: SeededScheduler.SeededScheduler
  readonly dice: Dice
  readonly extras: Extras
}

const scenario = (world: State.World, { dice, extras, schedule }: Playing) =>
  Effect.gen(function*() {
    const { config, say } = world
    const scope = yield* Scope.make()
    const noteStored = (n: number) => void world.stored.set(n, world.turn)
    const noteInvalidated = () => void (world.tagsInvalidated = world.seq)
    const environment = {
      ...{ config, schedule, dice, extras, healthy: false, say, world },
      ...{ noteStored, noteInvalidated }
    }
    const simulated = config.store === "none" ? undefined : makeStore[config.store](environment)
    const context = yield* Layer.buildWithScope(layerOf(environment, simulated), scope)
    const drop = (id: string) =>
      Effect.sync(() => {
        if (simulated === undefined) return
        World.foreignDrop(world, id)
        simulated.drop(Program.storedId(config, id))
      })
    const close = Effect.gen(function*() {
      if (world.closeAskedAt !== undefined) return
      const askedAt = schedule.now()
      world.closeAskedAt = askedAt
      world.say(() => "close")
      yield* Scope.close(scope, Exit.void)
      yield* Effect.sleep(0)
      const closedAt = schedule.now()
      world.closedAt = closedAt
      world.say(() => "closed")
      const took = closedAt - askedAt
      const allowed = config.shutdown + 100 * config.storeTimeout
      decide(world, "a cache closes in time", took <= allowed, () => `it took ${took} ms`)
    })
    const heal = Effect.sync(() => {
      environment.healthy = true
    })
    const caching = Context.get(context, Caching.Caching)
    const self: Program.Simulation = {
      config,
      world,
      dice,
      extras,
      close,
      heal,
      drop,
      timers: schedule.timers,
      bells: [],
      others: [several, transacts]
    }
    Program.prepare(self)
    watchRestarts(world, caching)
    listen(self, caching, Context.mergeAll(schedule.context, quiet, context))
    yield* Effect.provideContext(Program.program(self), context)
    const leavesNothing = schedule.fibers() === 1 && schedule.timers() === 0
    const left = () => `${schedule.fibers() - 1} fibers and ${schedule.timers()} timers are left`
    decide(world, "nothing is left running", leavesNothing, left)
    if (world.closedAt === undefined) yield* Effect.provideContext(Program.epilogue(self), context)
    yield* close
    // A load that cannot be interrupted outlives the layer.
    yield* Effect.sleep(300_000)
    yield* Effect.sleep(1)
    yield* Effect.provideContext(checkStats(world), context)
    World.checkEnded(world)
    decide(world, "nothing is left running", schedule.fibers() === 1, left)
  })

const quiet = Context.make(References.CurrentLoggers, new Set<Logger.Logger<unknown, unknown>>())

export const simulate = (options: Options): Result => {
  const dice = diceOf(diceFrom(options.seed * 2 + 1).nextDoubleUnsafe)
  const extras = drawExtras(options.seed, options.with)
  const config = withExtras(drawConfig(dice, { store: options.store }), extras)
  const drawn = SeededScheduler.make({ seed: options.seed * 2, yieldChance: config.yieldChance })
  const world = State.makeWorld(config, { now: drawn.now, log: options.log, tallies: new Map() })
  const schedule = countingTurns(world, drawn)
  world.say(() => JSON.stringify(config))
  const runToEnd = () => {
    try {
      const fiber = Effect.runForkWith(Context.merge(schedule.context, quiet))(
        scenario(world, { schedule, dice, extras })
      )
      return { settled: schedule.settle(), exit: fiber.pollUnsafe(), crash: undefined }
    } catch (crash) {
      return { settled: false, exit: undefined, crash }
    }
  }
  const { crash, exit, settled } = withShortTurns(
    extras.features.has("turns"),
    () => withStubs(extras.features.has("stubs"), () => withShortWaves(waveSizeOf(extras), runToEnd))
  )
  const ends = "a program ends"
  if (exit === undefined && crash === undefined) World.checkEnded(world)
  decide(world, ends, crash === undefined && exit !== undefined && Exit.isSuccess(exit), () =>
    crash !== undefined
      ? `crash: ${String(crash)}`
      : exit !== undefined
      ? `the simulation itself failed: ${String(exit)}`
      : settled
      ? "nothing runs, and it has not ended"
      : "it runs for ever")
  if (exit !== undefined) decide(world, "nothing is left running", schedule.fibers() === 0, () => "at the end")
  const { counts, explained, loads, violations } = world
  return {
    violations,
    loads: loads.length,
    reads: counts.reads,
    restarts: counts.restarts,
    explained,
    config,
    tallies: world.tallies
  }
}
