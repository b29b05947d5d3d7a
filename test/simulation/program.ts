/** A random program against one cache: workers that read, write, invalidate, and interrupt each other's reads. */
import { Cause, Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { Cached, type CacheError, CacheKey, CachePolicy, Guard, type Strategy } from "effect-cached"
import type { Caching } from "effect-cached/Caching"
import type { SetCondition } from "../../src/cached/byHand.ts"
import { clocks } from "../../src/internal/defaults/processes.ts"
import { made } from "../support/strategies.ts"
import { decide } from "./decide.ts"
import { explained } from "./explained.ts"
import type { Extras } from "./features.ts"
import { drawMisuse, needsStrategy, throwAboutResult, throwFor, wrongOptions, wrongStrategy } from "./misuse.ts"
import {
  Bug,
  type Config,
  Down,
  type Interruption,
  type Load,
  policies,
  type Read,
  type Spec,
  streamId,
  type Value
} from "./model.ts"
import { isKeptOut } from "./originRules.ts"
import { defaults, type Dice, drawAbandoned, drawHanging, drawLoad, drawMany, drawSpec, plainSpec } from "./plan.ts"
import * as State from "./state.ts"
import { timed } from "./timeRules.ts"
import * as World from "./world.ts"

export interface Simulation {
  readonly config: Config
  readonly world: State.World
  /** Draws the program. */
  readonly dice: Dice
  /** Optional features of the program. */
  readonly extras: Extras
  /** Calls after which the layer closes. */
  readonly close: Effect.Effect<void>
  /** Readers that wait for the interruption of a load. */
  readonly bells: Array<() => void>
  /** Another process removes something from the store. */
  readonly drop: (id: string) => Effect.Effect<void>
  /** From here on nothing goes wrong with the store. */
  readonly heal: Effect.Effect<void>
  /** How many timers wait. */
  readonly timers: () => number
  /** Further steps, which are not part of this file. */
  readonly others: ReadonlyArray<(self: Simulation) => Effect.Effect<unknown, unknown, Caching> | undefined>
}

// ---------------------------------------------------------------------------------------------------------------------
// keys
// ---------------------------------------------------------------------------------------------------------------------

const options = {
  payload: { id: Schema.String },
  success: Schema.Struct({ id: Schema.String, n: Schema.Number }),
  indexes: [["id"]]
} as const

class Thing extends CacheKey.Class<Thing>()("Thing", options) {}

/** The same keys, with tags that throw: in the simulation that runs. */
class Touchy extends CacheKey.Class<Touchy>()("Thing", { ...options, tags: () => whenTagsAreAsked() }) {}
let whenTagsAreAsked = (): ReadonlyArray<string> => []

/** Before a program runs: no other runs beside it. */
export const prepare = (self: Pick<Simulation, "extras" | "world">): void => {
  whenTagsAreAsked = () =>
    !self.world.resting && self.extras.dice.chance(0.05) ? throwFor(self, "classTags", undefined) : []
}

const classOf = ({ features }: Config): typeof Thing => features.includes("classTags") ? Touchy : Thing

export const keyOf = ({ config }: Pick<Simulation, "config">, id: string): CacheKey.Any | string =>
  config.classed ? new (classOf(config))({ id }) : id

/** Under which the store has it. */
export const storedId = (config: Config, id: string): string => CacheKey.id(keyOf({ config }, id))

// ---------------------------------------------------------------------------------------------------------------------
// calls
// ---------------------------------------------------------------------------------------------------------------------

/** A storage of three functions, or one that keeps the markers of tags among its entries, has none of ids. */
const keepsDependencies = ({ features, store }: Config): boolean =>
  store !== "derived" && !features.includes("markersAmongEntries")

export const specOf = (self: Simulation, id: string): Spec => {
  const drawn = withDefaults(self, drawSpec(self.dice, id, self.config))
  const inherit = self.extras.happens("inherits", 0.5)
    ? self.extras.diceOf("inherits").pick<Cached.Inherit>([false, "refuse", "age"])
    : undefined
  const derives = self.extras.happens("derives", 0.85) && keepsDependencies(self.config)
  const spec = {
    ...drawn,
    behind: self.extras.happens("behind", 0.6),
    inherit: derives ? "changes" as const : inherit,
    byFunction: self.extras.happens("byFunction", 0.5),
    conditions: self.extras.happens("conditions", 0.5),
    copies: drawCopies(self)
  }
  const misuse = drawMisuse(self.extras, spec)
  if (misuse === undefined) return spec
  return {
    ...spec,
    misuse,
    copies: misuse.of === "copy" ? undefined : spec.copies,
    // A lifetime annotated by the load would replace a wrong one.
    annotates: undefined,
    ...misuse.of === "options" && misuse.option.endsWith("imeout") ? { [misuse.option]: undefined } : {}
  }
}

/** The effective options of a read that leaves some to its layer. */
const withDefaults = ({ config: { features } }: Simulation, spec: Spec): Spec => {
  if (!features.includes("defaults")) return spec
  const { jitter = defaults.jitter, kind, softTimeout = defaults.softTimeout } = spec
  return {
    ...spec,
    jitter,
    softTimeout: kind === "softTtl" || kind === "failover" ? softTimeout : undefined,
    // That strategy has one itself.
    retryAfter: spec.retryAfter ?? (kind === "failover" ? undefined : defaults.retryAfter)
  }
}

/** An option that need not be given, because the layer has it. */
const unlessDefault = <A>({ config: { features } }: Simulation, given: A, otherwise: A): A | undefined =>
  features.includes("defaults") && given === otherwise ? undefined : given

const drawCopies = ({ config: { copying }, extras }: Simulation): Spec["copies"] => {
  if (copying === undefined) return undefined
  const dice = extras.diceOf("copies")
  return copying === "all"
    ? dice.pick(["structured", "function"])
    : dice.pick(["structured", "function", "freeze", undefined])
}

const copyOf = ({ copies }: Pick<Spec, "copies">) =>
  copies === "function" ? (value: Value): Value => ({ ...value }) : copies

/** A reader may do with its own copy what it likes. */
const change = ({ copies }: Pick<Spec, "copies">, value: unknown): void => {
  if (copies === "structured" || copies === "function") Object.assign(value as Value, { n: -1 })
}

const specOfMany = (self: Simulation): Spec => {
  const spec = specOf(self, "")
  const isLeft = spec.misuse?.of === "copy" && !self.extras.features.has("copyOfMany")
  return isLeft ? { ...spec, misuse: undefined } : spec
}

// ---------------------------------------------------------------------------------------------------------------------
// loads
// ---------------------------------------------------------------------------------------------------------------------

/** The read whose effect it is, once that has begun. */
interface Reader {
  read: Read | undefined
}

const load = (self: Simulation, spec: Spec, by: Reader): Effect.Effect<Value, Down, Caching> =>
  Effect.suspend(() => {
    const record = World.beginLoad(self.world, { spec, by: by.read })
    return Effect.onExit(body(self, record), (exit) => Effect.sync(() => World.endLoad(self.world, record, exit)))
  })

const body = (self: Simulation, record: Load): Effect.Effect<Value, Down, Caching> => {
  const { by, isShared } = record
  const depth = self.world.resting ? Infinity : by?.depth ?? 0
  const drawn = drawLoad(self.dice, self.config, record.id, depth)
  const goesOn = isShared && !self.world.resting && self.extras.happens("abandoned", 0.2)
  // Nothing would end a load past the cache.
  const hangs = isShared && !self.world.resting && self.extras.happens("hangs", 0.2)
  const hanging = self.extras.diceOf("hangs")
  const plan = hangs ? drawHanging(hanging, drawn) : goesOn ? drawAbandoned(self.extras.dice, drawn) : drawn
  // All that it reads may be under one policy, which is no business of those that wait for it.
  const around = isShared && self.extras.happens("mixedPolicies", 0.3)
    ? self.extras.diceOf("mixedPolicies").pick(["refresh", "readOnly", "writeOnly", "bypass"] as const)
    : undefined
  const steps = Effect.gen(function*() {
    if (plan.uninterruptible) State.uninterruptible.add(record)
    for (let i = 0; i < plan.yields; i++) yield* Effect.yieldNow
    if (plan.sleep > 0) yield* Effect.sleep(plan.sleep)
    if (plan.needs !== undefined) {
      const spec = specOf(self, plan.needs)
      // Under `bypass` a load runs in its reader, under the reader's policy.
      const policy = isShared ? around ?? spec.policy : "bypass"
      const before = { begun: self.world.seq, live: State.liveOf(self.world, plan.needs) }
      const needed = { ...spec, policy, isWrapped: around !== undefined }
      const exit = yield* Effect.exit(read(self, needed, { requested: true }, depth + 1))
      if (Exit.isSuccess(exit) || Cause.squash(exit.cause) instanceof Down) {
        World.noteNeeded(self.world, record, originOf(exit), before)
      }
      if (Exit.isFailure(exit) && !Cause.hasFails(exit.cause)) {
        if (Cause.hasInterrupts(exit.cause)) State.interruptedItself.add(record)
        return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
      }
    }
    const mayRenew = record.id !== streamId && isShared && self.config.classed && record.spec.misuse?.of !== "copy"
    if (plan.renews && mayRenew) yield* renew(self, record)
    yield* annotate(record)
    if (record.spec.late === "yes") record.tags = self.dice.chance(0.5) ? record.spec.tags : ["U"]
    switch (plan.end) {
      case "succeed": {
        const value = { id: record.id, n: record.n }
        if (self.config.copying === "all" && isShared) yield* changeLater(self, record, value)
        return value
      }
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
      case "never":
        return yield* Effect.never
    }
  })
  const wrapped = around === undefined ? steps : underPolicy(self, around, steps) as typeof steps
  const finalized = plan.finalizer === "none"
    ? wrapped
    : Effect.onInterrupt(wrapped, () => finalizers[plan.finalizer](self))
  return plan.uninterruptible ? Effect.uninterruptible(finalized) : finalized
}

/**
 * The stored value is a copy: the load may still change its own. What is not stored is copied when it is answered, and
 * a call of many answers all of its keys at its end.
 */
const changeLater = (self: Simulation, record: Load, value: Value) => {
  const later = 1 + self.extras.diceOf("copies").below(3)
  const changing = Effect.sync(() => {
    const isHeld = [...self.world.reading].some(({ id, many }) => many && id === record.id)
    if (!isKeptOut(record) && !isHeld) change(record.spec, value)
  })
  return Effect.forkDetach(Effect.andThen(Effect.sleep(later), changing))
}

/** Keeps the value that it was to replace, where there is one: then it ends here. */
const renew = (self: Simulation, record: Load) =>
  Effect.gen(function*() {
    const askedAt = self.world.seq
    const previous = yield* Cached.previous(classOf(self.config))
    if (Option.isNone(previous)) return
    const { n } = previous.value.value
    yield* Effect.onExit(Cached.notModified, () => Effect.sync(() => World.renew(self.world, record, n, askedAt)))
  })

/** Annotates what only the load knows; past the cache and among many keys this has no effect. */
const annotate = (record: Load) =>
  Effect.suspend(() => {
    const { annotates, tags } = record.spec
    if (annotates === undefined || !record.isShared || record.spec.late !== "no") return Effect.void
    record.tags = [...tags, ...annotates.tags ?? []]
    record.ttl = annotatesOf(record).ttl
    return Effect.andThen(Cached.annotate({ ttl: "1 day", tags: [] }), Cached.annotate(annotatesOf(record)))
  })

/** The last word counts, for each of them. */
const annotatesOf = ({ spec }: Load) => ({
  tags: spec.annotates?.tags ?? [],
  ttl: spec.annotates?.ttl ?? spec.ttl
})

const finalizers = {
  none: () => Effect.void,
  yields: () => Effect.yieldNow,
  sleeps: () => Effect.sleep(5),
  dawdles: () => Effect.sleep(60),
  // A fiber that waits for it continues in this very step.
  rings: (self: Simulation) =>
    Effect.sync(() => {
      for (const ring of self.bells.splice(0)) ring()
    })
}

/** Until a load is interrupted, or for a while. */
const bell = (self: Simulation) =>
  Effect.raceFirst(Effect.callback<void>((resume) => void self.bells.push(() => resume(Effect.void))), Effect.sleep(20))

// ---------------------------------------------------------------------------------------------------------------------
// reads
// ---------------------------------------------------------------------------------------------------------------------

const tagsOf = (self: Simulation, spec: Spec) => {
  if (spec.late === "no") return spec.tags
  return (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> => {
    if (spec.late === "throws") return throwAboutResult(self, "tags", undefined)
    return self.world.origins.get(originOf(exit))!.tags
  }
}

const originOf = (exit: Exit.Exit<unknown, unknown>): number =>
  (Exit.isSuccess(exit) ? exit.value as Value : Cause.squash(exit.cause) as Down).n

const ttlOf = (self: Simulation, spec: Spec) => {
  if (spec.ttlFunction === "none") return spec.ttl
  return (exit: Exit.Exit<unknown, unknown>): number => {
    if (spec.ttlFunction === "throws") throwAboutResult(self, "ttl", undefined)
    if (spec.ttlFunction === "NaN") {
      self.world.counts.notStored++
      return NaN
    }
    return State.ttlOfValue(originOf(exit))
  }
}

/** Which outcomes are stored. */
const conditionsOf = (self: Simulation, { conditions, failuresToo, misuse }: Spec): object => {
  if (misuse?.of === "when") return { when: () => throwAboutResult(self, "when", misuse) }
  if (conditions === true) return { storeIf: () => true, storeFailures: failuresToo ? ["Down"] : [] }
  return failuresToo ? { when: () => true } : {}
}

/** Its times, as they are given: each is a function where the program writes functions. */
const givenTimes = (self: Simulation, { byFunction, soft, softTimeout, timeout }: Spec) => {
  // Constants in that order are a mistake.
  const inOrder = (softTimeout ?? 0) < (timeout ?? Infinity)
  const given = <A>(millis: A, constant = true): A | (() => A & number) =>
    (byFunction === true || !constant) && millis !== undefined ? () => millis as A & number : millis
  return {
    soft: given(soft),
    softTimeout: given(unlessDefault(self, softTimeout, defaults.softTimeout), inOrder),
    timeout: given(timeout)
  }
}

type AnyLoad = Effect.Effect<any, any, Caching>

// Not `locked`: a load that needs its own key past the cache would wait for itself.
const guards: ReadonlyArray<(load: AnyLoad) => AnyLoad> = [
  Guard.rateLimit({ key: "all", limit: 1e9, window: "1 hour" }),
  Guard.rateLimit({ key: "all", limit: 1e9, window: "1 hour", algorithm: "token-bucket" }),
  Guard.rateLimit({ key: "all", limit: 1e9, window: "1 hour", algorithm: "sliding-counter" }),
  Guard.rateLimit({ key: "all", limit: 10_000, window: 10, algorithm: "sliding-log" }),
  Guard.circuitBreaker({ key: "all", failures: 1e9 })
]

const guarded = (self: Simulation, load: AnyLoad): AnyLoad =>
  self.extras.happens("guards", 0.5) ? self.extras.diceOf("guards").pick(guards)(load) : load

const request = (self: Simulation, spec: Spec, by: Reader): Effect.Effect<Value, unknown, Caching> => {
  const effect = guarded(self, load(self, spec, by)) as Effect.Effect<any, any, Caching>
  const retryAfter = spec.kind === "failover"
    ? spec.retryAfter
    : unlessDefault(self, spec.retryAfter, defaults.retryAfter)
  const jitter = unlessDefault(self, spec.jitter, defaults.jitter)
  const { soft, softTimeout, timeout } = givenTimes(self, spec)
  // An idle that is longer than its ttl is refused, one of nothing too.
  const idle = Math.max(1, spec.soft)
  const counted = { hits: spec.hits, refreshAfter: State.refreshes(spec) ? 1 : undefined }
  const key = keyOf(self, spec.id) as string
  const given = {
    tags: tagsOf(self, spec),
    timeout,
    retryAfter,
    inherit: spec.inherit,
    copy: copyOf(spec),
    waitForWrite: spec.behind === true ? false : undefined
  }
  const base = { ...given, ...wrongOptions(self, spec) }
  const conditions = conditionsOf(self, spec)
  const falls = { softTimeout, fallbackOn: "all" } as const
  const times = { ttl: ttlOf(self, spec), jitter }
  const timed = { ...times, ...conditions }
  if (spec.viaStrategy || needsStrategy(spec)) {
    const strategy = {
      ttl: () => ({ strategy: "ttl", ...times }),
      softTtl: () => ({ strategy: "softTtl", ...times, softTtl: soft }),
      refreshAhead: () => ({ strategy: "refreshAhead", ...times, refreshAfter: soft }),
      probabilistic: () => ({ strategy: "probabilistic", ...times, beta: 5 }),
      sliding: () => ({ strategy: "sliding", ...times, idle }),
      maxHits: () => ({ strategy: "maxHits", ...times, ...counted }),
      failover: () => ({ strategy: "failover", ...times }),
      untilInvalidated: () => ({ strategy: "untilInvalidated" })
    }[spec.kind]()
    return Cached.withStrategy(effect, key, {
      ...falls,
      ...base,
      ...conditions,
      strategy: wrongStrategy(self, spec, made(strategy as Strategy.Input))
    })
  }
  switch (spec.kind) {
    case "ttl":
      return Cached.ttl(effect, key, { ...base, ...timed })
    case "softTtl":
      return Cached.softTtl(effect, key, { ...falls, ...base, ...timed, softTtl: soft })
    case "refreshAhead":
      return Cached.refreshAhead(effect, key, { ...base, ...timed, refreshAfter: soft })
    case "probabilistic":
      return Cached.probabilistic(effect, key, { ...base, ...timed, beta: 5 })
    case "sliding":
      return Cached.sliding(effect, key, { ...base, ...timed, idle })
    case "maxHits":
      return Cached.maxHits(effect, key, { ...base, ...timed, ...counted })
    case "failover":
      return Cached.failover(effect, key, { ...falls, ...base, ...timed })
    case "untilInvalidated":
      return Cached.untilInvalidated(effect, key, { ...base, ...conditions })
  }
}

/** Options that do not apply to a stream are left out; its functions do not see its elements. */
const streamSpecOf = (self: Simulation): Spec => {
  const dice = self.extras.diceOf("streams")
  const drawn = drawSpec(dice, streamId, self.config)
  return {
    ...drawn,
    kind: drawn.kind === "ttl" || drawn.kind === "softTtl" || drawn.kind === "untilInvalidated"
      ? drawn.kind
      : "softTtl",
    ttl: drawn.kind === "untilInvalidated" ? Infinity : Math.max(1, drawn.ttl),
    soft: Math.min(drawn.soft, Math.max(1, drawn.ttl) - 1),
    ttlFunction: "none",
    late: "no",
    annotates: undefined,
    timeout: undefined,
    softTimeout: undefined,
    jitter: drawn.jitter ?? 0,
    retryAfter: drawn.retryAfter ?? 40
  }
}

/** Reads all elements, which must be of one load. */
const streamed = (self: Simulation, spec: Spec, record: Read): Effect.Effect<Value, unknown, Caching> => {
  const dice = self.extras.diceOf("streams")
  const value = load(self, spec, { read: record })
  const size = 1 + dice.below(2)
  const elementsOf = (value: Value) => Stream.fromIterable(Array.from({ length: 1 + value.n % 4 }, () => value))
  const origin = Stream.unwrap(Effect.map(value, (value) => Stream.rechunk(elementsOf(value), size)))
  const timed = { ttl: spec.ttl, jitter: spec.jitter }
  const strategy = {
    ttl: () => ({ strategy: "ttl", ...timed }),
    softTtl: () => ({ strategy: "softTtl", ...timed, softTtl: spec.soft, fallbackOn: "all" }),
    untilInvalidated: () => ({ strategy: "ttl", ...timed, ttl: Infinity })
  }[spec.kind as "ttl"]()
  const { retryAfter, tags } = spec
  const emit = dice.chance(0.2) ? "whenComplete" : "atOnce"
  const stream: Stream.Stream<any, any, Caching> = Cached.stream(origin, keyOf(self, spec.id) as string, {
    ...strategy as { readonly strategy: "ttl"; readonly ttl: number },
    ...conditionsOf(self, spec),
    tags,
    retryAfter,
    emit
  })
  return Effect.map(Stream.runCollect(stream), (elements) => {
    const { id, n } = elements[0]!
    const others = elements.filter((one) => one.n !== n)
    const isWhole = others.length === 0 && elements.length === 1 + n % 4
    decide(self.world, "a stream is of one run", isWhole, () => elements.map((one) => one.n).join())
    return { id, n }
  })
}

/** The same, by the operation that each is without. */
const disabled: { readonly [Name in Spec["policy"]]?: CachePolicy.Operation } = { readOnly: "set", writeOnly: "get" }

const underPolicy = <A, E>(
  self: Simulation,
  policy: Spec["policy"],
  effect: Effect.Effect<A, E, Caching>
): Effect.Effect<A, E | CacheError.StoreError | CacheError.SerializerError, Caching> => {
  const name = self.extras.happens("mixedPolicies", 0.5) ? disabled[policy] : undefined
  if (name !== undefined) return CachePolicy.disable(name)(effect)
  switch (policy) {
    case "normal":
      return effect
    case "strict":
      return CachePolicy.strict(effect)
    case "refresh":
      return CachePolicy.refresh(effect)
    case "readOnly":
      return CachePolicy.disable("set")(effect)
    case "writeOnly":
      return CachePolicy.disable("get")(effect)
    case "bypass":
      return CachePolicy.bypass(effect)
  }
}

/** A key whose tags throw at times cannot be explained, and an explanation parts refreshes that come together. */
const isExplained = ({ config: { features }, extras, world }: Simulation, { misuse, policy }: Spec): boolean =>
  extras.happens("explains", 0.5) && misuse === undefined && !features.includes("classTags") && !world.resting &&
  !(policy === "refresh" && features.includes("refreshes"))

/** A read, watched from its beginning to its end. */
export const read = (
  self: Simulation,
  spec: Spec,
  requested?: Interruption,
  depth = 0
): Effect.Effect<Value, unknown, Caching> =>
  Effect.suspend(() => {
    // A reader whose caller leaves, or which is in a load, waits as long as that.
    const isAlone = requested === undefined && self.extras.features.has("hangs")
    const interruption = isAlone ? { requested: false } : requested
    const by: Reader = { read: undefined }
    const under = (effect: Effect.Effect<any, any, Caching>) =>
      spec.isWrapped === true ? effect : underPolicy(self, spec.policy, effect)
    const begin = () => by.read = World.beginRead(self.world, spec.id, spec, { interruption, depth })
    const watched = Effect.suspend(() => {
      if (spec.id === streamId) return under(streamed(self, spec, begin()))
      const asked = request(self, spec, by)
      if (isExplained(self, spec)) return under(explained(self.world, asked, begin))
      begin()
      return under(asked)
    })
    // An interruption may come before the first step.
    const answered = Effect.onExit(watched, (exit) =>
      Effect.withFiber((fiber) => {
        if (by.read === undefined) return Effect.void
        World.endRead(self.world, by.read, exit, State.isInterrupted(fiber))
        // The value that a load has read names its origin.
        if (Exit.isSuccess(exit) && interruption?.requested !== true) changeAnswer(self, spec, exit.value)
        return Effect.void
      }))
    return isAlone ? leaving(self, interruption!, answered) : answered
  })

const changeAnswer = (self: Simulation, spec: Spec, value: unknown): void => {
  if (spec.policy === "bypass") return
  if (spec.copies === "freeze") {
    decide(self.world, "a copy is what its option says", Object.isFrozen(value), () => `#${(value as Value).n}`)
  }
  change(spec, value)
}

const leave = ({ turn }: State.World, interruption: Interruption): void => {
  interruption.requested = true
  interruption.turn = turn
}

/** Readers in a program whose loads hang leave in the end: a load that is not restarted would keep them for ever. */
const leaving = <A, E, R>(
  { extras, world }: Simulation,
  interruption: Interruption,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | "left", R> => {
  if (!extras.features.has("hangs") || world.resting) return effect
  const late = Effect.flatMap(Effect.sleep(extras.diceOf("hangs").pick([500, 2000, 10_000])), () => {
    leave(world, interruption)
    return Effect.fail("left" as const)
  })
  return Effect.raceFirst(effect, late)
}

/** A read of any key. */
export const readOnce = (self: Simulation): Effect.Effect<Value, unknown, Caching> =>
  Effect.suspend(() => read(self, specOf(self, self.extras.dice.pick(self.config.ids))))

/** A reader that comes back. */
const readOften = (self: Simulation, spec: Spec) =>
  Effect.gen(function*() {
    for (let i = 2 + self.dice.below(2); i > 0; i--) {
      yield* Effect.exit(read(self, spec))
      if (self.dice.chance(0.5)) yield* Effect.sleep(self.dice.below(20))
    }
  })

/** A reader that loses interest. */
const readAndLeave = (self: Simulation, spec: Spec) =>
  Effect.gen(function*() {
    const interruption: Interruption = { requested: false }
    // An interruption before the first step may be lost (`Scheduler.shouldYield`), and a load that hangs would not end.
    const startImmediately = self.extras.features.has("hangs")
    const fiber = yield* Effect.forkChild(read(self, spec, interruption), { startImmediately })
    for (let i = self.dice.below(6); i > 0; i--) yield* Effect.yieldNow
    if (self.dice.chance(0.4)) yield* Effect.sleep(self.dice.below(15))
    leave(self.world, interruption)
    self.world.say(() => `leave ${spec.id}`)
    yield* Fiber.interrupt(fiber)
  })

type Answers = ReadonlyArray<Exit.Exit<Value, Down | Bug>> | ReadonlyMap<Thing, Exit.Exit<Value, Down | Bug>>

/** One call, one answer for each id: a load of its own for each that is missing. */
const loadMany = (self: Simulation, spec: Spec, reads: ReadonlyMap<string, Read>) => (keys: ReadonlyArray<Thing>) =>
  Effect.suspend((): Effect.Effect<Answers, Down | Bug> => {
    const together = keys.map(({ id }) => id)
    const records = keys.map(({ id }) =>
      World.beginLoad(self.world, { spec: { ...spec, id, annotates: undefined }, by: reads.get(id), together })
    )
    const answersMore = self.extras.happens("unasked", 0.5)
    const dice = self.extras.diceOf("unasked")
    // Each is a load too, which no caller can join.
    const unasked = self.config.ids.filter((id) => answersMore && !together.includes(id) && dice.chance(0.6)).map((
      id
    ) =>
      World.beginLoad(self.world, {
        spec: { ...spec, id, annotates: undefined },
        by: undefined,
        isAlone: true,
        together
      })
    )
    const drawn = drawMany(self.dice)
    const hangs = spec.policy !== "bypass" && !self.world.resting && self.extras.happens("hangs", 0.1)
    const plan = hangs ? { ...drawn, end: "never" as const } : drawn
    const steps = Effect.gen(function*() {
      for (let i = 0; i < plan.yields; i++) yield* Effect.yieldNow
      if (plan.sleep > 0) yield* Effect.sleep(plan.sleep)
      for (const record of records) if (spec.late === "yes") record.tags = self.dice.chance(0.5) ? spec.tags : ["U"]
      const { id, n, tags } = records[0]!
      if (plan.end === "fail") {
        // Functions of the result cannot distinguish the keys.
        for (const record of records) Object.assign(record, { failsAs: n, tags })
        return yield* Effect.fail(new Down(id, n))
      }
      if (plan.end === "die") return yield* Effect.die(new Bug(id, n))
      if (plan.end === "never") return yield* Effect.never
      const exits = records.map(({ id, n }): Exit.Exit<Value, Down> =>
        self.dice.chance(0.7)
          ? Exit.succeed({ id, n })
          : self.dice.chance(0.8)
          ? Exit.fail(new Down(id, n))
          : Exit.die(new Bug(id, n))
      )
      if (plan.end === "tooFew") return exits.slice(1)
      if (!answersMore) return exits
      for (const record of unasked) record.tags = records[0]!.tags
      const Key = classOf(self.config)
      return new Map<Thing, Exit.Exit<Value, Down | Bug>>([
        ...unasked.map((record) => [new Key({ id: record.id }), Exit.succeed({ id: record.id, n: record.n })] as const),
        ...keys.map((key, i) => [key, exits[i]!] as const)
      ])
    })
    return Effect.onExit(steps, (exit) =>
      Effect.sync(() => {
        const listed = Exit.map(exit, (answers) =>
          Array.isArray(answers) ? answers : [...answers.values()].slice(unasked.length))
        for (const [i, record] of records.entries()) {
          World.endLoad(self.world, record, ofOne(listed, i, records.length))
        }
        for (const record of unasked) {
          World.endLoad(self.world, record, Exit.isFailure(exit) ? exit : Exit.succeed({ id: record.id, n: record.n }))
        }
      }))
  })

const ofOne = (
  exit: Exit.Exit<ReadonlyArray<Exit.Exit<Value, unknown>>, unknown>,
  i: number,
  count: number
): Exit.Exit<Value, unknown> => {
  if (Exit.isFailure(exit)) return Exit.failCause(exit.cause)
  return exit.value.length === count ? exit.value[i]! : Exit.die(State.tooFew)
}

const strategyOf = (self: Simulation, spec: Spec) =>
  ({
    ...request(self, { ...spec, viaStrategy: true }, { read: undefined }) as unknown as {
      readonly options: { strategy: unknown }
    }
  })
    .options.strategy as Strategy.Strategy<any, any, any>

/** Many at once. */
const many = (self: Simulation): Effect.Effect<void, never, Caching> =>
  Effect.suspend(() => {
    const { config, dice, world } = self
    const ids = config.ids.filter(() => dice.chance(0.7))
    const spec = specOfMany(self)
    // For these two each read is another decision, and so it is where a function goes wrong at times.
    const decidesAnew = spec.kind === "probabilistic" || spec.kind === "maxHits" || spec.misuse !== undefined
    const asked = !decidesAnew && dice.chance(0.1) ? [...ids, ...ids] : ids
    if (asked.length > ids.length) world.asksTwice = true
    const reads = new Map<string, Read>()
    const { softTimeout, timeout } = givenTimes(self, spec)
    const base = {
      tags: tagsOf(self, spec),
      timeout,
      softTimeout,
      fallbackOn: "all" as const,
      retryAfter: spec.retryAfter,
      copy: copyOf(spec),
      waitForWrite: spec.behind === true ? false : undefined,
      ...conditionsOf(self, spec),
      ...wrongOptions(self, spec)
    }
    const call = Cached.many(classOf(config), (keys) => loadMany(self, spec, reads)(keys), {
      ...base,
      strategy: strategyOf(self, spec)
    })
    const interruption: Interruption = { requested: false }
    const watched = Effect.suspend(() => {
      for (const id of ids) reads.set(id, World.beginRead(world, id, { ...spec, id }, { interruption, many: true }))
      return underPolicy(self, spec.policy, call(asked.map((id) => ({ id }))))
    })
    const whole = Effect.onExit(watched, (exit) =>
      Effect.withFiber((fiber) => {
        const answers = Exit.isFailure(exit) ? exit : exit.value
        World.endMany(world, asked.flatMap((id) => reads.get(id) ?? []), answers, State.isInterrupted(fiber))
        if (Exit.isSuccess(exit)) {
          for (const one of exit.value) if (Exit.isSuccess(one)) changeAnswer(self, spec, one.value)
        }
        return Effect.void
      }))
    if (dice.chance(0.75)) return Effect.asVoid(Effect.exit(leaving(self, interruption, whole)))
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(whole, { startImmediately: self.extras.features.has("hangs") })
      for (let i = dice.below(6); i > 0; i--) yield* Effect.yieldNow
      if (dice.chance(0.4)) yield* Effect.sleep(dice.below(15))
      leave(world, interruption)
      world.say(() => "leave many")
      yield* Fiber.interrupt(fiber)
    })
  })

const lookup = (self: Simulation, id: string) =>
  Effect.suspend(() => {
    let record: Read | undefined
    const watched = Effect.suspend(() => {
      record = World.beginRead(self.world, id, undefined)
      return Cached.getOption(keyOf(self, id))
    })
    const answered = Effect.map(watched, (found) => {
      World.endLookup(self.world, record!, Option.getOrUndefined(found) as Value | undefined)
    })
    if (!self.extras.features.has("classTags")) return answered
    return Effect.onError(answered, () => Effect.sync(() => World.endUnanswered(self.world, record!)))
  })

// ---------------------------------------------------------------------------------------------------------------------
// writes
// ---------------------------------------------------------------------------------------------------------------------

const invalidate = (
  self: Simulation,
  kind: "id" | "tag" | "all",
  target: string,
  effect: Effect.Effect<unknown, never, Caching>,
  mode: "hard" | "soft" = "hard"
) =>
  Effect.suspend(() => {
    const write = World.beginWrite(self.world, kind, target, mode)
    return Effect.tap(timed(self.world, `invalidating ${kind} ${target}`, 1, effect), () =>
      Effect.sync(() => World.endWrite(self.world, write)))
  })

const invalidateId = (self: Simulation, id: string) =>
  invalidate(self, "id", id, (self.dice.chance(0.5) ? Cached.invalidate : Cached.remove)(keyOf(self, id)))

const invalidateTag = (self: Simulation) => {
  const mode = self.dice.chance(0.45) ? "soft" : "hard"
  if (self.config.classed && self.dice.chance(0.3)) {
    const id = self.dice.pick(self.config.ids)
    return self.dice.chance(0.5)
      ? invalidate(self, "tag", "class", Cached.invalidate({ all: classOf(self.config) }, { mode }), mode)
      : invalidate(
        self,
        "tag",
        `index ${id}`,
        Cached.invalidate({ where: [classOf(self.config), { id }] }, { mode }),
        mode
      )
  }
  const tag = self.dice.pick(["T", "U"])
  return invalidate(self, "tag", tag, Cached.invalidate({ tag }, { mode }), mode)
}

/** One invalidation of several targets. */
const invalidateTargets = (self: Simulation) =>
  Effect.suspend(() => {
    const { classed, ids } = self.config
    const dice = self.extras.diceOf("targets")
    const id = dice.pick(ids)
    const tag = dice.pick(["T", "U"])
    const where = dice.pick(ids)
    const keyClass = classOf(self.config)
    const all: ReadonlyArray<readonly [kind: "id" | "tag", name: string, target: Cached.Target]> = [
      ["id", id, keyOf(self, id)],
      ["tag", tag, { tag }],
      ...classed
        ? [
          ["tag", "class", { all: keyClass }] as const,
          ["tag", `index ${where}`, { where: [keyClass, { id: where }] }] as const
        ]
        : []
    ]
    const chosen = all.filter(() => dice.chance(0.6))
    const writes = chosen.map(([kind, name]) => World.beginWrite(self.world, kind, name))
    const run = Cached.invalidateAfter(Effect.void, chosen.map(([, , target]) => target))
    return Effect.tap(timed(self.world, "invalidating targets", 1, run), () =>
      Effect.sync(() => {
        for (const write of writes) World.endWrite(self.world, write)
      }))
  })

/** If the store cannot be scanned, nothing is invalidated, or only a part. */
const invalidateMatching = (self: Simulation, id: string) =>
  Effect.suspend(() => {
    const one = !self.config.classed && self.dice.chance(0.5)
    const write = World.beginWrite(self.world, one ? "id" : "all", one ? id : "")
    const matching = CachePolicy.strict(Cached.invalidate({ matching: one ? id : "*" }))
    return Effect.matchEffect(matching, {
      onFailure: () => Effect.void,
      onSuccess: () => Effect.sync(() => World.endWrite(self.world, write))
    })
  })

const touch = (self: Simulation, id: string) =>
  Effect.suspend(() => {
    const record = World.beginTouch(self.world, id, self.dice.pick([5, 40, 500]))
    return Effect.tap(
      timed(self.world, `touching ${id}`, 1, Cached.touch(keyOf(self, id), record.ttl)),
      (isThere) => Effect.sync(() => World.endTouch(self.world, record, isThere))
    )
  })

/** Only where it holds; a store that fails leaves it open whether it was. */
const setIf = (self: Simulation, id: string) =>
  Effect.gen(function*() {
    const kind = self.dice.pick(["ifAbsent", "ifPresent", "ifUnchanged", "ifUnchanged"] as const)
    if (kind !== "ifUnchanged") {
      return yield* setUnder(self, id, kind === "ifAbsent" ? { ifAbsent: true } : { ifPresent: true })
    }
    const known = yield* Cached.getEntry(keyOf(self, id))
    if (Option.isNone(known)) return
    const once = Effect.suspend(() => setUnder(self, id, { ifUnchanged: known.value.writeId }))
    yield* Effect.all(self.dice.chance(0.5) ? [once, once] : [once], { concurrency: "unbounded" })
  })

/** Two operations in one turn answer the same, where the store answers at once. */
export const agree = ({ config, world }: Simulation, turn: number, both: () => readonly [unknown, unknown]): void => {
  const { faults, features, store } = config
  // A listener may write or load between them, and another process may have removed what memory has.
  if (world.foreign.size > 0 && store === "sync") return
  const listens = features.includes("writingListener") || features.includes("readingListener")
  if (faults > 0 || (store !== "none" && store !== "sync") || listens) return
  // Another fiber may have come between them.
  if (turn !== world.turn) return
  const [one, other] = both()
  decide(world, "operations by hand agree", one === other, () => `${String(one)} and ${String(other)}`)
}

/**
 * A failure, or a value whose late tag has no marker among entries, is in memory alone; a store decides conditions.
 * It has lost what is from the future once the wall clock is set back, and memory has not.
 */
const mayBeUnstored = (world: State.World, id: string): boolean =>
  world.config.store !== "none" && (world.setBackMillis > 0 ||
    world.loads.some((load) =>
      load.id === id && load.exit !== undefined &&
      (Exit.isFailure(load.exit) ? load.spec.failuresToo : State.isBesideWrite(world, load) ||
        world.config.features.includes("markersAmongEntries") && State.hasLateTags(load.spec))
    ))

const setUnder = (self: Simulation, id: string, condition: World.Condition) =>
  Effect.gen(function*() {
    if (self.dice.chance(0.5)) yield* Effect.sleep(self.dice.below(10))
    const { turn } = self.world
    const before = yield* Effect.exit(Cached.has(keyOf(self, id)))
    const origin = World.beginSetOrigin(self.world, id, self.dice.pick([10, 50, Infinity]), self.dice.pick([[], ["T"]]))
    const { n, tags, ttl } = origin
    const options = { ttl, tags, ...condition } as Cached.SetOptions & SetCondition
    origin.isOpen = true
    const asked = Cached.set(keyOf(self, id) as string, { id, n }, options)
    const set = Effect.exit(Effect.onExit(asked, () => Effect.sync(() => World.closeSet(self.world, origin))))
    const exit = yield* timed(self.world, `set ${id}`, 3, set)
    if (Exit.isFailure(exit)) return
    World.endSetIf(self.world, origin, condition, exit.value)
    if (condition.ifUnchanged !== undefined || Exit.isFailure(before) || mayBeUnstored(self.world, id)) return
    const holds = before.value === (condition.ifPresent === true)
    agree(
      self,
      turn,
      () => [`${exit.value} for ${JSON.stringify(condition)}`, `${holds} for ${JSON.stringify(condition)}`]
    )
  })

const set = (self: Simulation, id: string) =>
  Effect.suspend(() => {
    const ttl = self.dice.pick([10, 50, Infinity])
    const tags = self.dice.pick([[], ["T"], ["U"]])
    const origin = World.beginSetOrigin(self.world, id, ttl, tags)
    const value = { id, n: origin.n }
    const copying = { copies: drawCopies(self) }
    const options = { ttl, tags, copy: copyOf(copying) } as Cached.SetOptions
    return Effect.tap(
      timed(self.world, `set ${id}`, 2, Cached.set(keyOf(self, id) as string, value, options)),
      () =>
        Effect.sync(() => {
          World.endWrite(self.world, origin.write)
          change(copying, value)
        })
    )
  })

/** A write that is interrupted may have happened or not. */
export const orLeave = (self: Simulation, effect: Effect.Effect<unknown, never, Caching>) =>
  self.dice.chance(0.85) ? effect : Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    for (let i = self.dice.below(4); i > 0; i--) yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
  })

