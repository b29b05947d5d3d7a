/** Draws programs from dice. */
import type { Extras } from "./features.ts"
import { type Config, type Kind, kinds, type PolicyName, type Spec } from "./model.ts"

export interface Dice {
  readonly chance: (share: number) => boolean
  /** A whole number below `n`. */
  readonly below: (n: number) => number
  readonly pick: <A>(choices: ReadonlyArray<A>) => A
}

export const diceOf = (next: () => number): Dice => {
  const below = (n: number) => Math.floor(next() * n)
  return {
    chance: (share) => next() < share,
    below,
    pick: (choices) => choices[below(choices.length)]!
  }
}

export interface Fixed {
  readonly store?: Config["store"] | undefined
}

/** The part of the configuration that the program itself draws. */
type Drawn = Omit<Config, "features" | "endingMillis" | "copying" | "quota" | "maxLoad" | "limits">

export const drawConfig = (dice: Dice, fixed: Fixed): Drawn => {
  const store = fixed.store ??
    dice.pick(["none", "none", "sync", "sync", "async", "async", "async", "derived"] as const)
  const ids = ["a", "b", "c"].slice(0, 1 + dice.below(3))
  const yieldChance = dice.pick([0, 0.02, 0.1, 0.3])
  const memory = store === "none" || dice.chance(0.6)
  return {
    store,
    memory,
    capacity: dice.chance(0.4) ? 1 + dice.below(2) : 1000,
    ids,
    classed: dice.chance(0.5),
    workers: 2 + dice.below(4),
    steps: 4 + dice.below(8),
    storeTimeout: dice.pick([20, 50]),
    shutdown: dice.pick([10, 100]),
    refreshConcurrency: dice.pick([1, 2, 16]),
    refreshTimeout: dice.pick([30, 100, 400]),
    retries: dice.below(3),
    yieldChance,
    cyclic: dice.chance(0.2),
    faults: store === "none" ? 0 : dice.pick([0, 0, 0.1, 0.3]),
    // Without yields the stack grows.
    deep: yieldChance === 0 && dice.chance(0.03) ? 3000 : 0,
    closesAt: dice.chance(0.12) ? dice.below(150) : undefined
  }
}

/** Adds the optional features of the program. */
export const withExtras = (drawn: Drawn, { dice, diceOf, features }: Extras): Config => {
  const isDrawn = features.has("abandoned") && drawn.store !== "none"
  const lease = isDrawn ? dice.pick([500, 5000]) : 5000
  const wait = isDrawn && dice.chance(0.5) ? dice.pick([100, 2000]) : undefined
  return {
    ...drawn,
    // A store that lies goes wrong, like one that fails.
    ...features.has("lies") && drawn.store !== "none" ? { faults: Math.max(drawn.faults, 0.1) } : {},
    features: [...features],
    // Bulk calls are of keys.
    classed: drawn.classed || features.has("waves"),
    copying: features.has("copies") ? diceOf("copies").pick(["all", "some"]) : undefined,
    // Strings have no class.
    quota: features.has("quotas") && drawn.classed ? 1 + diceOf("quotas").below(3) : undefined,
    maxLoad: features.has("hangs") ? diceOf("hangs").pick([20, 100, 400]) : undefined,
    endingMillis: wait ?? 2 * lease,
    limits: isDrawn ? { lease, ...wait === undefined ? {} : { wait } } : {}
  }
}

const policyOf = (dice: Dice): PolicyName =>
  dice.chance(0.75) ? "normal" : dice.pick(["refresh", "readOnly", "writeOnly", "bypass", "strict"] as const)

/** Options of the layer for all reads, where that is drawn. */
export const defaults = { softTimeout: 7, jitter: 0.25, retryAfter: 40 } as const

const ttls = [1, 10, 30, 80, 300, 300]

