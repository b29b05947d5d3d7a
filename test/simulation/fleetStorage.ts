/** One storage with a clock of its own, and each process's view of it. */
import { Deferred, Effect, Exit, Queue, Stream } from "effect"
import { CacheError, CacheKey } from "effect-cached"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { leaseLife, sharedFailures } from "../../src/internal/defaults/processes.ts"
import * as Leases from "../../src/internal/store/leases.ts"
import * as Markers from "../../src/internal/store/markers/markers.ts"
import { isFingerprints } from "../../src/internal/store/pageIds.ts"
import { decide } from "./decide.ts"
import { distanceOf, type Extras } from "./features.ts"
import { joinsAfter, keyOf, longestWait, nameOf } from "./fleetModel.ts"
import { type Fleet, type Holder, holdersOf, latestNoticeMillis, latestPushMillis, originOf } from "./fleetRules.ts"
import { lieOfChanges, lying } from "./lies.ts"
import type { Dice } from "./plan.ts"
import { answering } from "./stores.ts"

interface At {
  readonly process: number
  readonly layer: number
}

export type ViewOf = (process: number, layer: number) => Store.Store

export const makeStorage = (self: Fleet, dice: Dice, extras: Extras): ViewOf => {
  const { config } = self
  const entries = new Map<string, CacheEntry.Stored>()
  const leases = Leases.make()
  const markers = Markers.make()
  const forgotten = new Set<string>()
  const log: Array<{ readonly from: number; readonly change: Store.Change }> = []
  const asked = new Map<string, number>()
  const hits = new Map<string, number>()
  /** By id: when the right to load it was last granted. */
  const ledAt = new Map<string, number>()
  const followers = new Set<Follower>()
  /** By id: the generations that were given out and not yet ended. */
  const generations = new Map<string, Set<string>>()
  /** By id: when the row of a lease that its leader has given back is no longer kept. */
  const forgottenAt = new Map<string, number>()
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
    generations.delete(id)
    holdersOf(self, id).clear()
  }
  const apply = (from: number, kind: "id" | "tag", target: string) => {
    const at = ++self.seq
    self.applied.set(`${from} ${kind} ${target}`, at)
    if (kind === "id") self.endedAt.set(target, at)
  }
  const tell = (from: number, change: Extract<Store.Change, { readonly _tag: "Changed" | "TagChanged" }>): void => {
    log.push({ from, change })
    for (const follower of followers) follower.tell(from, change)
    const [kind, target] = change._tag === "Changed"
      ? ["id", nameOf(change.id)] as const
      : ["tag", change.tag] as const
    self.changes.push({ from, at: self.seq, kind, target })
  }
  const set = (from: number, fullId: string, entry: CacheEntry.Stored) => {
    const id = nameOf(fullId)
    // A record of the class's fingerprints is no value of a user, and no store reports its changes.
    if (isFingerprints(fullId)) return void entries.set(id, entry)
    if (entries.get(id)?.meta.writeId === entry.meta.writeId) {
      self.counts.touched++
      self.say(() => `[${from}] storage receives that ${id} lives until ${entry.meta.expiresAt}`)
      entries.set(id, entry)
      return tell(from, { _tag: "Changed", id: fullId })
    }
    // The library itself records the fingerprints of a class before its first load.
    if (isFingerprints(fullId)) {
      entries.set(id, entry)
      return tell(from, { _tag: "Changed", id: fullId })
    }
    const origin = self.origins.get(originOf(Buffer.from(entry.payload).toString("latin1")) ?? -1)
    decide(self, "a value is of its key", origin !== undefined, () => `no process made what is stored under ${id}`)
    if (origin === undefined) return
    if (origin._tag === "Set") apply(from, "id", id)
    else {
      const isOver = (self.endedAt.get(id) ?? 0) > origin.latest
      decide(self, "what was changed meanwhile is not stored", !isOver, () => `#${origin.n} of ${id}`)
    }
    self.say(() => `[${from}] storage takes ${id} #${origin.n}`)
    entries.set(id, entry)
    tell(from, { _tag: "Changed", id: fullId })
  }
  const remove = (from: number, fullId: string) => {
    const id = nameOf(fullId)
    self.say(() => `[${from}] removes ${id}`)
    apply(from, "id", id)
    tell(from, { _tag: "Changed", id: fullId })
    return entries.delete(id)
  }

  /** The ids that a pattern may concern, as the library has them. */
  const list = (process: number, names: Iterable<string>, prefix: string) =>
    Array.from(names).flatMap((name) => {
      const id = CacheKey.id(keyOf(config, name) as never)
      if (!config.ids.includes(name) || !id.startsWith(prefix)) return []
      self.listed.set(`${process} ${name}`, ++self.seq)
      return [{ name, id }]
    })

  const exclusive = (id: string, owner: string): Holder | undefined => {
    for (const [other, holder] of holdersOf(self, id)) {
      if (other !== owner && !holder.joined && holder.until > self.now()) return holder
    }
    return undefined
  }
  /** A waiting process waits for a holder, and asks again in time. */
  const waits = (process: number, { id, owner }: Store.AcquireRequest) => {
    self.counts.waits++
    const since = asked.get(owner) ?? self.now()
    asked.set(owner, since)
    const waited = self.now() - since
    // After each `wait`, one of the waiting processes loads beside the holder.
    const left = config.wait < Infinity ? self.now() - Math.max(since, ledAt.get(id) ?? 0) : waited
    // Each step of the store may take time, and a process that has waited for long asks less often.
    const slack = 2 * config.storeTimeout + waited / 4
    // A process that was stopped could not ask.
    if (self.processes[process]!.stoppedMillis() === 0) {
      const isInTime = left <= longestWait(config) + slack
      decide(
        self,
        "a cache that waits for a lease asks in time",
        isInTime,
        () => `${process} waits for ${id}: ${left} ms`
      )
    }
    const isHeld = exclusive(id, owner) !== undefined
    decide(self, "one process leads", isHeld, () => `${process} waits for ${id}, which no process loads`)
  }
  const granted = ({ layer, process }: At, { id, join, leaseMillis, owner }: Store.AcquireRequest) => {
    const holders = holdersOf(self, id)
    const other = exclusive(id, owner)
    const leads = other === undefined || Boolean(join)
    decide(self, "one process leads", leads, () => `${process} leads ${id} beside ${other!.process}`)
    if (other !== undefined) {
      self.counts.joins++
      const since = asked.get(owner)
      // A lie may have made it wait.
      const isKnown = !config.beside && !config.features.includes("lies")
      // The clocks of processes are rounded to nanoseconds.
      const hasWaited = since !== undefined && self.now() - since >= joinsAfter(config) - 1
      const text = () => `${process} runs beside ${other.process} for ${id}`
      if (isKnown) decide(self, "a cache that loads beside the leader has waited", hasWaited, text)
    }
    for (const [name, holder] of holders) {
      if (holder.until > self.now()) continue
      holders.delete(name)
      if (!self.processes[holder.process]!.isAlive()) self.counts.takenOver++
    }
    ledAt.set(id, self.now())
    forgottenAt.delete(id)
    self.say(() => `[${process}] leads ${id}${other === undefined ? "" : " beside another"}`)
    holders.set(owner, { process, layer, joined: other !== undefined, until: self.now() + leaseMillis })
  }

  const leasesOf = (at: At): Store.SyncLeases => {
    const { acquire, end, isCurrent, leftMillis, release, renew, ...leases } = leasesByName(at)
    return {
      ...leases,
      leftMillis: (request, now) => leftMillis({ ...request, id: nameOf(request.id) }, now),
      acquire: (request, ...more) => acquire({ ...request, id: nameOf(request.id) }, ...more),
      ids: (prefix) => list(at.process, leases.ids(""), prefix).map(({ id }) => id),
      isCurrent: (id, ...more) => isCurrent(nameOf(id), ...more),
      end: (id) => end(nameOf(id)),
      renew: (id, ...more) => renew(nameOf(id), ...more),
      release: (id, ...more) => release(nameOf(id), ...more)
    }
  }
  const leasesByName = (at: At): Store.SyncLeases => ({
    leftMillis: (request) => {
      const millis = leases.leftMillis(request, self.now())
      if (millis > 0) waits(at.process, request)
      return millis
    },
    acquire: (request, _, newGeneration) => {
      const { id } = request
      const acquired = leases.acquire(request, self.now(), newGeneration)
      if (acquired._tag === "Wait") waits(at.process, request)
      else {
        granted(at, request)
        generations.set(id, (generations.get(id) ?? new Set()).add(acquired.generation))
      }
      return acquired
    },
    isCurrent: (id, generation) => {
      const isCurrent = leases.isCurrent(id, generation, self.now())
      if (!isCurrent) self.counts.refused++
      // Or loads that outlast their leases would refuse each other forever.
      const isRemembered = self.now() < (forgottenAt.get(id) ?? Infinity)
      if (isRemembered && generations.get(id)?.has(generation) === true) {
        decide(self, "a result of the generation is stored", isCurrent, () => `one of ${id} is refused`)
      }
      return isCurrent
    },
    ids: (prefix) => leases.ids(prefix),
    end: endLease,
    endAll: () => config.ids.forEach(endLease),
    renew: (id, owner, leaseMillis) => {
      const holder = holdersOf(self, id).get(owner)
      if (holder !== undefined && !holder.joined) holder.until = self.now() + leaseMillis
      return leases.renew(id, owner, leaseMillis, self.now())
    },
    release: (id, owner, _, note) => {
      holdersOf(self, id).delete(owner)
      const isReleased = leases.release(id, owner, self.now(), note)
      if (isReleased) {
        forgottenAt.set(id, self.now() + Math.max(leaseLife.times * config.lease, sharedFailures.millis))
      }
      return isReleased
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
  const listen = (process: number, layer: number) => () => {
    let at = log.length
    return (): ReadonlyArray<Store.Change> => {
      if (!self.healthy && isUntracked(process)) throw unavailable("changes")
      const lie = lieOfChanges({ extras, healthy: self.healthy })
      if (lie !== undefined) {
        self.liedAt[process] = self.now()
        self.say(() => `[${process}] receives what are no changes`)
        return lie.told
      }
      const news = log.slice(at).filter(({ from }) => from !== process)
      at = log.length
      // Changes that its other caches receive do not help the first one.
      if (layer === 0) (extras.features.has("tiers") ? self.polled : self.heard)[process] = self.seq
      if (news.length > 0) self.say(() => `[${process}] polls ${news.length} changes`)
      if (news.length === 0 || !happens(config.gaps)) return news.map(({ change }) => change)
      self.counts.gaps++
      return [{ _tag: "Gap" }]
    }
  }

  /** Acts as a server that pushes changes over a dedicated connection. */
  const follow = (process: number): Stream.Stream<Store.Change, CacheError.StoreError> => {
    const thrown = extras.diceOf("pushes")
    const fails = (chance: number) => !self.healthy && (isUntracked(process) || thrown.chance(chance))
    return Stream.callback<Store.Change, CacheError.StoreError>((queue) =>
      Effect.gen(function*() {
        yield* Effect.sleep(thrown.below(10))
        if (fails(config.gaps)) return yield* Effect.fail(unavailable("listen"))
        const onTheWay = new Set<() => void>()
        const lost = Deferred.makeUnsafe<never, CacheError.StoreError>()
        let isLost = false
        const lose = () => {
          isLost = true
          self.counts.lostConnections++
          self.say(() => `[${process}] hears of nothing from now on`)
          self.deaf[process]!.push({ from: self.now(), until: Infinity })
          for (const callOff of onTheWay) callOff()
          // It may take a while until that is known.
          self.after(thrown.chance(0.5) ? 0 : thrown.below(latestNoticeMillis), () => {
            Deferred.doneUnsafe(lost, Exit.fail(unavailable("listen")))
          })
        }
        const follower: Follower = {
          process,
          tell: (from, change) => {
            // A process knows what it has written itself; it does not know what it has removed.
            const isOwn = from === process && (change._tag === "TagChanged" || entries.has(nameOf(change.id)))
            if (isLost || isOwn || !self.processes[process]!.isAlive()) return
            if (fails(config.gaps / 10)) return lose()
            const callOff = self.after(thrown.pick([0, 1, thrown.below(10), thrown.below(latestPushMillis)]), () => {
              onTheWay.delete(callOff)
              self.counts.pushes++
              self.say(() => `[${process}] receives ${change._tag === "Changed" ? change.id : change.tag}`)
              Queue.offerUnsafe(queue, change)
            })
            onTheWay.add(callOff)
          }
        }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            followers.delete(follower)
            for (const callOff of onTheWay) callOff()
          })
        )
        followers.add(follower)
        // The answer of the server takes its time.
        yield* Effect.sleep(thrown.below(10))
        if (!isLost) {
          for (const deaf of self.deaf[process]!) deaf.until = Math.min(deaf.until, self.now())
          self.say(() => `[${process}] hears from now on`)
          Queue.offerUnsafe(queue, { _tag: "Coherent" })
        }
        yield* Deferred.await(lost)
      })
    )
  }

  const isPushing = extras.features.has("pushes")
  /** A change that was reported meanwhile has overtaken it. */
  const lateAnswer = Effect.suspend(() => {
    const thrown = extras.diceOf("pushes")
    return self.healthy ? Effect.void : Effect.sleep(thrown.below(thrown.chance(0.3) ? 35 : 8))
  })

  return (process, layer) => {
    const goesWrong = (): boolean => {
      if (!happens(config.faults)) return false
      self.faults[process]!++
      return true
    }
    const attempt = <A>(operation: string, run: () => A): Effect.Effect<A, CacheError.StoreError> =>
      Effect.suspend(() => {
        forget()
        self.counts.commands++
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
        return config.asynchronous ? Effect.tap(Effect.andThen(delay, answer), isPushing ? lateAnswer : delay) : answer
      })
    const { scan, scanLoads, ...made } = Store.makeSync({
      name: "shared",
      capabilities: { shared: true },
      get: (id) => {
        return entries.get(nameOf(id))
      },
      set: (id, entry) => {
        set(process, id, entry)
      },
      remove: (id) => remove(process, id),
      scan: (prefix) => list(process, entries.keys(), prefix).map(({ id, name }) => ({ id, ...entries.get(name)! })),
      leases: leasesOf({ process, layer }),
      tags: tagsOf(process),
      changes: listen(process, layer),
      // All of a transaction, or nothing; without one each operation is what it was.
      ...extras.features.has("transactions") ? { atomic: <A>(steps: () => A) => steps() } : {},
      attempt
    })
    const store = {
      ...made,
      scanLoads: (options?: Parameters<Store.Store["scan"]>[0]) =>
        Stream.unwrap(attempt("scanLoads", () => scanLoads(options))),
      scan: (options?: Parameters<Store.Store["scan"]>[0]) => Stream.unwrap(attempt("scan", () => scan(options)))
    }
    // An owner that was answered with three entries of an id that it cannot use loads without a lease.
    const note = ({ id, owner }: { readonly id: string; readonly owner: string }, acquired: Store.Acquired): void => {
      if (acquired._tag !== "Hit") return
      const asked = `${owner} ${id}`
      const times = (hits.get(asked) ?? 0) + 1
      hits.set(asked, times)
      self.say(() => `[${process}] is shown ${id} for the ${times}. time`)
      if (times === 3) self.givenUp.push(`${process} ${nameOf(id)}`)
    }
    const acquire: Store.Store["acquire"] = (requests) =>
      Effect.tap(
        store.acquire(requests),
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
      const truth = told({
        ...store,
        acquire,
        getUnsafe: undefined,
        ...distanceOf(extras),
        ...isPushing ? { changesUnsafe: undefined, changes: follow(process) } : {}
      })
      if (!extras.features.has("callbacks")) return truth
      const { context } = self.processes[process]!
      return { ...truth, getCallback: answering(truth, { context, timeoutMillis: 2 * config.storeTimeout }) }
    }
    const getUnsafe = (id: string, tags: ReadonlyArray<string>) => {
      if (goesWrong()) throw unavailable("get")
      return store.getUnsafe(id, tags)
    }
    return told({ ...store, acquire, getUnsafe })
  }
}

/** A subscriber to changes. */
interface Follower {
  readonly process: number
  readonly tell: (from: number, change: Extract<Store.Change, { readonly _tag: "Changed" | "TagChanged" }>) => void
}

const unavailable = (operation: string) =>
  new CacheError.StoreError({ store: "shared", operation, reason: "Unavailable" })
