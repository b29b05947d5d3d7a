/** A cache that passes each call on to one of several caches, by the key, or to all of them. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { InMemory } from "../CacheEntry.ts"
import { boundBytes } from "../internal/engine/boundBytes.ts"
import { type Cache, cacheOf, cacheOfKey, disabled, type Operation, TypeId } from "../internal/engine/boundCache.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { withRatios } from "../internal/engine/telemetry/stats.ts"
import { type Counters, noCounters } from "../internal/engine/telemetry/telemetry.ts"
import { stringOfId } from "../internal/key/id.ts"
import { infoOf, type Key } from "../internal/key/ofKey.ts"
import { mistake } from "../internal/options/options.ts"
import * as Turns from "../internal/time/turns.ts"

/** The number of a cache for each key class, by name, and for prefixes of string keys, the longest first. */
export interface Table {
  readonly classes: ReadonlyMap<string, number>
  readonly prefixes: ReadonlyArray<{ readonly prefix: string; readonly route: number }>
}

/** Different caches. The first one is for keys without a route. */
type Caches = readonly [Cache, ...Array<Cache>]

/**
 * The place of the cache for calls without a key that need one cache, such as a transaction: the first one or, if that
 * is disabled, the only one that is not.
 */
export const mainOf = (caches: Caches): number => {
  const enabled = caches.flatMap((cache, place) => cache === disabled ? [] : [place])
  return caches[0] === disabled && enabled.length === 1 ? enabled[0]! : 0
}

interface Self {
  readonly caches: Caches
  readonly table: Table
}

export const make = (caches: Caches, table: Table): Cache => {
  const self: Self = { caches, table }
  const [usual] = caches
  const main = caches[mainOf(caches)]!
  const isUnclear = main === disabled && caches.length > 1
  const { beside } = main
  const cache: Cache = {
    [TypeId]: TypeId,
    strategy: usual.strategy,
    copy: usual.copy,
    of: (key) => cacheOfKey(cacheFor(self, key), key),
    read: (fiber, request) => cacheFor(self, request.key).read(fiber, request),
    perform: (operation, ...args) => {
      const routed = operations.get(operation)
      if (routed !== undefined) return routed(self, ...args) as never
      const { joined, keyOf, needsOne } = operation
      if (joined !== undefined) return joined(caches.map((cache) => cache.perform(operation, ...args)))
      if (needsOne !== undefined && isUnclear) throw mistake(needsOne)
      return (keyOf === undefined ? main : cacheFor(self, keyOf(...args))).perform(operation, ...args)
    },
    beside: beside === undefined ? undefined : (other) => {
      const used = beside(other)
      return used === main ? cache : used
    },
    // A transaction changes one cache. It refuses to change the others, but reads them.
    inside: (transaction) => {
      const beside = (other: Cache) =>
        other === main ? transaction : other === disabled ? other : cacheOf(transaction.beside?.(other) ?? other)
      const [first, ...others] = caches
      return make([beside(first), ...others.map(beside)], table)
    }
  }
  return cache
}

const cacheFor = (self: Self, key: Key): Cache => self.caches[routeOf(self.table, key)]!

const routeOf = ({ classes, prefixes }: Table, key: Key): number => {
  if (typeof key !== "string") return classes.get(infoOf(key)?.name as string) ?? 0
  // Each hit passes here, and an iterator would take longer than the comparison.
  for (let i = 0; i < prefixes.length; i++) if (key.startsWith(prefixes[i]!.prefix)) return prefixes[i]!.route
  return 0
}

