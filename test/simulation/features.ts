/**
 * Optional features of programs, drawn from dice of their own: a seed that draws none of them keeps the program, the
 * store and the schedule that it had before the feature existed.
 */
import { dice as diceFrom } from "../../src/testing/internal/dice.ts"
import { type Dice, diceOf } from "./plan.ts"

/**
 * Whether programs draw it. `false`: the engine does not keep its rule yet. This is the one place to switch it; with
 * `--with NAME` it is drawn all the same, by every seed.
 */
export const drawn = {
  // Before a load: a defect only for the caller that owns the function or option.
  /** `decide` of a user's strategy throws, or gives no decision. */
  decide: true,
  /** `tags` of the key class throws. */
  classTags: true,
  /** An option, or `retryAfter` of a user's strategy, is no duration. */
  options: true,
  /** `fallbackOn` throws. */
  fallbackOn: true,
  /** `copy` throws, for one value. */
  copy: true,
  /** `copy` throws in a read of many: the other keys are answered. */
  copyOfMany: true,
  // About a loaded value: it is not stored or not moved, which is counted, and the answer is given all the same.
  /** `when` throws. */
  when: true,
  /** `lifetime` of a user's strategy throws. */
  lifetime: true,
  /** `lifetime` of a user's strategy gives words, or nothing. */
  words: true,
  /** `touch` of a user's strategy throws, or gives no number. */
  touch: true,
  /** An eviction policy throws, or names what is not in memory. */
  eviction: true,
  /** A listener throws. */
  listener: true,
  // None of these throws.
  /** A listener reads the cache. */
  readingListener: true,
  /** A listener writes and invalidates. */
  writingListener: true,
  /** A reader that was refused by a strict policy asks again at once. */
  insists: true,
  /** Loads that cannot be interrupted and outlive their callers: no other load of the id begins beside them. */
  abandoned: true,
  /** Explicit refreshes together: they share a load that begins after they were asked for. */
  refreshes: true,
  /** Answers of the store are not of their types, or are no effects but throws. */
  lies: true,
  /** Readers of one id with strategies of their own come at once. */
  crowds: true,
  /** An invalidation has several targets of several kinds. */
  targets: true,
  /** The store is made of a storage that keeps the markers of tags among its entries. */
  markersAmongEntries: true,
  /** A read takes over nothing from what caches serve inside its load, or is not stored then. */
  inherits: true,
  /** A read takes over what its load reads through the cache: a change of that ends its entry (P8). */
  derives: true,
  /** `timeout` and `softTimeout` are functions of the key, `softTtl` and `refreshAfter` of the outcome. */
  byFunction: true,
  /** `storeIf` and `storeFailures` decide which outcomes are stored, not `when`. */
  conditions: true,
  /** Readers do not wait for the writes of what they have loaded. */
  behind: true,
  /** The layer has options for all reads that do not set their own. */
  defaults: true,
  /** A call for several answers with a map, and more than it was asked for. */
  unasked: true,
  /** The store answers reads with a callback: readers wait for it without a flight. */
  callbacks: true,
  /** The store is far away at times, so that loads ask for their entries and leases with one question. */
  far: true,
  /** A load is inside a guard that lets it run. */
  guards: true,
  /** Memory has another eviction policy than `lru`. */
  policies: true,
  /** Memory is bounded by what entries weigh. */
  weights: true,
  /** An id more, which has the elements of a stream. */
  streams: true,
  /** Long lists yield after each item, and groups of flights are of one. */
  turns: true,
  /** Keys of a bulk call have stubs in place of flights, as those of longer calls do. */
  stubs: true,
  /** Waves of bulk calls are of one or two keys, and each of them may go wrong. Several processes: calls overlap. */
  waves: true,
  /** Several keys are looked up, set and removed in one call. */
  several: true,
  /** Readers of one load have each another policy, and a load wraps all that it reads in one. */
  mixedPolicies: true,
  /** Values are copied, and changed by their receivers. */
  copies: true,
  /** The key class has a share of memory. */
  quotas: true,
  /** Transactions look up, read, write, invalidate and fail, savepoints too. */
  transacts: true,
  /** Loads hang for ever: they run again once they have outlasted the patience of their readers. */
  hangs: true,
  /** The wall clock of a process is set back once, by up to an hour, while the monotonic clock continues. */
  setBack: true,
  /** Reads are explained before they begin. Only by name: an explanation may miss what others do right after it. */
  explains: false,
  /** Several processes: the store reports changes by itself, late and in any order, until the connection is lost. */
  pushes: true,
  /** Several processes: some values are set by transactions, which may fail. */
  transactions: true,
  /** Several processes: they look up stored entries, and set and remove several ids in one call. */
  byHand: true,
  /** Several processes: their ids are those of a key class, several of which are read in one call. */
  classes: true,
  /** Several processes: each has a second cache on the same store, without memory. */
  layers: true,
  /** Several processes: a renewed lease is waited for without `wait`, and is renewed for `maxLoad`. */
  patient: true,
  /** Several processes: machines keep copies of what the store holds, in one or two tiers that go wrong. */
  tiers: true,
  /** Several processes: they invalidate by patterns, which match one id or all. */
  patterns: true
}

