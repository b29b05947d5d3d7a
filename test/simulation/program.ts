/** A random program against one cache: workers that read, write, invalidate, and interrupt each other's reads. */
import { Cause, Effect, Exit, Fiber, Option } from "effect"
import { Cached, CachePolicy, Strategy } from "effect-cached"
import type { Caching } from "effect-cached/Caching"
import { type Flight, Within } from "../../src/internal/engine/flight.ts"
import { Bug, type Config, Down, type Load, type Read, type Spec, type Value } from "./model.ts"
import { type Dice, drawLoad, drawSpec, plainSpec } from "./plan.ts"
import * as State from "./state.ts"
import * as Time from "./timeRules.ts"
import * as World from "./world.ts"

export interface Simulation {
  readonly config: Config
  readonly world: State.World
  /** draws the program */
  readonly dice: Dice
  /** calls after which the layer closes */
  readonly close: Effect.Effect<void>
  /** readers that wait for the interruption of a load */
  readonly bells: Array<() => void>
  /** another process removes something from the store */
  readonly drop: (id: string) => Effect.Effect<void>
  /** from here on nothing goes wrong with the store */
  readonly heal: Effect.Effect<void>
}

// ---------------------------------------------------------------------------------------------------------------------
// loads
// ---------------------------------------------------------------------------------------------------------------------

const load = (self: Simulation, spec: Spec): Effect.Effect<Value, Down, Caching> =>
  Effect.withFiber((fiber) => {
    const within = fiber.getRef(Within)
    const record = World.beginLoad(self.world, spec, spec.policy === "bypass" ? undefined : within)
    return Effect.onExit(
      body(self, record, within),
      (exit) => Effect.sync(() => World.endLoad(self.world, record, exit))
    )
  })

const body = (self: Simulation, record: Load, within: Flight | undefined): Effect.Effect<Value, Down, Caching> => {
  const plan = drawLoad(self.dice, self.config, record.id, self.world.resting ? Infinity : within?.depth ?? 0)
  const steps = Effect.gen(function*() {
    for (let i = 0; i < plan.yields; i++) yield* Effect.yieldNow
    if (plan.sleep > 0) yield* Effect.sleep(plan.sleep)
    if (plan.needs !== undefined) {
      const spec = drawSpec(self.dice, plan.needs)
      // under `bypass` a load runs in its reader, under the reader's policy
      const policy = record.flight === undefined ? "bypass" : spec.policy
      const exit = yield* Effect.exit(read(self, { ...spec, policy }, { over: true }))
      if (Exit.isFailure(exit) && !Cause.hasFails(exit.cause)) {
        if (Cause.hasInterrupts(exit.cause)) State.interruptedItself.add(record)
        return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
      }
    }
    if (record.spec.late === "yes") record.tags = self.dice.chance(0.5) ? record.spec.tags : ["U"]
    switch (plan.end) {
      case "succeed":
        return { id: record.id, n: record.n }
      case "fail":
        return yield* Effect.fail(new Down(record.id, record.n))
      case "die":
        return yield* Effect.die(new Bug(record.id, record.n))
      case "both":
        return yield* Effect.failCause(
          Cause.combine(Cause.fail(new Down(record.id, record.n)), Cause.die(new Bug(record.id, record.n)))
        )
      case "interrupt":
        State.interruptedItself.add(record)
        return yield* Effect.interrupt
    }
  })
  const finalized = plan.finalizer === "none"
    ? steps
    : Effect.onInterrupt(steps, () => finalizers[plan.finalizer](self))
  if (plan.uninterruptible) State.uninterruptible.add(record)
  return plan.uninterruptible ? Effect.uninterruptible(finalized) : finalized
}

const finalizers = {
  none: () => Effect.void,
  yields: () => Effect.yieldNow,
  sleeps: () => Effect.sleep(5),
  // who waits for it goes on in this very step
  rings: (self: Simulation) =>
    Effect.sync(() => {
      for (const ring of self.bells.splice(0)) ring()
    })
}