/** The route of an id, or `undefined` if the id of a long string is a hash, so that its key is unknown. */
const routeOfId = (table: Table, id: string): number | undefined => {
  const key = stringOfId(id)
  if (key !== undefined) return routeOf(table, key)
  const name = /^~([^#:@][^@]*)@/.exec(id)?.[1]
  return name === undefined ? undefined : table.classes.get(name) ?? 0
}

type Routed = (self: Self, ...args: ReadonlyArray<any>) => unknown

type Args<O> = O extends Operation<infer A, any> ? A : never
type Result<O> = O extends Operation<any, infer A> ? A : never

const on = <O extends Operation<any, any>>(
  operation: O,
  routed: (self: Self, ...args: Args<O>) => Result<O>
): readonly [Operation<any, any>, Routed] => [operation, routed as Routed]

/** Counters are routed by their names, like string keys. */
const ofKey = (operation: Operation<[key: any, ...rest: ReadonlyArray<any>], any>) =>
  on(operation, (self, key: Key, ...rest) => cacheFor(self, key).perform(operation, key, ...rest))

/** Runs an effect for each cache or group, even if it fails for one of them, and then fails with the first failure. */
const everywhere = <C, A, E, R>(
  caches: ReadonlyArray<C>,
  run: (cache: C) => Effect.Effect<A, E, R>
): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Effect.flatMap(
    Effect.forEach(caches, (cache) => Effect.exit(run(cache)), { concurrency: "unbounded" }),
    (exits): Effect.Effect<ReadonlyArray<A>, E> => Exit.asVoidAll(exits).pipe(Exit.map(() => valuesOf(exits)))
  )

const valuesOf = <A, E>(exits: ReadonlyArray<Exit.Exit<A, E>>): ReadonlyArray<A> =>
  exits.flatMap((exit) => Exit.isSuccess(exit) ? [exit.value] : [])

const onAll = <A extends ReadonlyArray<unknown>>(operation: Operation<A, Effect.Effect<void, any>>) =>
  on<Operation<any, any>>(
    operation,
    ({ caches }, ...args) =>
      Effect.asVoid(everywhere(caches, (cache) => cache.perform(operation, ...args as unknown as A)))
  )

const streamed = <A extends ReadonlyArray<unknown>>(operation: Operation<A, Stream.Stream<any, any>>) =>
  on<Operation<any, any>>(
    operation,
    ({ caches }, ...args) =>
      Stream.flatMap(Stream.fromIterable(caches), (cache) => cache.perform(operation, ...args as unknown as A))
  )

/** Registers a listener with every cache. */
const listening = <A extends ReadonlyArray<unknown>>(operation: Operation<A, () => void>) =>
  on<Operation<any, any>>(operation, ({ caches }, ...args) => {
    const ends = caches.map((cache) => cache.perform(operation, ...args as unknown as A))
    return () => ends.forEach((end) => end())
  })

const refused = (operation: Operation<any, any>, name: string) =>
  on(
    operation,
    () =>
      Effect.die(
        mistake(`${name} is of one memory, and a routed cache has several: use it with each cache (withCache)`)
      )
  )

export interface Group<A> {
  readonly cache: Cache
  readonly items: Array<A>
  readonly places: Array<number>
}

/** The items of a bulk call by their caches, with their places in the call. */
const grouped = <A>(
  self: Self,
  items: ReadonlyArray<A>,
  keyOf: (item: A) => Key
): Effect.Effect<ReadonlyArray<Group<A>>> => {
  const groups: Array<Group<A> | undefined> = self.caches.map(() => undefined)
  let place = 0
  const add = (item: A) => {
    const route = routeOf(self.table, keyOf(item))
    const group = groups[route] ??= { cache: self.caches[route]!, items: [], places: [] }
    group.items.push(item)
    group.places.push(place++)
  }
  return Effect.map(Turns.forEach(items, add), () => groups.filter((group) => group !== undefined))
}

/** Runs a bulk call on the cache of each item, and puts the results in the order of the items. */
export const manyOf = <A, B, E, R, G extends Group<A>>(
  groups: ReadonlyArray<G>,
  run: (group: G) => Effect.Effect<ReadonlyArray<B>, E, R>
): Effect.Effect<ReadonlyArray<B>, E, R> => {
  if (groups.length === 1) return run(groups[0]!)
  const results: Array<B> = []
  return Effect.flatMap(
    everywhere(groups, run),
    (all) => {
      const inOrder = groups.map(({ places }, i) =>
        Turns.forEach(places.entries(), ([at, place]) => void (results[place] = all[i]![at]!))
      )
      return Effect.as(Effect.all(inOrder), results)
    }
  )
}

const self = (key: Key): Key => key

const operations = new Map<Operation<any, any>, Routed>([
  ...[Operations.lookup, Operations.find, Operations.set, Operations.current, Operations.touch].map(ofKey),
  ...[Operations.increment, Operations.counter, Operations.touchCounter, Operations.removeCounter].map(ofKey),
  on(
    Operations.readMany,
    (routes, _, many) =>
      Effect.flatMap(
        grouped(routes, many.keys, self),
        (groups) =>
          manyOf(groups, ({ cache, items }) =>
            Effect.withFiber((fiber: Fiber.Fiber<any, any>) =>
              cache.perform(Operations.readMany, fiber, { ...many, keys: items })
            ))
      )
  ),
  on(
    Operations.lookupMany,
    (routes, keys) =>
      Effect.flatMap(
        grouped(routes, keys, self),
        (groups) => manyOf(groups, ({ cache, items }) => cache.perform(Operations.lookupMany, items))
      )
  ),
  on(
    Operations.setMany,
    (routes, pairs, options) =>
      Effect.flatMap(
        grouped(routes, pairs, ([key]) => key),
        (groups) =>
          Effect.asVoid(everywhere(groups, ({ cache, items }) => cache.perform(Operations.setMany, items, options)))
      )
  ),
  on(Operations.stream, (routes, streaming) => cacheFor(routes, streaming.key).perform(Operations.stream, streaming)),
  on(Operations.invalidate, ({ caches, table }, ids, mode) => {
    const groups = caches.map((cache) => ({ cache, ids: [] as Array<string> }))
    return Effect.flatMap(
      Turns.forEach(ids, (id) => {
        const route = routeOfId(table, id)
        if (route !== undefined) groups[route]!.ids.push(id)
        else for (const group of groups) group.ids.push(id)
      }),
      () => {
        const affected = groups.filter(({ ids }) => ids.length > 0)
        return Effect.map(
          everywhere(affected, ({ cache, ids }) => cache.perform(Operations.invalidate, ids, mode)),
          sum
        )
      }
    )
  }),
  onAll(Operations.invalidateTags),
  onAll(Operations.clear),
  onAll(Operations.ping),
  on(Operations.size, ({ caches }) => Effect.map(everywhere(caches, (cache) => cache.perform(Operations.size)), sum)),
  streamed(Operations.entries),
  streamed(Operations.counters),
  on(Operations.invalidateMatching, ({ caches }, glob, mode) =>
    // Each cache counts from 0, and the totals of a stream of progress only grow.
    Stream.suspend(() => {
      const totals = caches.map(() => ({ scanned: 0, invalidated: 0 }))
      return Stream.flatMap(Stream.fromIterable(caches.entries()), ([i, cache]) =>
        Stream.map(cache.perform(Operations.invalidateMatching, glob, mode), (progress) => {
          totals[i] = progress
          return {
            scanned: sum(totals.map(({ scanned }) =>
              scanned
            )),
            invalidated: sum(totals.map(({ invalidated }) => invalidated))
          }
        }))
    })),
  on(Operations.ranked, ({ caches }, ranking, count) =>
    Effect.map(
      everywhere(caches, (cache) => cache.perform(Operations.ranked, ranking, count)),
      (all) => all.flat().toSorted(ranking === "cold" ? coldestFirst : (a, b) => coldestFirst(b, a)).slice(0, count)
    )),
  on(
    Operations.stats,
    ({ caches }) =>
      Effect.map(everywhere(caches, (cache) => cache.perform(Operations.stats)), (all) => all.reduce(added))
  ),
  refused(Operations.resize, "Cached.resize"),
  refused(Operations.curve, "The curve of Cached.stats"),
  on(Operations.meter, () => {
    throw mistake(
      "CacheMetrics.layer measures one cache, and a routed cache has several: wrap each of them, under a name of its own"
    )
  }),
  on(boundBytes, ({ caches }, classes, most) => {
    for (const cache of caches) cache.perform(boundBytes, classes, most)
  }),
  on(Operations.enforceQuotas, ({ caches }, quotas) => {
    for (const cache of caches) cache.perform(Operations.enforceQuotas, quotas)
  }),
  on(Operations.pressureOn, ({ caches }, most) => {
    const shares = caches.map((cache) => cache.perform(Operations.pressureOn, most))
    return (share) => shares.forEach((relieve) => relieve(share))
  }),
  listening(Operations.listen),
  listening(Operations.onRemoval)
])

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

const coldestFirst = (a: InMemory, b: InMemory): number => a.reads - b.reads || a.createdAt - b.createdAt

type Stats = Effect.Success<Result<typeof Operations.stats>>

const countersOf = (a: Counters, b: Counters): Counters => {
  const counters = { ...noCounters }
  for (const name of Object.keys(counters) as Array<keyof Counters>) counters[name] = a[name] + b[name]
  return counters
}

const added = (a: Stats, b: Stats): Stats => {
  const names = new Set([...Object.keys(a.classes), ...Object.keys(b.classes)])
  const causes = Object.keys(a.removals) as Array<keyof Stats["removals"]>
  return {
    ...withRatios(countersOf(a, b)),
    evictions: a.evictions + b.evictions,
    evictedWeight: a.evictedWeight + b.evictedWeight,
    size: a.size + b.size,
    weight: a.weight + b.weight,
    removals: Object.fromEntries(
      causes.map((cause) => [cause, a.removals[cause] + b.removals[cause]])
    ) as unknown as Stats["removals"],
    classes: Object.fromEntries(
      Array.from(names, (name) => [
        name,
        withRatios(countersOf(a.classes[name] ?? noCounters, b.classes[name] ?? noCounters))
      ])
    )
  }
}