export type Feature = keyof typeof drawn

/** Came later: each has dice of its own, so that the others are drawn as they were before. */
const later = {
  crowds: 0x6c07_8965,
  targets: 0x9908_b0df,
  markersAmongEntries: 0x1b87_3593,
  inherits: 0x85eb_ca6b,
  derives: 0x3f84_d5b5,
  byFunction: 0xc2b2_ae35,
  conditions: 0x27d4_eb2f,
  behind: 0xfd70_46c5,
  defaults: 0xd3a2_646c,
  writingListener: 0x3c6e_f35f,
  unasked: 0x1656_67b1,
  callbacks: 0x7f4a_7c15,
  far: 0x3ad8_025f,
  guards: 0x94d0_49bb,
  policies: 0x2545_9f4d,
  weights: 0x5be0_cd19,
  streams: 0x2c1b_3c6d,
  turns: 0x510e_527f,
  stubs: 0xa54f_f53a,
  waves: 0x72be_5d74,
  several: 0x1f83_d9ab,
  mixedPolicies: 0x428a_2f98,
  copies: 0x7137_4491,
  quotas: 0xb5c0_fbcf,
  transacts: 0xe9b5_dba5,
  hangs: 0x0fc1_9dc6,
  explains: 0x2de9_2c6f,
  byHand: 0x3956_c25b,
  layers: 0x59f1_11f1,
  classes: 0x923f_82a4,
  pushes: 0x6a09_e667,
  transactions: 0xbb67_ae85,
  tiers: 0x243f_6a88,
  patterns: 0x8ca2_5e61,
  setBack: 0xd192_e819
} as const

type Later = keyof typeof later

const isLater = (name: Feature): name is Later => Object.hasOwn(later, name)

const names = (Object.keys(drawn) as ReadonlyArray<Feature>).filter((name) => !isLater(name))

export const isFeature = (name: string): name is Feature => Object.hasOwn(drawn, name)

/** A die is thrown for each, so that switching one on changes nothing about the others. */
const drawFeatures = (dice: Dice, forced: ReadonlyArray<Feature>): ReadonlySet<Feature> => {
  const any = dice.chance(0.5)
  const chosen = names.filter(() => dice.chance(0.25))
  return new Set([...forced, ...any ? chosen.filter((name) => drawn[name]) : []])
}

/** The features of one seed, and the dice they are played with. */
export interface Extras {
  readonly features: ReadonlySet<Feature>
  readonly dice: Dice
  /** Those of a feature that came later. */
  readonly diceOf: (feature: Later) => Dice
  /** Whether it happens, this time. */
  readonly happens: (feature: Feature, share: number) => boolean
}

/** How many keys a wave of a bulk call has. `undefined`: as many as usual. */
export const waveSizeOf = ({ diceOf, features }: Extras): number | undefined =>
  features.has("waves") ? 1 + diceOf("waves").below(2) : undefined

/** How long the store takes to answer, as it says itself. */
export const distanceOf = ({ diceOf, features }: Extras): { readonly distanceMillis?: () => number } =>
  features.has("far") ? { distanceMillis: () => diceOf("far").chance(0.7) ? 10 : 0 } : {}

export const drawExtras = (seed: number, forced: ReadonlyArray<Feature> = []): Extras => {
  // Far from the dice of the program and of the schedule.
  const dice = diceOf(diceFrom(seed + 0x2545_f491).nextDoubleUnsafe)
  const diceOfLater = Object.fromEntries(
    Object.entries(later).map(([name, far]) => [name, diceOf(diceFrom(seed + far).nextDoubleUnsafe)])
  ) as Record<Later, Dice>
  const features = new Set([
    ...drawFeatures(dice, forced),
    ...(Object.keys(later) as ReadonlyArray<Later>).filter((name) => drawn[name] && diceOfLater[name].chance(0.15))
  ])
  return {
    features,
    dice,
    diceOf: (feature) => diceOfLater[feature],
    happens: (feature, share) => features.has(feature) && (isLater(feature) ? diceOfLater[feature] : dice).chance(share)
  }
}
