/**
 * One cache over several tiers: each keeps copies of what the last one holds.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Caching from "../Caching.ts"
import { middleTiers } from "../internal/defaults/stores.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import { lineOf } from "../internal/engine/operationTable.ts"
import { attach } from "../internal/engine/overStore.ts"
import { mistake, positiveMillis, refuseUnknown, refuseUnless, requireList } from "../internal/options/options.ts"
import { LineOf } from "../internal/text/lineOf.ts"
import { Serializer } from "../Serializer.ts"
import type * as Ttl from "../Ttl.ts"
import type { Options as Middle } from "./middleTier.ts"
import { areSame } from "./sameStore.ts"
import { make } from "./tieredStore.ts"
import { AsTier, type Tier } from "./tiers.ts"

type AnyCache = Layer.Layer<Caching.Caching, any, any>

/**
 * A tier of `tiered` with options of its own.
 * @category options
 * @since 0.1.0
 */
interface TierOptions<C extends AnyCache = AnyCache> {
  /** The layer of a cache in memory, on disk or on a server. */
  readonly cache: C
  /**
   * How long the tier keeps a copy at most. The last tier keeps entries as long as their strategy says.
   * @default none: as long as the last tier
   */
  readonly ttl?: Ttl.Input | undefined
}

/**
 * One cache over several tiers, from the nearest to the last: memory, a disk of the machine, a server of the region. A
 * read asks one tier after the other, and fills the tiers before the one that answers.
 *
 * **When to use**
 *
 * Use if a server holds more than the memory of a process, and each machine has a fast disk.
 *
 * **Details**
 *
 * - The last tier decides. It has the leases and the versions of tags, and all other tiers hold only copies of what it
 *   has returned or acknowledged. Writes and invalidations go to it first, and then from tier to tier to memory.
 * - A tier in the middle serves a copy only if every change since has been reported. While changes of the last tier
 *   cannot be tracked, the last tier is asked, and copies stand in for it while it fails. If the last tier reports no
 *   changes at all, copies are served for half of its `maxStaleness`, which bounds all tiers together.
 * - Processes of one machine can share a tier in the middle. Processes of several machines cannot.
 * - A tier in the middle that fails, hangs or loses entries is skipped, and one warning is logged. It may take a fifth
 *   of the last tier's `storeTimeout`, or its own `storeTimeout` if that is shorter.
 * - Without `CacheLayer.memory` as the first tier, the cache has no memory. Options of memory and of reads belong to
 *   that tier, and `lease`, `wait` and `maxStaleness` to the last one.
 * - The layer also provides the `Lock` and the `GuardStore` of the last tier.
 *
 * **Gotchas**
 *
 * The layer dies with a `CacheConfigError` when it is built if a tier is no cache with a store, if two tiers have the
 * same store, if the last tier belongs to one process and one before it does not, if a serializer is provided to the
 * layer of one before it, or if a tier with a store has a layer like `withDisabled`
 * around it: put that around this layer.
 *
 * **Example** (Keeping copies on the disk of the machine)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 *
 * const directory = mkdtempSync(`${tmpdir()}/cache-`)
 * const cache = CacheLayer.tiered([
 *   CacheLayer.memory({ capacity: 1000 }),
 *   { cache: CacheLayer.disk({ directory: `${directory}/near` }), ttl: "1 hour" },
 *   CacheLayer.disk({ directory: `${directory}/last` }) // in a real program, CacheLayer.redis
 * ])
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 day" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link routed} for keeping some keys in another cache
 * @category layers
 * @since 0.1.0
 */
export const tiered = <const C extends AnyCache>(
  tiers: ReadonlyArray<C | TierOptions<C>>
): Layer.Layer<Caching.Caching, Layer.Error<C>, Layer.Services<C>> => {
  const checked = check(tiers)
  return Layer.fromBuild((_, scope) =>
    Effect.provideService(build(checked, scope), Scope.Scope, scope) as Effect.Effect<any, any, any>
  )
}