export const writeOnce = (self: Simulation): Effect.Effect<unknown, unknown, Caching> => {
  const id = self.dice.pick(self.config.ids)
  const die = self.dice.below(10)
  if (die < 3) return invalidateId(self, id)
  if (die < 6) return invalidateTag(self)
  if (die < 8) return set(self, id)
  if (die < 9) return touch(self, id)
  return invalidate(self, "all", "", Cached.clear)
}

// ---------------------------------------------------------------------------------------------------------------------
// programs
// ---------------------------------------------------------------------------------------------------------------------

/** Readers beside each other and beside an invalidation, and one after them. */
const beside = (self: Simulation, id: string) =>
  Effect.gen(function*() {
    const one = specOf(self, id)
    const other = specOf(self, id)
    yield* Effect.exit(read(self, one))
    // A small memory holds only the others now.
    for (const third of self.config.ids) {
      if (third !== id) yield* Effect.exit(read(self, specOf(self, third)))
    }
    const readers = (self.dice.chance(0.3) ? [] : [one, other, one]).map((spec) =>
      Effect.exit(Effect.andThen(Effect.sleep(self.dice.below(3)), read(self, spec)))
    )
    const write = self.dice.chance(0.6)
      ? invalidateTag(self)
      : invalidate(self, "id", id, Cached.invalidate(keyOf(self, id)))
    const rest = [...self.dice.chance(0.8) ? [write] : [], ...self.dice.chance(0.7) ? [lookup(self, id)] : []]
    // `Effect.all` would interrupt the readers when a look-up dies of tags that throw
    const others = self.extras.features.has("classTags") ? rest.map(Effect.exit) : rest
    yield* Effect.all([...readers, ...others], { concurrency: "unbounded" })
    yield* read(self, one)
  })

