/** A store over a storage that may answer late: every write of an id waits for the one before it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import type { Stored } from "../../CacheEntry.ts"
import type { Storage } from "../../ports/storage.ts"
import type { Acquired, AcquireOptions, SetCondition, Store, TouchOptions } from "../../ports/store.ts"
import { refuseUnknown, requireType } from "../options.ts"
import { complete } from "./complete.ts"
import { holds, isNews, touched } from "./conditions.ts"
import * as Leases from "./leases.ts"
import * as Lines from "./lines.ts"
import { each } from "./many.ts"
import * as Markers from "./markers.ts"

const required = ["get", "set", "remove"]
const known = ["name", "capabilities", ...required, "getMany", "scan", "size", "clear", "counters", "changes"]

export const make = (storage: Storage): Store => {
  refuseUnknown("Store.make", storage, known)
  requireType("Store.make", storage, ["name"], "string")
  requireType("Store.make", storage, required, "function")
  refuseUnknown("Store.make capabilities", storage.capabilities ?? {}, ["shared"])

  const lines = Lines.make()
  const leases = Leases.make()
  const tags = Markers.make()

  const set = (id: string, entry: Stored, condition: SetCondition | undefined) =>
    condition === undefined
      ? write(id, entry)
      : Effect.flatMap(storage.get(id), (stored) =>
        Effect.clockWith((clock) =>
          holds(condition, stored, clock.currentTimeMillisUnsafe(), tags) ? write(id, entry) : Exit.succeed(false)
        ))

  const write = (id: string, entry: Stored) =>
    Effect.suspend(() => {
      leases.end(id)
      return Effect.as(storage.set(id, entry), true)
    })

  const acquire = (id: string, options: AcquireOptions) =>
    Effect.flatMap(storage.get(id), (entry) =>
      isNews(entry, options.rejectedWriteId)
        ? Exit.succeed<Acquired>({ _tag: "Hit", entry })
        : Effect.withFiber<Acquired>((fiber) =>
          Exit.succeed(Markers.counted(
            tags,
            leases.acquire(
              id,
              options,
              fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
              () => Leases.newGeneration(fiber.getRef(Random.Random))
            )
          ))
        ))

  const commit = (id: string, generation: string, entry: Stored) =>
    Effect.clockWith((clock) =>
      leases.isCurrent(id, generation, clock.currentTimeMillisUnsafe())
        // A commit that failed is no first commit: another load of the generation may still be stored.
        ? Effect.map(storage.set(id, entry), () => {
          leases.end(id)
          return true
        })
        : Exit.succeed(false)
    )

  // A `clear` that runs has taken the entry already, whether it is still there or not; one that is asked from here on
  // finds the id busy, and removes it behind this.
  const touch = (id: string, options: TouchOptions) =>
    Effect.suspend(() =>
      clearing.busy().length > 0
        ? Exit.succeed(false)
        : Effect.flatMap(storage.get(id), (stored) =>
          Effect.clockWith((clock) => {
            const entry = touched(stored, options, clock.currentTimeMillisUnsafe(), tags)
            return entry === undefined ? Exit.succeed(false) : Effect.as(storage.set(id, entry), true)
          }))
    )

  // Ended at once, so that no waiting `commit` begins, and again in its turn, for what was taken while it waited.
  const remove = (id: string) =>
    Effect.suspend(() => {
      leases.end(id)
      const inTurn = Effect.suspend(() => {
        leases.end(id)
        return storage.remove(id)
      })
      return lines.run(id, "removal", inTurn)
    })

  const { scan } = storage
  const all = scan && Stream.suspend(() => scan())

  const clearStored = storage.clear ?? (all && Stream.runForEach(all, ({ id }) => storage.remove(id)))
  const clearing = Lines.make()

  // What is being written when `clear` is asked is removed behind it. Generations end twice, as in `remove`.
  const clear = (clearStored: Store["clear"]) =>
    Effect.suspend(() => {
      leases.endAll()
      const late = Effect.forEach(lines.busy(), remove, { concurrency: "unbounded", discard: true })
      const stored = Effect.ensuring(clearStored, Effect.sync(() => leases.endAll()))
      return Effect.asVoid(Effect.all([clearing.run("", "write", stored), late], { concurrency: "unbounded" }))
    })

  return complete({
    name: storage.name,
    capabilities: {
      shared: storage.capabilities?.shared ?? false,
      changes: storage.changes !== undefined
    },
    get: (id, names) => Effect.map(storage.get(id), (entry) => ({ entry, versions: Markers.versionsOf(tags, names) })),
    getMany: storage.getMany ?? ((ids) => each(ids, storage.get)),
    set: (id, entry, condition) => lines.run(id, "write", set(id, entry, condition)),
    remove,
    touch: (id, options) => lines.run(id, "write", touch(id, options)),
    acquire: (id, options) => lines.run(id, "read", acquire(id, options)),
    commit: (id, generation, entry) => lines.run(id, "write", commit(id, generation, entry)),
    renew: (id, owner, leaseMillis) =>
      Effect.clockWith((clock) => Exit.succeed(leases.renew(id, owner, leaseMillis, clock.currentTimeMillisUnsafe()))),
    release: (id, owner, note) =>
      Effect.clockWith((clock) => Exit.succeed(leases.release(id, owner, clock.currentTimeMillisUnsafe(), note))),
    markers: (names) =>
      Effect.withFiber((fiber) =>
        Exit.succeed(tags.markers(names, () => Markers.newVersion(fiber.getRef(Random.Random))))
      ),
    invalidateTags: (names, mode) =>
      Effect.withFiber((fiber) =>
        Exit.succeed(tags.invalidate(names, () => Markers.newVersion(fiber.getRef(Random.Random)), mode))
      ),
    scan,
    size: storage.size,
    clear: clearStored && clear(clearStored),
    ...storage.counters,
    changes: storage.changes
  })
}