/** until a load is interrupted, or for a while */
const bell = (self: Simulation) =>
  Effect.raceFirst(Effect.callback<void>((resume) => void self.bells.push(() => resume(Effect.void))), Effect.sleep(20))

// ---------------------------------------------------------------------------------------------------------------------
// reads
// ---------------------------------------------------------------------------------------------------------------------

const tagsOf = (self: Simulation, spec: Spec) => {
  if (spec.late === "no") return spec.tags
  return (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> => {
    if (spec.late === "throws") throw new Error("tags")
    return self.world.origins.get(originOf(exit))!.tags
  }
}

const originOf = (exit: Exit.Exit<unknown, unknown>): number =>
  (Exit.isSuccess(exit) ? exit.value as Value : Cause.squash(exit.cause) as Down).n

const ttlOf = (self: Simulation, spec: Spec) => {
  if (spec.ttlFunction === "none") return spec.ttl
  return (exit: Exit.Exit<unknown, unknown>): number => {
    if (spec.ttlFunction === "throws") throw new Error("ttl")
    if (spec.ttlFunction === "NaN") return NaN
    return State.ttlOf(self.world.origins.get(originOf(exit)) as Load)
  }
}

const request = (self: Simulation, spec: Spec): Effect.Effect<Value, unknown, Caching> => {
  const effect = load(self, spec)
  const { jitter, retryAfter, softTimeout, timeout } = spec
  const base = { key: spec.id, tags: tagsOf(self, spec), timeout, retryAfter }
  const when = spec.failuresToo ? () => true : undefined
  const timed = { ttl: ttlOf(self, spec), when, jitter }
  if (spec.viaStrategy) {
    const strategy = {
      ttl: () => Strategy.ttl(timed),
      softTtl: () => Strategy.softTtl({ ...timed, softTtl: spec.soft }),
      refreshAhead: () => Strategy.refreshAhead({ ...timed, refreshAfter: spec.soft }),
      probabilistic: () => Strategy.probabilistic({ ...timed, beta: 5 }),
      failover: () => Strategy.failover(timed),
      untilInvalidated: () => ({
        ...Strategy.untilInvalidated,
        lifetime: Strategy.ttl({ ttl: Infinity, when }).lifetime
      })
    }[spec.kind]()
    return Cached.withStrategy(effect, { ...base, softTimeout, strategy: strategy as Strategy.Strategy })
  }
  switch (spec.kind) {
    case "ttl":
      return Cached.ttl(effect, { ...base, ...timed })
    case "softTtl":
      return Cached.softTtl(effect, { ...base, ...timed, softTimeout, softTtl: spec.soft })
    case "refreshAhead":
      return Cached.refreshAhead(effect, { ...base, ...timed, refreshAfter: spec.soft })
    case "probabilistic":
      return Cached.probabilistic(effect, { ...base, ...timed, beta: 5 })
    case "failover":
      return Cached.failover(effect, { ...base, ...timed, softTimeout })
    case "untilInvalidated":
      return Cached.untilInvalidated(effect, { ...base, when })
  }
}

const underPolicy = (
  spec: Spec,
  effect: Effect.Effect<Value, unknown, Caching>
): Effect.Effect<Value, unknown, Caching> => {
  switch (spec.policy) {
    case "normal":
      return effect
    case "strict":
      return CachePolicy.strict(effect)
    case "refresh":
      return CachePolicy.refresh(effect)
    case "readOnly":
      return CachePolicy.readOnly(effect)
    case "writeOnly":
      return CachePolicy.writeOnly(effect)
    case "bypass":
      return CachePolicy.bypass(effect)
  }
}

/** the fiber itself was interrupted, as opposed to: it was answered with an interruption */
const isInterrupted = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  (fiber as unknown as { readonly _interruptedCause: unknown })._interruptedCause !== undefined

/** a read, watched from its beginning to its end */
const read = (
  self: Simulation,
  spec: Spec,
  patience?: { over: boolean }
): Effect.Effect<Value, unknown, Caching> =>
  Effect.suspend(() => {
    let record: Read | undefined
    const watched = Effect.suspend(() => {
      record = World.beginRead(self.world, spec.id, spec, patience)
      const asked = request(self, spec)
      self.world.readers.set(asked, record)
      return underPolicy(spec, asked)
    })
    // an interruption may come before the first step
    return Effect.onExit(watched, (exit) =>
      Effect.withFiber((fiber) => {
        if (record !== undefined) World.endRead(self.world, record, exit, isInterrupted(fiber))
        return Effect.void
      }))
  })

/** a reader that comes back */
const readOften = (self: Simulation, spec: Spec) =>
  Effect.gen(function*() {
    for (let i = 2 + self.dice.below(2); i > 0; i--) {
      yield* Effect.exit(read(self, spec))
      if (self.dice.chance(0.5)) yield* Effect.sleep(self.dice.below(20))
    }
  })

/** a reader that loses interest */
const readAndLeave = (self: Simulation, spec: Spec) =>
  Effect.gen(function*() {
    const patience = { over: false }
    const fiber = yield* Effect.forkChild(read(self, spec, patience))
    for (let i = self.dice.below(6); i > 0; i--) yield* Effect.yieldNow
    if (self.dice.chance(0.4)) yield* Effect.sleep(self.dice.below(15))
    patience.over = true
    self.world.say(() => `leave ${spec.id}`)
    yield* Fiber.interrupt(fiber)
  })

const lookup = (self: Simulation, id: string) =>
  Effect.suspend(() => {
    let record: Read | undefined
    const watched = Effect.suspend(() => {
      record = World.beginRead(self.world, id, undefined, undefined)
      return Cached.getOption(id)
    })
    return Effect.map(watched, (found) => {
      World.endLookup(self.world, record!, Option.getOrUndefined(found) as Value | undefined)
    })
  })

// ---------------------------------------------------------------------------------------------------------------------
// writes
// ---------------------------------------------------------------------------------------------------------------------

const timed = <A, E, R>(self: Simulation, what: string, budgets: number, effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const begunAt = self.world.now()
    return Effect.tap(effect, () =>
      Effect.sync(() => {
        const { store, storeTimeout } = self.config
        const budget = store === "none" || store === "sync" ? 0 : budgets * storeTimeout
        const millis = self.world.now() - begunAt
        if (millis > budget) State.violate(self.world, `P4: ${what} took ${millis} ms, with a budget of ${budget}`)
      }))
  })