const step = (self: Simulation): Effect.Effect<unknown, unknown, Caching> => {
  const { config, dice } = self
  const id = dice.pick(config.ids)
  const die = dice.below(100)
  if (die < 9 && config.classed) return many(self)
  if (die < 28) return read(self, specOf(self, id))
  if (die < 38) return readOften(self, specOf(self, id))
  if (die < 50) return readAndLeave(self, specOf(self, id))
  if (die < 56) return orLeave(self, invalidateId(self, id))
  if (die < 58) return orLeave(self, invalidateMatching(self, id))
  if (die < 70) return orLeave(self, invalidateTag(self))
  if (die < 73) return orLeave(self, set(self, id))
  if (die < 75 || die === 99) return orLeave(self, setIf(self, id))
  if (die < 76) return orLeave(self, touch(self, id))
  if (die < 78) return orLeave(self, invalidate(self, "all", "", Cached.clear))
  if (die < 87) return lookup(self, id)
  if (die < 89) return Effect.andThen(bell(self), read(self, specOf(self, id)))
  if (die < 93) return dropWhileLoaded(self, id)
  if (die < 97) return beside(self, id)
  return Effect.sleep(dice.below(30))
}

/** Another process removes what is being loaded. */
const dropWhileLoaded = (self: Simulation, id: string) =>
  Effect.gen(function*() {
    const drawn = specOf(self, id)
    const spec: Spec = { ...drawn, policy: "normal", ttl: Math.max(drawn.ttl, 300) }
    const later = Effect.andThen(Effect.sleep(self.dice.below(10)), self.drop(id))
    yield* Effect.all([Effect.exit(read(self, spec)), later], { concurrency: "unbounded" })
    yield* Effect.sleep(1)
    yield* Effect.exit(read(self, spec))
  })

