/** One seed: one configuration, one program, one schedule. */
import { Context, Effect, Exit, Layer, type Logger, References, Schedule, Scope } from "effect"
import { Cached, CacheLayer, Caching, Eviction, Serializer, Store, type Weigher } from "effect-cached"
import * as SeededScheduler from "../../src/testing/SeededScheduler.ts"
import { countingTurns } from "./explained.ts"
import { drawExtras, type Extras, type Feature, waveSizeOf } from "./features.ts"
import { listen } from "./listeners.ts"
import { wrongEviction } from "./misuse.ts"
import type { Config } from "./model.ts"
import { defaults, type Dice, diceOf, drawConfig, withExtras } from "./plan.ts"
import * as Program from "./program.ts"
import { watchRestarts } from "./restartRules.ts"
import { several } from "./several.ts"
import { withShortTurns, withShortWaves, withTickets } from "./shortTurns.ts"
import * as State from "./state.ts"
import * as Stores from "./stores.ts"
import * as Time from "./timeRules.ts"
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
  const { adaptive, fifo, leastRecentlyUpdated, lru, s3Fifo, wTinyLfu } = Eviction
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
  return CacheLayer.layerWith({
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
    const flights = new Set(world.loads.flatMap((load) => load.flight ?? []))
    const { config, counts } = world
    // A load may be interrupted before its first step.
    if (stats.loads < flights.size || stats.loads > stats.misses + stats.refreshes + stats.restarts) {
      State.violate(world, `stats: ${stats.loads} loads for ${stats.misses} misses, ${flights.size} seen`)
    }
    if (stats.size > config.capacity || (!config.memory && stats.size > 0)) {
      State.violate(world, `P7: ${stats.size} entries`)
    }
    // All entries are of one class, but for those of strings at the end.
    const { deep, features, quota = Infinity } = config
    const most = features.includes("weights") ? stats.weight / unit : stats.size
    if (deep === 0 && most > quota) State.violate(world, `P7: ${most} entries of a class, with a quota of ${quota}`)
    if (features.includes("weights") && stats.weight > maxWeightOf(config)) {
      State.violate(world, `P7: entries weigh ${stats.weight}`)
    }
    const reads = counts.reads - counts.bypassed
    const answered = stats.hits + stats.misses
    // A reader that met a result it must not see asks again, and counts again. A key of many whose `decide` throws is
    // not counted, and is not seen where the read fails as a whole.
    const mayHide = config.features.includes("decide")
    const again = world.asksTwice || world.writes.some((write) => write.kind === "tag") ||
      // A result that its own load has given a short life may have ended when the load does, and one that derives from
      // others may be older than a reader that has joined.
      world.loads.some(({ spec }) => spec.annotates?.ttl !== undefined || spec.inherit === "changes")
    if (
      config.store === "none" && config.deep === 0 && !config.features.includes("transacts") &&
      ((!again && answered > reads) ||
        (!mayHide && answered + stats.stale < reads - counts.interrupted - counts.refused))
    ) {
      State.violate(
        world,
        `stats: ${stats.hits} hits, ${stats.misses} misses and ${stats.stale} stale of ${reads} reads`
      )
    }
    // A result that is not stored because of its sources is not counted there.
    const mayBeRefused = config.features.includes("derives")
    if ((!mayBeRefused && stats.notStored < counts.notStored) || stats.notStored > counts.notStored + counts.uncopied) {
      State.violate(world, `stats: ${stats.notStored} results not stored, and ${counts.notStored} functions threw`)
    }
    // A look into the store may be joined, and need not miss. A read that dies of its own `decide` counts no further.
    const waited = stats.misses + stats.storeHits + stats.stale + counts.refused
    if (stats.joined > waited) State.violate(world, `stats: ${stats.joined} joined of ${waited} that waited`)
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
    const noteStored = (writeId: string) => void world.stored.set(writeId, world.turn)
    const environment = { config, schedule, dice, extras, healthy: false, noteStored, say, world }
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
      Time.noteTimers(world)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.sleep(0)
      yield* Time.checkTimers(world)
      const closedAt = schedule.now()
      world.closedAt = closedAt
      world.say(() => "closed")
      const took = closedAt - askedAt
      const allowed = config.shutdown + 100 * config.storeTimeout
      if (took > allowed) State.violate(world, `P7: closing took ${took} ms`)
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
      bells: [],
      others: [several, transacts]
    }
    Program.prepare(self)
    watchRestarts(self, caching)
    listen(self, caching, Context.mergeAll(schedule.context, quiet, context))
    yield* Effect.provideContext(Program.program(self), context)
    if (schedule.fibers() !== 1) State.violate(world, `P7: ${schedule.fibers() - 1} fibers left`)
    if (schedule.timers() !== 0) State.violate(world, `P7: ${schedule.timers()} timers left`)
    if (world.closedAt === undefined) yield* Effect.provideContext(Program.epilogue(self), context)
    yield* close
    // A load that cannot be interrupted outlives the layer.
    yield* Effect.sleep(300_000)
    yield* Effect.sleep(1)
    yield* Effect.provideContext(checkStats(world), context)
    World.checkFlights(world)
    if (schedule.fibers() !== 1) State.violate(world, `P7: ${schedule.fibers() - 1} fibers left after close`)
  })

const quiet = Context.make(References.CurrentLoggers, new Set<Logger.Logger<unknown, unknown>>())

export const simulate = (options: Options): Result => {
  const dice = diceOf(SeededScheduler.dice(options.seed * 2 + 1).nextDoubleUnsafe)
  const extras = drawExtras(options.seed, options.with)
  const config = withExtras(drawConfig(dice, { store: options.store }), extras)
  const drawn = SeededScheduler.make({ seed: options.seed * 2, yieldChance: config.yieldChance })
  const world = State.makeWorld(config, drawn.now, options.log)
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
    () => withTickets(extras.features.has("tickets"), () => withShortWaves(waveSizeOf(extras), runToEnd))
  )
  if (crash !== undefined) {
    State.violate(world, `crash: ${String(crash)}`)
  } else if (exit === undefined) {
    World.checkFlights(world)
    State.violate(world, settled ? "hang: nothing runs, and the program has not ended" : "hang: it runs for ever")
  } else if (Exit.isFailure(exit)) {
    State.violate(world, `the simulation itself failed: ${String(exit.cause)}`)
  } else if (schedule.fibers() !== 0) {
    State.violate(world, `P7: ${schedule.fibers()} fibers left at the end`)
  }
  const { counts, explained, loads, violations } = world
  return { violations, loads: loads.length, reads: counts.reads, restarts: counts.restarts, explained, config }
}