const invalidate = (
  self: Simulation,
  kind: "id" | "tag" | "all",
  target: string,
  effect: Effect.Effect<unknown, never, Caching>
) =>
  Effect.suspend(() => {
    const write = World.beginWrite(self.world, kind, target)
    return Effect.tap(timed(self, `invalidating ${kind} ${target}`, 1, effect), () =>
      Effect.sync(() => World.endWrite(self.world, write)))
  })

const invalidateTag = (self: Simulation) => {
  const tag = self.dice.pick(["T", "U"])
  return invalidate(self, "tag", tag, Cached.invalidateTag(tag))
}

const set = (self: Simulation, id: string) =>
  Effect.suspend(() => {
    const ttl = self.dice.pick([10, 50, Infinity])
    const tags = self.dice.pick([[], ["T"], ["U"]])
    const origin = World.beginSetOrigin(self.world, id, ttl, tags)
    return Effect.tap(
      timed(self, `set ${id}`, 2, Cached.set(id, { id, n: origin.n }, { ttl, tags })),
      () => Effect.sync(() => World.endWrite(self.world, origin.write))
    )
  })

/** a write that is interrupted may have happened or not */
const orLeave = (self: Simulation, effect: Effect.Effect<unknown, never, Caching>) =>
  self.dice.chance(0.85) ? effect : Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    for (let i = self.dice.below(4); i > 0; i--) yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
  })

// ---------------------------------------------------------------------------------------------------------------------
// programs
// ---------------------------------------------------------------------------------------------------------------------