/** A reader that was refused by a strict policy asks again at once. */
const insist = (self: Simulation) =>
  Effect.gen(function*() {
    const spec: Spec = { ...specOf(self, self.extras.dice.pick(self.config.ids)), policy: "strict" }
    for (let i = 0; i < 3; i++) {
      const exit = yield* Effect.exit(read(self, spec))
      if (Exit.isSuccess(exit)) return
    }
  })

/** Explicit refreshes that are asked for in one turn are one load. */
const refreshTogether = (self: Simulation) =>
  Effect.gen(function*() {
    const spec: Spec = { ...specOf(self, self.extras.dice.pick(self.config.ids)), policy: "refresh" }
    yield* Effect.all(
      Array.from({ length: 3 }, () => Effect.exit(read(self, spec))),
      { concurrency: "unbounded", discard: true }
    )
  })

/**
 * Readers that come at once, each with a strategy of its own, to what may be stale: they share one look into the store.
 */
const crowd = (self: Simulation) =>
  Effect.gen(function*() {
    const crowdDice = self.extras.diceOf("crowds")
    const id = crowdDice.pick(self.config.ids)
    yield* Effect.exit(read(self, specOf(self, id)))
    const tag = crowdDice.pick(["T", "U"])
    if (crowdDice.chance(0.5)) {
      yield* invalidate(self, "tag", tag, Cached.invalidate({ tag }, { mode: "soft" }), "soft")
    }
    yield* Effect.sleep(crowdDice.below(20))
    yield* Effect.all(
      Array.from({ length: 2 + crowdDice.below(4) }, () =>
        Effect.exit(Effect.suspend(() => read(self, specOf(self, id))))),
      { concurrency: "unbounded", discard: true }
    )
  })

