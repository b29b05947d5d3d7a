/** One storage with a clock of its own, and each process's view of it. */
import { Effect } from "effect"
import { type CacheEntry, CacheError, Store } from "effect-cached"
import * as Leases from "../../src/internal/store/leases.ts"
import * as Markers from "../../src/internal/store/markers.ts"
import type { Extras } from "./features.ts"
import { joinsAfter, longestWait } from "./fleetModel.ts"
import { type Fleet, type Holder, holdersOf, originOf, violate } from "./fleetRules.ts"
import { lieOfChanges, lying } from "./lies.ts"
import type { Dice } from "./plan.ts"

export type ViewOf = (process: number) => Store.Store

export const makeStorage = (self: Fleet, dice: Dice, extras: Extras): ViewOf => {
  const { config } = self
  const entries = new Map<string, CacheEntry.Stored>()
  const leases = Leases.make()
  const markers = Markers.make()
  const forgotten = new Set<string>()
  const log: Array<{ readonly from: number; readonly change: Store.Change }> = []
  const asked = new Map<string, number>()
  const hits = new Map<string, number>()
  /** by id: when somebody was last granted the right to load it */
  const ledAt = new Map<string, number>()
  const happens = (chance: number) => chance > 0 && !self.healthy && dice.chance(chance)

  const forget = () => {
    if (!happens(config.evictions)) return
    const id = dice.pick(config.ids)
    const what = dice.below(3)
    self.say(() => `storage forgets ${["entry", "lease", "markers"][what]} ${id}`)
    if (what === 0) entries.delete(id)
    else if (what === 1) endLease(id)
    else for (const tag of ["T", "U"]) forgotten.add(tag)
  }
  const endLease = (id: string) => {
    leases.end(id)
    holdersOf(self, id).clear()
  }
  const apply = (from: number, kind: "id" | "tag", target: string) => {
    const at = ++self.seq
    self.applied.set(`${from} ${kind} ${target}`, at)
    if (kind === "id") self.endedAt.set(target, at)
  }
  const tell = (from: number, change: Extract<Store.Change, { readonly _tag: "Changed" | "TagChanged" }>): void => {
    log.push({ from, change })
    const [kind, target] = change._tag === "Changed" ? ["id", change.id] as const : ["tag", change.tag] as const
    self.changes.push({ from, at: self.seq, kind, target })
  }
  const set = (from: number, id: string, entry: CacheEntry.Stored) => {
    if (entries.get(id)?.meta.writeId === entry.meta.writeId) {
      self.counts.touched++
      self.say(() => `[${from}] storage is told that ${id} lives until ${entry.meta.expiresAt}`)
      entries.set(id, entry)
      return tell(from, { _tag: "Changed", id })
    }
    const origin = self.origins.get(originOf(Buffer.from(entry.payload).toString("latin1")) ?? -1)
    if (origin === undefined) return violate(self, `P2: what is stored under ${id} is nobody's`)
    if (origin._tag === "Set") apply(from, "id", id)
    else if ((self.endedAt.get(id) ?? 0) > origin.latest) {
      violate(self, `P2: #${origin.n} of ${id} is stored, though its generation has ended`)
    }
    self.say(() => `[${from}] storage takes ${id} #${origin.n}`)
    entries.set(id, entry)
    tell(from, { _tag: "Changed", id })
  }
  const remove = (from: number, id: string) => {
    apply(from, "id", id)
    tell(from, { _tag: "Changed", id })
    return entries.delete(id)
  }

  const exclusive = (id: string, owner: string): Holder | undefined => {
    for (const [other, holder] of holdersOf(self, id)) {
      if (other !== owner && !holder.joined && holder.until > self.now()) return holder
    }
    return undefined
  }
  /** who waits waits for somebody, and looks again in time */
  const waits = (process: number, id: string, { owner }: Store.AcquireOptions) => {
    self.counts.waits++
    const since = asked.get(owner) ?? self.now()
    asked.set(owner, since)
    const waited = self.now() - since
    // of all that wait one leads beside the holder after each `wait`
    const left = config.wait < Infinity ? self.now() - Math.max(since, ledAt.get(id) ?? 0) : waited
    // each step of the store may take its time, and who has waited for long asks less often
    const slack = 2 * config.storeTimeout + waited / 4
    // a process that was stopped could not ask
    if (left > longestWait(config) + slack && self.processes[process]!.stoppedMillis() === 0) {
      violate(self, `P4: ${process} waits for ${id} longer than it should`)
    }
    if (exclusive(id, owner) === undefined) violate(self, `P1: ${process} waits for ${id}, which nobody loads`)
  }
  const granted = (process: number, id: string, { join, leaseMillis, owner }: Store.AcquireOptions) => {
    const holders = holdersOf(self, id)
    const other = exclusive(id, owner)
    if (other !== undefined && !join) violate(self, `P1: ${process} leads ${id} beside ${other.process}`)
    if (other !== undefined) {
      self.counts.joins++
      const since = asked.get(owner)
      // a lie may have told it to wait
      const isKnown = !config.beside && !config.features.includes("lies")
      if (
        isKnown && (since === undefined || self.now() - since < joinsAfter(config) - 2 * config.storeTimeout)
      ) {
        violate(self, `P1: ${process} runs beside ${other.process} without having waited`)
      }
    }
    for (const [name, holder] of holders) {
      if (holder.until > self.now()) continue
      holders.delete(name)
      if (!self.processes[holder.process]!.isAlive()) self.counts.takenOver++
    }
    ledAt.set(id, self.now())
    self.say(() => `[${process}] leads ${id}${other === undefined ? "" : " beside another"}`)
    holders.set(owner, { process, joined: other !== undefined, until: self.now() + leaseMillis })
  }

  const leasesOf = (process: number): Store.SyncLeases => ({
    leftMillis: (id, options) => {
      const millis = leases.leftMillis(id, options, self.now())
      if (millis > 0) waits(process, id, options)
      return millis
    },
    acquire: (id, options, _, newGeneration) => {
      const acquired = leases.acquire(id, options, self.now(), newGeneration)
      if (acquired._tag === "Wait") waits(process, id, options)
      else granted(process, id, options)
      return acquired
    },
    isCurrent: (id, generation) => {
      const isCurrent = leases.isCurrent(id, generation, self.now())
      if (!isCurrent) self.counts.refused++
      return isCurrent
    },
    end: endLease,
    endAll: () => config.ids.forEach(endLease),
    renew: (id, owner, leaseMillis) => {
      const holder = holdersOf(self, id).get(owner)
      if (holder !== undefined && !holder.joined) holder.until = self.now() + leaseMillis
      return leases.renew(id, owner, leaseMillis, self.now())
    },
    release: (id, owner, _, note) => {
      holdersOf(self, id).delete(owner)
      return leases.release(id, owner, self.now(), note)
    }
  })

  const tagsOf = (process: number): Store.SyncTags => ({
    version: (tag) => forgotten.has(tag) ? undefined : markers.version(tag),
    markers: (tags, newVersion) => {
      const lost = tags.filter((tag) => forgotten.delete(tag))
      if (lost.length > 0) markers.invalidate(lost, newVersion)
      return markers.markers(tags, newVersion)
    },
    invalidate: (tags, newVersion, mode) => {
      markers.invalidate(tags, newVersion, mode)
      for (const tag of tags) {
        forgotten.delete(tag)
        apply(process, "tag", tag)
        tell(process, { _tag: "TagChanged", tag })
      }
    }
  })

  const isUntracked = (process: number) => {
    const { untracked } = config
    return untracked?.process === process && self.now() >= untracked.at && self.now() <= untracked.at + untracked.millis
  }
  const listen = (process: number) => () => {
    let at = log.length
    return (): ReadonlyArray<Store.Change> => {
      if (!self.healthy && isUntracked(process)) throw unavailable("changes")
      const lie = lieOfChanges({ extras, healthy: self.healthy })
      if (lie !== undefined) {
        self.liedAt[process] = self.now()
        self.say(() => `[${process}] is told what are no changes`)
        return lie.told
      }
      const news = log.slice(at).filter(({ from }) => from !== process)
      at = log.length
      self.heard[process] = self.seq
      if (news.length > 0) self.say(() => `[${process}] polls ${news.length} changes`)
      if (news.length === 0 || !happens(config.gaps)) return news.map(({ change }) => change)
      self.counts.gaps++
      return [{ _tag: "Gap" }]
    }
  }

  return (process) => {
    const goesWrong = (): boolean => {
      if (!happens(config.faults)) return false
      self.faults[process]!++
      return true
    }
    const attempt = <A>(operation: string, run: () => A): Effect.Effect<A, CacheError.StoreError> =>
      Effect.suspend(() => {
        forget()
        const wrong = goesWrong()
        const [applied, hangs] = [wrong && dice.chance(0.5), wrong && dice.chance(0.4)]
        if (wrong) {
          self.say(() => `[${process}] ${operation} ${hangs ? "hangs" : "fails"}${applied ? " when done" : ""}`)
        }
        const delay = config.asynchronous && !self.healthy ? Effect.sleep(dice.below(8)) : Effect.void
        const failed = hangs ? Effect.never : Effect.fail(unavailable(operation))
        const answer = Effect.flatMap(
          Effect.sync(run),
          (value): Effect.Effect<A, CacheError.StoreError> => wrong ? failed : Effect.succeed(value)
        )
        if (wrong && !applied) return Effect.andThen(delay, failed)
        return config.asynchronous ? Effect.tap(Effect.andThen(delay, answer), delay) : answer
      })
    const store = Store.makeSync({
      name: "shared",
      capabilities: { shared: true },
      get: (id) => entries.get(id),
      set: (id, entry) => set(process, id, entry),
      remove: (id) => remove(process, id),
      leases: leasesOf(process),
      tags: tagsOf(process),
      changes: listen(process),
      attempt
    })
    // an owner that was answered with three entries it cannot use loads without a lease
    const note = ({ id, owner }: { readonly id: string; readonly owner: string }, acquired: Store.Acquired): void => {
      if (acquired._tag !== "Hit") return
      const times = (hits.get(owner) ?? 0) + 1
      hits.set(owner, times)
      self.say(() => `[${process}] is shown ${id} for the ${times}. time`)
      if (times === 3) self.givenUp.add(`${process} ${id}`)
    }
    const acquire: Store.Store["acquire"] = (id, options) =>
      Effect.tap(
        store.acquire(id, options),
        (acquired) => Effect.sync(() => note({ id, owner: options.owner }, acquired))
      )
    const acquireMany: Store.Store["acquireMany"] = (requests) =>
      Effect.tap(
        store.acquireMany(requests),
        (all) => Effect.sync(() => all.forEach((one, i) => note(requests[i]!, one)))
      )
    const told = (truth: Store.Store): Store.Store =>
      extras.features.has("lies")
        ? lying({
          extras,
          get healthy() {
            return self.healthy
          }
        }, truth)
        : truth
    if (config.asynchronous) {
      return told({ ...store, acquire, acquireMany, capabilities: store.capabilities, getUnsafe: undefined })
    }
    const getUnsafe = (id: string, tags: ReadonlyArray<string>) => {
      if (goesWrong()) throw unavailable("get")
      return store.getUnsafe(id, tags)
    }
    return told({ ...store, acquire, acquireMany, getUnsafe })
  }
}

const unavailable = (operation: string) =>
  new CacheError.StoreError({ store: "shared", operation, reason: "Unavailable" })
