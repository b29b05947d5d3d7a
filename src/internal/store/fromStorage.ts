/** A store over an asynchronous storage: operations that write an id run one after another. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Stored } from "../../CacheEntry.ts"
import { CacheConfigError } from "../../CacheError.ts"
import type { Storage } from "../../ports/storage.ts"
import type { Acquired, AcquireOptions, SetCondition, Store, TouchOptions } from "../../ports/store.ts"
import * as Tokens from "../token.ts"
import { complete } from "./complete.ts"
import { holds, isOtherWrite, touched } from "./conditions.ts"
import * as Lasting from "./lasting.ts"
import * as Leases from "./leases.ts"
import * as Lines from "./lines.ts"
import { each } from "./many.ts"
import * as MarkerEntries from "./markers/markerEntries.ts"
import * as Markers from "./markers/markers.ts"
import * as Tags from "./markers/storageTags.ts"
import * as StoredMarkers from "./markers/storedMarkers.ts"
import * as Parts from "./parts.ts"
import { transacting } from "./transactInLines.ts"

const parts: Parts.Parts<Storage> = {
  name: "a string",
  capabilities: "an object",
  get: "a function",
  set: "a function",
  setIfAbsent: "a function",
  remove: "a function",
  getMany: "a function",
  scan: "a function",
  size: "an Effect",
  clear: "an Effect",
  counters: "an object",
  changes: "a Stream"
}

const partsOfCounters: Parts.Parts<NonNullable<Storage["counters"]>> = {
  increment: "a function",
  counter: "a function",
  touchCounter: "a function",
  removeCounter: "a function",
  scanCounters: "a function"
}
const neededOfCounters = ["increment", "counter", "touchCounter", "removeCounter"] as const

export const make = (storage: Storage): Store => {
  Parts.check("Store.make", storage, parts, ["name", "get", "set", "remove"])
  const keepsMarkers = Lasting.keepsMarkers("Store.make", storage)
  if (storage.counters !== undefined) {
    Parts.requireKinds("Store.make counters", storage.counters, partsOfCounters, neededOfCounters)
    if (storage.clear === undefined) {
      throw new CacheConfigError({
        message: `Store.make cannot clear the counters of "${storage.name}": give it a clear that removes them too`
      })
    }
  }

  const lines = Lines.make()
  const leases = Leases.make()
  const tokensOf = Tokens.lazily()
  const getMany: Store["getMany"] = storage.getMany ?? ((ids) => each(ids, storage.get))
  const tags = keepsMarkers ? StoredMarkers.make(storage, getMany, lines) : Tags.ofProcess(storage)

  const set = (id: string, entry: Stored, condition: SetCondition | undefined) =>
    condition === undefined
      ? write(id, entry)
      : Effect.flatMap(withTags(id), ([stored, table]) =>
        Effect.clockWith((clock) =>
          holds(condition, stored, clock.currentTimeMillisUnsafe(), table) ? write(id, entry) : Exit.succeed(false)
        ))

  /** An entry, and the present versions of its tags. */
  const withTags = (id: string) =>
    Effect.flatMap(storage.get(id), (stored) => Effect.map(tags.of(stored), (table) => [stored, table] as const))

  const write = (id: string, entry: Stored) =>
    Effect.suspend(() => {
      leases.end(id)
      return Effect.as(storage.set(id, entry), true)
    })

  const acquire = (id: string, options: AcquireOptions) =>
    Effect.flatMap(storage.get(id), (entry) =>
      isOtherWrite(entry, options.rejectedWriteId)
        ? Exit.succeed<Acquired>({ _tag: "Hit", entry })
        : Effect.withFiber<Acquired>((fiber) =>
          Exit.succeed(Markers.withSeq(
            tags.seq,
            leases.acquire(
              id,
              options,
              fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
              () => Leases.newGeneration(tokensOf(fiber))
            )
          ))
        ))

  const commit = (id: string, generation: string, entry: Stored) =>
    Effect.clockWith((clock) =>
      leases.isCurrent(id, generation, clock.currentTimeMillisUnsafe())
        // After the write: a commit that failed does not end the generation, so another load of it may still be stored.
        ? Effect.map(storage.set(id, entry), () => {
          leases.end(id)
          return true
        })
        : Exit.succeed(false)
    )

  // While a `clear` runs the entry counts as removed, whether it is still there or not. A `clear` that begins from here
  // on finds the id busy, and removes it after this step.
  const touch = (id: string, options: TouchOptions) =>
    Effect.suspend(() =>
      clearing.busy().length > 0
        ? Exit.succeed(false)
        : Effect.flatMap(withTags(id), ([stored, table]) =>
          Effect.clockWith((clock) => {
            const entry = touched(stored, options, clock.currentTimeMillisUnsafe(), table)
            return entry === undefined ? Exit.succeed(false) : Effect.as(storage.set(id, entry), true)
          }))
    )

  // The generation ends twice: at once, so that no waiting `commit` stores, and in its turn, for leases acquired
  // meanwhile.
  const remove = (id: string) =>
    Effect.suspend(() => {
      leases.end(id)
      const inTurn = Effect.suspend(() => {
        leases.end(id)
        return storage.remove(id)
      })
      return lines.run(id, "removal", inTurn)
    })

  const { changes, scan, size } = storage
  const all = scan && Stream.suspend(() => scan())

  const clearStored = storage.clear ?? (all && Stream.runForEach(all, ({ id }) => storage.remove(id)))
  const clearing = Lines.make()

  // Ids with operations under way are removed after those. Generations end twice, as in `remove`.
  const clear = (clearStored: Store["clear"]) =>
    Effect.suspend(() => {
      leases.endAll()
      const late = Effect.forEach(lines.busy(), remove, { concurrency: "unbounded", discard: true })
      const stored = Effect.ensuring(clearStored, Effect.sync(() => leases.endAll()))
      return Effect.asVoid(Effect.all([clearing.run("", "write", stored), late], { concurrency: "unbounded" }))
    })

  const store = complete({
    name: storage.name,
    capabilities: {
      shared: storage.capabilities?.shared ?? false,
      changes: storage.changes !== undefined
    },
    get: tags.get,
    getMany,
    set: (id, entry, condition) => lines.run(id, "write", set(id, entry, condition)),
    remove,
    touch: (id, options) => lines.run(id, "write", touch(id, options)),
    acquire: (id, options) => lines.run(id, "read", acquire(id, options)),
    commit: (id, generation, entry) => lines.run(id, "write", commit(id, generation, entry)),
    renew: (id, owner, leaseMillis) =>
      Effect.clockWith((clock) => Exit.succeed(leases.renew(id, owner, leaseMillis, clock.currentTimeMillisUnsafe()))),
    release: (id, owner, note) =>
      Effect.clockWith((clock) => Exit.succeed(leases.release(id, owner, clock.currentTimeMillisUnsafe(), note))),
    markers: (names) => Effect.withFiber((fiber) => tags.markers(names, () => Markers.newVersion(tokensOf(fiber)))),
    invalidateTags: (names, mode) =>
      Effect.withFiber((fiber) => tags.invalidate(names, () => Markers.newVersion(tokensOf(fiber)), mode)),
    ...(keepsMarkers ? MarkerEntries.hiddenIn({ scan, size, changes }) : { scan, size, changes }),
    clear: clearStored && clear(clearStored),
    ...storage.counters
  })
  if (store.capabilities.shared) return store
  return {
    ...store,
    transact: transacting(store, {
      lines,
      clear: clearStored && ((held) =>
        Effect.suspend(() => {
          leases.endAll()
          // what others write now is removed after that, and not waited for: it may wait for an id of this transaction
          const late = Effect.forEach(lines.busy().filter((id) => !held.has(id)), remove, {
            concurrency: "unbounded",
            discard: true
          })
          const stored = Effect.ensuring(clearStored, Effect.sync(() => leases.endAll()))
          return Effect.andThen(Effect.forkDetach(Effect.ignore(late)), clearing.run("", "write", stored))
        })),
      holds: (id, condition, now) =>
        Effect.map(withTags(id), ([stored, table]) => holds(condition, stored, now, table)),
      step(step) {
        switch (step._tag) {
          case "Set":
            return write(step.id, step.entry)
          case "Commit":
            return commit(step.id, step.generation, step.entry)
          case "Remove":
            leases.end(step.id)
            return storage.remove(step.id)
          case "Touch":
            return touch(step.id, step.options)
          case "InvalidateTags":
            return Effect.forEach(
              step.tags,
              ({ tag, version }) => tags.invalidate([tag], () => version, step.mode),
              { discard: true }
            )
          default:
            return Effect.void
        }
      }
    })
  }
}