/** Readers of every policy come to one load while it runs, and some of them leave it. */
const meet = (self: Simulation) =>
  Effect.suspend(() => {
    const dice = self.extras.diceOf("mixedPolicies")
    const id = dice.pick(self.config.ids)
    const reader = Effect.suspend(() => {
      const spec = { ...specOf(self, id), policy: dice.pick(policies) }
      const one = dice.chance(0.3) ? readAndLeave(self, spec) : Effect.exit(read(self, spec))
      return Effect.andThen(Effect.sleep(dice.below(12)), one)
    })
    return Effect.all(Array.from({ length: 2 + dice.below(4) }, () => reader), {
      concurrency: "unbounded",
      discard: true
    })
  })

/** Readers of one id that keep coming, most of whom wait only shortly. */
const keepComing = (self: Simulation) =>
  Effect.suspend(() => {
    const dice = self.extras.diceOf("hangs")
    const isStream = self.extras.features.has("streams") && dice.chance(0.2)
    const id = isStream ? streamId : dice.pick(self.config.ids)
    const one = Effect.suspend(() => {
      if (isStream) return read(self, streamSpecOf(self))
      if (self.config.classed && dice.chance(0.3)) return many(self)
      const spec = specOf(self, id)
      if (spec.misuse !== undefined || dice.chance(0.2)) return read(self, spec)
      return read(self, { ...spec, policy: "normal", timeout: dice.chance(0.3) ? undefined : 1 + dice.below(25) })
    })
    const reader = () => Effect.exit(Effect.andThen(Effect.sleep(dice.below(80)), one))
    return Effect.all(Array.from({ length: 3 + dice.below(8) }, reader), { concurrency: "unbounded", discard: true })
  })