const what = "CacheLayer.tiered"

interface Checked {
  readonly cache: AnyCache
  readonly ttlMillis: number | undefined
}

const check = (tiers: ReadonlyArray<AnyCache | TierOptions>): ReadonlyArray<Checked> => {
  requireList(what, tiers, "tier")
  const checked = Array.from(tiers, (tier, i): Checked => {
    const name = `tier ${i + 1} of ${what}`
    if (Layer.isLayer(tier)) return { cache: tier as AnyCache, ttlMillis: undefined }
    refuseUnknown(name, tier, ["cache", "ttl"])
    const { cache, ttl } = tier as TierOptions
    if (!Layer.isLayer(cache)) throw mistake(`${name} must be a layer, like CacheLayer.memory(), or { cache, ttl }`)
    return { cache, ttlMillis: ttl === undefined ? undefined : positiveMillis(`ttl of ${name}`, ttl) }
  })
  refuseUnless(checked.length >= 2, `${what} needs at least two tiers, from the nearest to the last`)
  refuseUnless(
    new Set(checked.map(({ cache }) => cache)).size === checked.length,
    `${what} has a tier twice: call CacheLayer.disk (or memory, or redis) once for each tier`
  )
  refuseUnless(
    checked.at(-1)!.ttlMillis === undefined,
    `The last tier of ${what} has no ttl: it keeps entries as long as their strategy says`
  )
  return checked
}

interface Opened {
  readonly services: Context.Context<Caching.Caching>
  readonly tier: Tier | undefined
}

interface Storing extends Opened {
  readonly tier: Tier
  readonly ttlMillis: number | undefined
}

const build = Effect.fnUntraced(function*(
  checked: ReadonlyArray<Checked>,
  scope: Scope.Scope
): Effect.fn.Return<Context.Context<Caching.Caching>, unknown, any> {
  const stores: Array<Storing> = []
  let memory: Opened | undefined
  // From the last to the first, so that the cache closes before its stores.
  for (const [i, { cache, ttlMillis }] of Array.from(checked.entries()).toReversed()) {
    const opened = yield* open(cache, scope, i)
    const { services, tier } = opened
    if (tier !== undefined) stores.unshift({ services, tier, ttlMillis })
    else if (i === 0 && ttlMillis === undefined) memory = opened
    else {
      throw mistake(
        i === 0
          ? `The memory of ${what} has no ttl: use defaults: { memoryTtl } of CacheLayer.memory`
          : `Tier ${i + 1} of ${what} has no store: memory can only be the first tier`
      )
    }
  }
  const last = stores.pop()!
  const { options, serializer, store } = last.tier
  const middles = stores.map((one) => middleOf(one, options))
  for (const { tier } of stores) {
    refuseMisplaced(tier, [...ofMemory, ...ofLast])
    // `CacheLayer.files` has a serializer of its own where the program gives none.
    const isUsual = tier.serializer === Serializer.defaultValue() || tier.store.name === "files"
    refuseUnless(
      isUsual || tier.serializer === serializer,
      `The serializer of the layer of the tier "${tier.store.name}" of ${what} has no effect, because values are ` +
        "encoded once for all tiers: provide it to the last one"
    )
    refuseUnless(
      store.capabilities.shared || !tier.store.capabilities.shared,
      `The last tier of ${what}, "${store.name}", belongs to one process, and "${tier.store.name}" before it does not`
    )
  }
  const all = [store, ...stores.map(({ tier }) => tier.store)]
  refuseUnless(new Set(all).size === all.length, `${what} has the store of one tier twice`)
  for (const [i, one] of all.entries()) {
    for (const other of all.slice(i + 1)) {
      refuseUnless(
        !(yield* areSame(one, other, options.storeTimeoutMillis)),
        `${what} has the store of one tier twice: two tiers "${one.name}" have the same folder or server`
      )
    }
  }
  refuseMisplaced(last.tier, memory === undefined ? ["capacity"] : ofMemory)
  // The store is made before the cache that says how lines of the tiers show ids.
  let cache: Caching.Shape | undefined
  const own = {
    ...options,
    // A copy may be this old when it enters memory.
    maxStalenessMillis: options.maxStalenessMillis - Math.max(0, ...middles.map((one) => one.maxStalenessMillis)),
    store: {
      store: middles.length === 0
        ? store
        : yield* Effect.provideService(
          make({ middles, last: store, storeTimeoutMillis: options.storeTimeoutMillis }),
          LineOf,
          (text, named) => cache === undefined ? text : cacheOf(cache).perform(lineOf, text, named)
        ),
      serializer
    }
  }
  if (memory === undefined) {
    cache = yield* Caching.make({ ...own, capacity: 0 })
    return Context.add(last.services, Caching.Caching, cache)
  }
  cache = Context.get(memory.services, Caching.Caching)
  const front = cacheOf(cache)
  refuseUnless(
    // Only one of several caches would get the store.
    front.of === undefined && (yield* front.perform(attach, own)),
    `Tier 1 of ${what} must be a layer like CacheLayer.memory() or CacheLayer.disk({ directory })`
  )
  return Context.add(last.services, Caching.Caching, cache)
})

