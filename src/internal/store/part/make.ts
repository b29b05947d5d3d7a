/** Makes a store part: a view of a store whose entries, tags and counters are limited to a prefix. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import type { Scanned, ScanOptions, Store } from "../../../ports/store.ts"
import { sweepMillis } from "../../defaults/stores.ts"
import { reader } from "../readers.ts"
import * as Counters from "./counters.ts"
import * as Leases from "./leases.ts"
import * as Part from "./part.ts"
import { transacting } from "./transact.ts"

/** Lists the part's entries in the store, including those written before the last `clear`. */
const listed = (self: Part.Part, options?: ScanOptions): Stream.Stream<Scanned, StoreError> =>
  self.store.scan({ ...options, prefix: Part.add(self, options?.prefix ?? "") })

const scan = (self: Part.Part, options?: ScanOptions): Stream.Stream<Scanned, StoreError> =>
  Stream.unwrap(Part.withVersion(self, (version) =>
    Effect.succeed(
      listed(self, options).pipe(
        Stream.filter(({ meta }) => Part.isCurrent(self, meta, version)),
        Stream.map(({ id, meta, ...more }) => ({ ...more, id: Part.strip(self, id), meta: Part.openMeta(self, meta) }))
      )
    )))

/** Clears the part. Then removes, as time allows, old entries, old counters, and leases whose results are refused. */
const clear = (self: Part.Part): Effect.Effect<void, StoreError> => {
  const { everything, leased, store } = self
  const releaseLeases = Effect.suspend(() => {
    const ids = Array.from(leased)
    leased.clear()
    return store.remove(Part.addAll(self, ids))
  })
  const removeOld = Part.withVersion(
    self,
    (version) =>
      Stream.runForEach(
        listed(self),
        ({ id, meta }) => Part.isCurrent(self, meta, version) ? Effect.void : store.remove([id])
      )
  )
  const sweep = Effect.all([releaseLeases, removeOld, Counters.removeOld(self)], { discard: true })
  return Effect.andThen(
    Effect.suspend(() => store.invalidateTags([everything])),
    Effect.ignore(Effect.timeoutOption(sweep, sweepMillis))
  )
}

export const make = (store: Store, prefix: string): Store => {
  const self = Part.make(store, prefix)
  const { getCallback, getUnsafe, transact } = store
  const add = (text: string) => Part.add(self, text)
  const under = <A>(use: (version: string) => Effect.Effect<A, StoreError>) => Part.withVersion(self, use)
  const named = <A>(name: string, use: (counter: string) => Effect.Effect<A, StoreError>) =>
    under((version) => use(Counters.nameOf(self, version, name)))
  const changesUnsafe = store.changesUnsafe && reader(store.name, store.changesUnsafe)
  // Lists every operation of the port by name, so that a new operation does not compile until it is prefixed here.
  const own: Store = {
    name: store.name,
    // A part does not support dependencies: a tag that stands for an id would not match the id with the prefix.
    capabilities: { ...store.capabilities, dependencies: false },
    get: (id, tags, ...rest) =>
      Effect.map(store.get(add(id), Part.asked(self, tags), ...rest), (answer) => Part.answered(self, answer)),
    isWhole: store.isWhole,
    distanceMillis: store.distanceMillis,
    workedMillis: store.workedMillis,
    getUnsafe: getUnsafe &&
      ((id, tags, ...rest) => Part.answered(self, getUnsafe(add(id), Part.asked(self, tags), ...rest))),
    getCallback: getCallback &&
      ((id, tags, done) =>
        getCallback(
          add(id),
          Part.asked(self, tags),
          (exit) => done(Exit.map(exit, (answer) => Part.answered(self, answer)))
        )),
    getMany: (ids, ...rest) =>
      under((version) =>
        Effect.map(
          store.getMany(ids.map(add), ...rest),
          (entries) => entries.map((entry) => Part.open(self, entry, version))
        )
      ),
    set: (requests) =>
      under((version) => {
        const closed = requests.map((request) => ({
          ...request,
          id: add(request.id),
          entry: Part.close(self, request.entry, version)
        }))
        return Leases.ended(self, requests.map(({ id }) => id), store.set(closed), (done, i) => done[i]!)
      }),
    remove: (ids) => Leases.ended(self, ids, store.remove(ids.map(add))),
    acquire: (requests) => Leases.acquire(self, requests),
    commit: (requests) => Leases.commit(self, requests),
    renew: (ids, ...rest) => store.renew(ids.map(add), ...rest),
    touch: (id, ...rest) => store.touch(add(id), ...rest),
    // The id stays in `leased`, because `clear` must also remove the failure note.
    release: (id, ...rest) => store.release(add(id), ...rest),
    markers: (tags, ...rest) => store.markers(tags.map(add), ...rest),
    invalidateTags: (tags, ...rest) => store.invalidateTags(tags.map(add), ...rest),
    scan: (options) => scan(self, options),
    scanLoads: (options) =>
      Stream.map(store.scanLoads({ ...options, prefix: add(options?.prefix ?? "") }), (id) => Part.strip(self, id)),
    size: Stream.runCount(Stream.suspend(() => scan(self))),
    clear: clear(self),
    increment: (name, by, ...rest) =>
      named(name, (counter) => {
        if (by !== 0) Part.note(self.counted, counter)
        return store.increment(counter, by, ...rest)
      }),
    counter: (name) => named(name, (counter) => store.counter(counter)),
    touchCounter: (name, ...rest) => named(name, (counter) => store.touchCounter(counter, ...rest)),
    removeCounter: (name) => named(name, (counter) => store.removeCounter(counter)),
    scanCounters: (options) => Counters.scan(self, options),
    transact: transact && transacting(self, transact),
    changes: Stream.flatMap(store.changes, (change) => Stream.fromIterable(Part.changesIn(self, change))),
    changesUnsafe: changesUnsafe && (() => {
      const changes = changesUnsafe()
      return changes.length === 0 ? changes : changes.flatMap((change) => Part.changesIn(self, change))
    })
  }
  return { ...store, ...own }
}