/** Bulk calls that overlap with each other, and with writes. */
const overlap = (self: Simulation) =>
  Effect.suspend(() => {
    const dice = self.extras.diceOf("waves")
    const later = (effect: Effect.Effect<unknown, unknown, Caching>) =>
      Effect.exit(Effect.andThen(Effect.sleep(dice.below(8)), effect))
    const write = Effect.suspend(() => orLeave(self, Effect.exit(writeOnce(self))))
    const beside = dice.pick<ReadonlyArray<AnyLoad>>([[], [write], [readOnce(self)], [write, readOnce(self)]])
    const all: ReadonlyArray<AnyLoad> = [many(self), many(self), ...beside]
    return Effect.all(all.map(later), { concurrency: "unbounded", discard: true })
  })

/** Activities of a stream, in addition to those of its tags. */
const stream = (self: Simulation): Effect.Effect<unknown, unknown, Caching> => {
  const die = self.extras.diceOf("streams").below(10)
  if (die < 4) return read(self, streamSpecOf(self))
  if (die < 6) return readOften(self, streamSpecOf(self))
  if (die < 8) return readAndLeave(self, streamSpecOf(self))
  if (die < 9) return orLeave(self, invalidateId(self, streamId))
  return self.drop(streamId)
}

/** Sets the wall clock back, once. By less, entries of the store would seem to be of a clock that is a little ahead. */
const setBack = ({ extras, world }: Simulation) =>
  Effect.sync(() => {
    if (world.setBackMillis > 0) return
    world.setBackAt = world.now()
    world.setBackMillis = clocks.aheadMillis * 2 + extras.diceOf("setBack").below(3_600_000)
    world.say(() => `the wall clock is set back by ${world.setBackMillis} ms`)
  })