const middleOf = (one: Storing, last: Caching.MakeOptions): Middle => {
  const { tier: { options, store }, ttlMillis = Infinity } = one
  return {
    store,
    ttlMillis,
    timeoutMillis: Math.min(options.storeTimeoutMillis, last.storeTimeoutMillis * middleTiers.timeoutShare),
    maxStalenessMillis: Math.min(options.maxStalenessMillis, last.maxStalenessMillis * middleTiers.stalenessShare)
  }
}

/** The options of memory and of reads, and those of loads in several processes, by their names in `MakeOptions`. */
const ofMemory = [
  "capacity",
  "weigher",
  "eviction",
  "curve",
  "refresh",
  "inherit",
  "strategy",
  "readDefaults",
  "shutdownMillis",
  "flights",
  "maxLoadMillis"
] as const
const ofLast = ["leaseMillis", "waitMillis"] as const

/** Refuses options that have no effect on a tier. */
const refuseMisplaced = (
  { options, store }: Tier,
  names: ReadonlyArray<keyof Caching.MakeOptions>
): void => {
  for (const name of names) {
    const given = options[name]
    if (given === Caching.defaults[name] || (name === "capacity" && given === 0)) continue
    const option = name === "readDefaults" ? "defaults" : name === "shutdownMillis" ? "shutdownTimeout" : name
    throw mistake(
      `The option "${
        option.replace("Millis", "")
      }" has no effect on the tier "${store.name}" of ${what}: it belongs to ` +
        (ofLast.some((one) => one === name) ? "the last tier" : "CacheLayer.memory, as the first tier")
    )
  }
}

/** Opens the store of a layer, apart from caches that other parts of the program make with the same layer. */
const open = (cache: AnyCache, scope: Scope.Scope, i: number): Effect.Effect<Opened, unknown, any> =>
  Effect.suspend(() => {
    const found: Array<Tier> = []
    const built = Layer.buildWithMemoMap(cache, Layer.makeMemoMapUnsafe(), scope)
    const wrapped = () =>
      mistake(
        `Tier ${
          i + 1
        } of ${what} has a layer like CacheLayer.withDisabled or CacheProfiles.layer around it, which would ` +
          `have no effect on a store: put it around ${what}`
      )
    const perform = () => {
      throw wrapped()
    }
    const standing = { ...cacheOf(Caching.disabled), perform }
    return Effect.map(
      Effect.provideService(built, AsTier, (tier) => {
        found.push(tier)
        return standing
      }),
      (services) => {
        refuseUnless(found.length <= 1, `Tier ${i + 1} of ${what} is several caches: it must be one`)
        if (found.length === 1 && Context.get(services, Caching.Caching) !== standing) throw wrapped()
        return { services, tier: found[0] }
      }
    )
  })