export const drawSpec = (dice: Dice, id: string, { memory }: Config): Spec => {
  const drawn: Kind = dice.pick(kinds)
  // It counts the reads of memory.
  const kind = drawn === "maxHits" && !memory ? "ttl" : drawn
  const ttl = dice.chance(0.03) ? 0 : dice.pick(ttls)
  const late = dice.chance(0.2)
  return withLifetime({
    id,
    kind,
    policy: policyOf(dice),
    viaStrategy: dice.chance(0.3),
    ttl: kind === "untilInvalidated" ? Infinity : ttl,
    soft: Math.max(kind === "sliding" ? 1 : 0, Math.floor(ttl * dice.pick([0, 0.2, 0.5]))),
    hits: 1 + dice.below(4),
    ttlFunction: dice.chance(0.9) ? "none" : dice.pick(["value", "value", "throws", "NaN"] as const),
    jitter: dice.chance(0.1) ? 0.5 : undefined,
    tags: dice.chance(0.7) ? dice.pick([["T"], ["T"], ["U"], ["T", "U"]]) : [],
    late: !late ? "no" : dice.chance(0.9) ? "yes" : "throws",
    annotates: dice.chance(0.85)
      ? undefined
      : dice.pick([{ tags: ["U"] }, { tags: ["T"] }, { ttl: 20 }, { tags: ["U"], ttl: 60 }, { ttl: 0 }]),
    timeout: dice.chance(0.15) ? 1 + dice.below(25) : undefined,
    softTimeout: (kind === "softTtl" || kind === "failover") && dice.chance(0.3) ? 1 + dice.below(15) : undefined,
    retryAfter: dice.chance(0.3) ? undefined : dice.pick([0, 10, 40, 200]),
    failuresToo: dice.chance(0.4)
  })
}

/** A constant is more than nothing. */
const withLifetime = (spec: Spec): Spec => spec.ttlFunction === "none" && spec.ttl === 0 ? { ...spec, ttl: 1 } : spec

/** The options of reads at the end: nothing that may be refused. */
export const plainSpec = (id: string): Spec => ({
  id,
  kind: "ttl",
  policy: "normal",
  viaStrategy: false,
  ttl: 1000,
  soft: 0,
  hits: 1,
  ttlFunction: "none",
  jitter: undefined,
  tags: [],
  late: "no",
  annotates: undefined,
  timeout: undefined,
  softTimeout: undefined,
  retryAfter: undefined,
  failuresToo: false
})

export interface LoadPlan {
  readonly yields: number
  readonly sleep: number
  readonly needs: string | undefined
  readonly finalizer: "none" | "yields" | "sleeps" | "dawdles" | "rings"
  readonly uninterruptible: boolean
  /** Asks for the value that it is to replace, and keeps it. */
  readonly renews: boolean
  readonly end: "succeed" | "fail" | "die" | "both" | "interrupt" | "never"
}

export const drawLoad = (dice: Dice, config: Config, id: string, depth: number): LoadPlan => {
  const others = config.cyclic ? config.ids : config.ids.filter((other) => other > id)
  const uninterruptible = dice.chance(0.05)
  return {
    yields: dice.below(4),
    sleep: !uninterruptible && dice.chance(0.02) ? 20_000 : dice.chance(0.6) ? dice.below(25) : 0,
    needs: !uninterruptible && others.length > 0 && depth < 4 && dice.chance(0.15) ? dice.pick(others) : undefined,
    finalizer: dice.pick(["none", "rings", "yields", "sleeps"] as const),
    uninterruptible,
    renews: dice.chance(0.15),
    end: dice.chance(0.7) ? "succeed" : dice.pick(["fail", "fail", "fail", "die", "both", "interrupt"] as const)
  }
}

/** A load that continues after its callers have left. */
export const drawAbandoned = (dice: Dice, plan: LoadPlan): LoadPlan => ({
  ...plan,
  uninterruptible: true,
  needs: undefined,
  sleep: dice.pick([20, 100, 1000, 20_000])
})

/** A load that hangs, and may take its time to end when it is interrupted. */
export const drawHanging = (dice: Dice, plan: LoadPlan): LoadPlan => ({
  ...plan,
  uninterruptible: false,
  needs: undefined,
  finalizer: dice.pick(["none", "yields", "sleeps", "dawdles"]),
  end: "never"
})

/** One call for several. */
export interface ManyPlan extends Pick<LoadPlan, "yields" | "sleep"> {
  readonly end: "each" | "fail" | "die" | "tooFew" | "never"
}

export const drawMany = (dice: Dice): ManyPlan => ({
  yields: dice.below(4),
  sleep: dice.chance(0.02) ? 20_000 : dice.chance(0.6) ? dice.below(25) : 0,
  end: dice.chance(0.8) ? "each" : dice.pick(["fail", "fail", "die", "tooFew"] as const)
})