/** Optional activities of a step, in addition to those that were always there. */
const extra = (self: Simulation): Effect.Effect<unknown, unknown, Caching> | undefined => {
  if (self.extras.happens("insists", 0.1)) return insist(self)
  if (self.extras.happens("targets", 0.2)) return orLeave(self, invalidateTargets(self))
  if (self.extras.happens("refreshes", 0.15)) return refreshTogether(self)
  if (self.extras.happens("crowds", 0.2)) return crowd(self)
  if (self.extras.happens("streams", 0.4)) return stream(self)
  if (self.extras.happens("mixedPolicies", 0.3)) return meet(self)
  if (self.extras.happens("waves", 0.3)) return overlap(self)
  if (self.extras.happens("hangs", 0.4)) return keepComing(self)
  if (self.extras.happens("setBack", 0.2)) return setBack(self)
  for (const other of self.others) {
    const effect = other(self)
    if (effect !== undefined) return effect
  }
  return undefined
}

const worker = (self: Simulation) =>
  Effect.gen(function*() {
    for (let i = 0; i < self.config.steps; i++) {
      const before = extra(self)
      if (before !== undefined) yield* Effect.exit(before)
      yield* Effect.exit(step(self))
    }
  })

const closing = (self: Simulation) =>
  self.config.closesAt === undefined ? Effect.void : Effect.andThen(Effect.sleep(self.config.closesAt), self.close)