/** readers beside each other and beside an invalidation, and one after them */
const beside = (self: Simulation, id: string) =>
  Effect.gen(function*() {
    const one = drawSpec(self.dice, id)
    const other = drawSpec(self.dice, id)
    yield* Effect.exit(read(self, one))
    // where memory is small it has the others now
    for (const third of self.config.ids) if (third !== id) yield* Effect.exit(read(self, drawSpec(self.dice, third)))
    const readers = [one, other, one].map((spec) =>
      Effect.exit(Effect.andThen(Effect.sleep(self.dice.below(3)), read(self, spec)))
    )
    const write = self.dice.chance(0.6) ? invalidateTag(self) : invalidate(self, "id", id, Cached.invalidate(id))
    const rest = [...self.dice.chance(0.8) ? [write] : [], ...self.dice.chance(0.7) ? [lookup(self, id)] : []]
    yield* Effect.all([...readers, ...rest], { concurrency: "unbounded" })
    yield* read(self, one)
  })

const step = (self: Simulation): Effect.Effect<unknown, unknown, Caching> => {
  const { config, dice } = self
  const id = dice.pick(config.ids)
  const die = dice.below(100)
  if (die < 28) return read(self, drawSpec(dice, id))
  if (die < 38) return readOften(self, drawSpec(dice, id))
  if (die < 50) return readAndLeave(self, drawSpec(dice, id))
  if (die < 58) {
    return orLeave(self, invalidate(self, "id", id, dice.chance(0.5) ? Cached.invalidate(id) : Cached.remove(id)))
  }
  if (die < 70) return orLeave(self, invalidateTag(self))
  if (die < 76) return orLeave(self, set(self, id))
  if (die < 78) return orLeave(self, invalidate(self, "all", "", Cached.clear))
  if (die < 87) return lookup(self, id)
  if (die < 90) return Effect.andThen(bell(self), read(self, drawSpec(dice, id)))
  if (die < 92) return self.drop(id)
  if (die < 97) return beside(self, id)
  return Effect.sleep(dice.below(30))
}

const worker = (self: Simulation) =>
  Effect.gen(function*() {
    for (let i = 0; i < self.config.steps; i++) yield* Effect.exit(step(self))
  })

const closing = (self: Simulation) =>
  self.config.closesAt === undefined ? Effect.void : Effect.andThen(Effect.sleep(self.config.closesAt), self.close)

/** every worker to its end, and what they left behind */
export const program = (self: Simulation) =>
  Effect.gen(function*() {
    const fibers = yield* Effect.forEach(Array.from({ length: self.config.workers }), () =>
      Effect.forkChild(worker(self)))
    fibers.push(yield* Effect.forkChild(closing(self)))
    for (const fiber of fibers) {
      yield* Fiber.await(fiber)
    }
    yield* Effect.sleep(0)
    Time.checkTimers(self.world)
    yield* self.heal
    // whatever runs on unattended ends, and what the store has missed is told it
    yield* Effect.sleep(300_000)
    // this fiber may have been resumed in the middle of a landing
    yield* Effect.sleep(1)
    World.checkFlights(self.world)
  })

/** loads that need each other, as deep as that: neither starting nor ending nor leaving may need so much stack */
const deep = (depth: number): Effect.Effect<number, never, Caching> =>
  Effect.suspend(() => depth === 0 ? Effect.yieldNow.pipe(Effect.as(0)) : Effect.map(deep(depth - 1), (n) => n + 1))
    .pipe(
      Cached.ttl({ key: `deep ${depth}`, ttl: 1000 })
    )

/** after all of it the cache still works: one load for an id, then none */
export const epilogue = (self: Simulation) =>
  Effect.gen(function*() {
    self.world.resting = true
    for (const id of self.config.ids) {
      const before = self.world.loads.length
      yield* invalidate(self, "id", id, Cached.invalidate(id))
      yield* Effect.exit(read(self, plainSpec(id)))
      const loads = self.world.loads.filter((load, i) => i >= before && load.id === id)
      if (loads.length !== 1) State.violate(self.world, `P1: ${loads.length} loads of ${id} at rest`)
    }
    if (self.config.deep === 0) return
    const sum = yield* Effect.exit(deep(self.config.deep))
    if (Exit.isFailure(sum) || sum.value !== self.config.deep) {
      State.violate(self.world, `P7: ${self.config.deep} loads that need each other gave ${String(sum)}`)
    }
  })