/** Every worker to its end, and what they left behind. */
export const program = (self: Simulation) =>
  Effect.gen(function*() {
    const fibers = yield* Effect.forEach(Array.from({ length: self.config.workers }), () =>
      Effect.forkChild(worker(self)))
    fibers.push(yield* Effect.forkChild(closing(self)))
    for (const fiber of fibers) {
      yield* Fiber.await(fiber)
    }
    yield* Effect.sleep(0)
    yield* self.heal
    // Unattended loads end, and the store receives the changes that it has missed.
    yield* Effect.sleep(300_000)
    // This fiber may have been resumed while a flight completes.
    yield* Effect.sleep(1)
    World.checkEnded(self.world)
  })

/** Loads that need each other, as deep as that: neither starting nor ending nor leaving may need so much stack. */
const deep = (depth: number): Effect.Effect<number, never, Caching> =>
  Effect.suspend(() => depth === 0 ? Effect.yieldNow.pipe(Effect.as(0)) : Effect.map(deep(depth - 1), (n) => n + 1))
    .pipe(
      Cached.ttl(`deep ${depth}`, { ttl: 1000 })
    )

/** The timer of a reader ends with its waiting, and a refresh has a place. */
const atRest = (self: Simulation) =>
  Effect.gen(function*() {
    const { timers, world } = self
    const id = self.config.ids[0]!
    const reload = (timeout: number | undefined) =>
      Effect.andThen(
        invalidate(self, "id", id, Cached.invalidate(keyOf(self, id))),
        Effect.exit(read(self, { ...plainSpec(id), ttl: 600_000, timeout }))
      )
    const first = yield* reload(undefined)
    yield* Effect.sleep(200_000)
    const before = timers()
    const exit = yield* reload(500_000)
    yield* Effect.sleep(200_000)
    if (Exit.isSuccess(first) && Exit.isSuccess(exit)) {
      decide(world, "timers end with what they are for", timers() <= before, () => id)
    }
    const begun = world.loads.length
    yield* Effect.exit(read(self, { ...plainSpec(id), ttl: 600_000, kind: "refreshAhead", soft: 1000 }))
    yield* Effect.sleep(1000)
    if (Exit.isSuccess(exit)) {
      decide(world, "a cache at rest works", world.loads.length > begun, () => `no refresh of ${id}`)
    }
  })

/** After all of it the cache still works: one load for an id, then none. */
export const epilogue = (self: Simulation) =>
  Effect.gen(function*() {
    self.world.resting = true
    for (const id of [...self.config.ids, ...self.extras.features.has("streams") ? [streamId] : []]) {
      const before = self.world.loads.length
      yield* invalidate(self, "id", id, Cached.invalidate(keyOf(self, id)))
      yield* Effect.exit(read(self, plainSpec(id)))
      const loads = self.world.loads.filter((load, i) => i >= before && load.id === id)
      decide(self.world, "a cache at rest works", loads.length === 1, () => `${loads.length} loads of ${id}`)
    }
    yield* atRest(self)
    if (self.config.deep === 0) return
    const sum = yield* Effect.exit(deep(self.config.deep))
    const isWhole = Exit.isSuccess(sum) && sum.value === self.config.deep
    decide(self.world, "a cache at rest works", isWhole, () => String(sum))
  })
