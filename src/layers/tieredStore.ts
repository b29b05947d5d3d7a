/** A store made of tiers: the last one decides, and those before it keep copies of what it holds. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Stored } from "../CacheEntry.ts"
import { StoreError } from "../CacheError.ts"
import { middleTiers } from "../internal/defaults/stores.ts"
import { exitBefore, exitThrough } from "../internal/engine/storeTier/ask.ts"
import * as Circuit from "../internal/engine/storeTier/circuit.ts"
import { asValidated, validateAnswers } from "../internal/engine/storeTier/validateAnswers.ts"
import { only } from "../internal/store/many.ts"
import { tagsOfId } from "../internal/store/markers/idTags.ts"
import { isFingerprints } from "../internal/store/pageIds.ts"
import { LineOf } from "../internal/text/lineOf.ts"
import { afterProgramMillis } from "../internal/time/programTime.ts"
import * as Tokens from "../internal/token.ts"
import type { Acquired, Answer, Change, SetRequest, Store } from "../ports/store.ts"
import * as Middle from "./middleTier.ts"
import * as Trust from "./tierTrust.ts"

interface Options {
  /** From the nearest to the last but one. */
  readonly middles: ReadonlyArray<Middle.Options>
  readonly last: Store
  /** The budget that the cache has for one read. */
  readonly storeTimeoutMillis: number
}

interface Self {
  readonly last: Store
  readonly middles: ReadonlyArray<Middle.Middle>
  /** In the order of invalidations: from the one before the last tier to the nearest. */
  readonly upwards: ReadonlyArray<Middle.Middle>
  readonly trust: Trust.Trust
  readonly clock: Clock.Clock
  readonly run: Middle.Run
  /** The circuit of the last tier, while copies can stand in for it. */
  readonly circuit: Circuit.Circuit
  readonly storeTimeoutMillis: number
  copies: number
}

export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Store, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const fork = yield* FiberSet.makeRuntime<never, unknown, unknown>()
  const lineOf = yield* LineOf
  const run: Middle.Run = (effect) => void fork(Effect.provideService(effect, LineOf, lineOf))
  const tokens = Tokens.make(yield* Tokens.Seed)
  const owner = tokens.next(16)
  const { storeTimeoutMillis } = options
  const last = validateAnswers(options.last)
  const middles = options.middles.map((middle) => Middle.make(middle, clock, run, owner))
  const self: Self = {
    last,
    middles,
    upwards: middles.toReversed(),
    trust: Trust.make(last, clock, (change) => changed(self, change)),
    clock,
    run,
    circuit: Circuit.make(),
    storeTimeoutMillis,
    copies: 0
  }
  // The first answer says from when on changes are reported.
  Trust.isTracked(self.trust)
  return asValidated(over(self))
})

const all = [Middle.everything] as const

/** Removes from the middle tiers what another process has changed, before the cache learns of it. */
const changed = ({ middles }: Self, change: Change): void => {
  for (const middle of middles) {
    if (change._tag === "Changed") Middle.removeLater(middle, [change.id])
    else if (change._tag === "AllChanged") Middle.removeLater(middle, all)
  }
}

/** A middle tier whose removal of an id has failed could fill the others, so that none of them is used. */
const isPending = ({ middles }: Self, id: string): boolean => {
  for (const middle of middles) if (Middle.isPending(middle, id)) return true
  return false
}

type Found = { readonly answer: Answer; readonly readAt: number }

/** The answer from a copy, if it is trusted and the versions of all tags are known. */
const fromCopy = (
  { trust }: Self,
  middle: Middle.Middle,
  { entry: stored, tags }: { readonly entry: Stored; readonly tags: ReadonlyArray<string> }
): Found | undefined => {
  const readAt = Middle.readAtOf(middle, stored)
  const { maxStalenessMillis } = middle
  // `NaN` is never trusted.
  if (!Trust.isTrusted(trust, readAt, maxStalenessMillis)) return undefined
  const own = stored.meta.tags
  for (let i = Middle.firstTag; i < own.length; i++) {
    if (Trust.versionOf(trust, own[i]!.tag, maxStalenessMillis) !== own[i]!.version) return undefined
  }
  const versions: Array<string> = []
  for (const tag of tags) {
    const version = Trust.versionOf(trust, tag, maxStalenessMillis)
    if (version === undefined) return undefined
    versions.push(version)
  }
  return { answer: { entry: Middle.open(stored), versions }, readAt }
}

/** Whether a copy answers at once. Otherwise the last tier is asked, and copies only stand in for it. */
const answersAtOnce = ({ trust }: Self): boolean => Trust.isTracked(trust) || trust.how === "never"

interface Missed {
  readonly middle: Middle.Middle
  readonly generations: Middle.Generations
}

type Ask = (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Answer>, StoreError>

/** Reads each id from the nearest tier that has a copy, and those without one from the last tier. */
const read = Effect.fnUntraced(function*(
  self: Self,
  ids: ReadonlyArray<string>,
  tags: ReadonlyArray<string>,
  ask: Ask
): Effect.fn.Return<ReadonlyArray<Answer>, StoreError> {
  const { middles, trust } = self
  const found = new Map<string, Answer>()
  const standIns = new Map<string, Answer>()
  const missed: Array<Missed> = []
  let left: ReadonlyArray<string> = ids.filter((id) => !isPending(self, id))
  for (const middle of middles) {
    if (left.length === 0) break
    const entries = yield* Middle.getMany(middle, left)
    const copying: Array<Middle.Copying> = []
    const rejected = new Map<string, string>()
    const atOnce = answersAtOnce(self)
    left.forEach((id, i) => {
      const entry = entries[i]
      if (entry === undefined) return
      const copy = isPending(self, id) ? undefined : fromCopy(self, middle, { entry, tags })
      if (copy !== undefined && atOnce) {
        found.set(id, copy.answer)
        return void copying.push({ id, entry: copy.answer.entry!, readAt: copy.readAt })
      }
      rejected.set(id, entry.meta.writeId)
      if (copy !== undefined && !standIns.has(id)) standIns.set(id, copy.answer)
    })
    copyInto(self, missed, copying.map(({ id }) => id), copying)
    left = left.filter((id) => !found.has(id))
    if (left.length > 0) missed.push({ middle, generations: yield* Middle.begin(middle, left, rejected) })
  }
  const asked = ids.filter((id) => !found.has(id))
  if (asked.length > 0) {
    const question = Trust.question(trust)
    const copies = asked.flatMap((id) => standIns.get(id) ?? [])
    const answering = copies.length < asked.length ? ask(asked) : orStandIn(self, ask(asked), copies)
    const answers = yield* Effect.onError(answering, () => Effect.sync(() => copyInto(self, missed, asked, [])))
    asked.forEach((id, i) => found.set(id, answers[i]!))
    const isFromLast = answers !== copies
    if (isFromLast) { for (const { versions } of answers) Trust.learn(trust, question, tags, versions) }
    copyInto(
      self,
      missed,
      asked,
      asked.flatMap((id, i) => {
        const { entry } = answers[i]!
        return isFromLast && entry !== undefined ? [{ id, entry, readAt: question.at }] : []
      })
    )
  }
  return ids.map((id) => found.get(id)!)
})

/** While changes are not tracked, copies answer in place of a last tier that fails. */
const orStandIn = <A>(self: Self, asked: Effect.Effect<A, StoreError>, standIn: A): Effect.Effect<A> => {
  const { circuit, clock, storeTimeoutMillis } = self
  return Effect.map(
    exitThrough(circuit, { clock, millis: storeTimeoutMillis * middleTiers.lastShare }, asked),
    (exit) => Exit.isExit(exit) && Exit.isSuccess(exit) ? exit.value : standIn
  )
}

const get = (self: Self, id: string, tags: ReadonlyArray<string>): Effect.Effect<Answer, StoreError> =>
  only(read(self, [id], tags, () => Effect.map(self.last.get(id, tags), (answer) => [answer])))

const getMany = (
  self: Self,
  ids: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Stored | undefined>, StoreError> => {
  const ask: Ask = (asked) =>
    Effect.map(self.last.getMany(asked), (entries) => entries.map((entry) => ({ entry, versions: [] })))
  return Effect.map(read(self, ids, [], ask), (answers) => answers.map(({ entry }) => entry))
}

/**
 * Fills middle tiers in the background: their generations keep a late copy from being stored. For those of `ids` that
 * are not copied, they end.
 */
const copyInto = (
  self: Self,
  missed: ReadonlyArray<Missed>,
  ids: ReadonlyArray<string>,
  found: ReadonlyArray<Middle.Copying>
): void => {
  for (const { generations, middle } of missed) {
    const copying = self.copies < middleTiers.copiesAtOnce ? found.filter(({ id }) => generations.has(id)) : []
    if (copying.length > 0) {
      self.copies++
      self.run(Effect.ensuring(Middle.copy(middle, generations, copying), Effect.sync(() => void self.copies--)))
    }
    const copied = new Set(copying.map(({ id }) => id))
    const unused = ids.filter((id) => generations.has(id) && !copied.has(id))
    if (unused.length > 0) self.run(Middle.release(middle, unused))
  }
}

const getNow = (self: Self, id: string, tags: ReadonlyArray<string>): Answer | undefined => {
  const nearest = self.middles[0]!
  // The changes so far are known only after `answersAtOnce`.
  if (!answersAtOnce(self) || isPending(self, id)) return undefined
  const entry = Middle.getNow(nearest, id)
  return entry === undefined || entry === null ? undefined : fromCopy(self, nearest, { entry, tags })?.answer
}

/** Changes ids, or everything, in the last tier, and then removes them from those before it. */
const removing = <A>(
  self: Self,
  ids: Middle.Removed,
  change: Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => {
    // From now on, this process uses no copy of the ids.
    const tokens = self.upwards.map((middle) => Middle.suspect(middle, ids))
    noteChange(self, ids)
    return Effect.onExit(change, (exit) => {
      noteChange(self, ids)
      return Exit.isFailure(exit)
        ? Effect.sync(() => self.middles.forEach((middle) => Middle.removeLater(middle, ids)))
        : Effect.forEach(self.upwards, (middle, i) => Middle.remove(middle, ids, tokens[i]!), { discard: true })
    })
  })

/** The markers of the ids may be gone, and an answer that is under way may be older than the change. */
const noteChange = ({ last, trust }: Self, ids: Middle.Removed): void => {
  for (const id of ids) {
    if (id === Middle.everything) Trust.forgetAll(trust)
    else if (last.capabilities.dependencies) Trust.forgetTags(trust, tagsOfId(id))
  }
}

/** Writes entries to the last tier, and then copies those that it has stored to those before it. */
const writing = (
  self: Self,
  requests: ReadonlyArray<SetRequest>,
  write: Effect.Effect<ReadonlyArray<boolean>, StoreError>
): Effect.Effect<ReadonlyArray<boolean>, StoreError> =>
  Effect.gen(function*() {
    const ids = requests.map(({ id }) => id)
    const begun: Array<Middle.Generations> = []
    for (const middle of self.upwards) begun.push(yield* Middle.begin(middle, ids))
    const tokens = self.upwards.map((middle) => Middle.suspect(middle, ids))
    const readAt = self.clock.currentTimeMillisUnsafe()
    noteChange(self, ids)
    return yield* Effect.onExit(write, (exit) => {
      noteChange(self, ids)
      if (Exit.isFailure(exit)) {
        return Effect.sync(() => self.middles.forEach((middle) => Middle.removeLater(middle, ids)))
      }
      // The last of several entries of one id counts.
      const stored = new Map<string, Middle.Copying>()
      requests.forEach((request, i) => exit.value[i] === true && stored.set(request.id, { ...request, readAt }))
      const copying = Array.from(stored.values())
      return Effect.forEach(self.upwards, (middle, i) =>
        Effect.flatMap(Middle.copy(middle, begun[i]!, copying), (copied) => {
          Middle.acknowledge(middle, copied, tokens[i]!)
          const others = ids.filter((id) =>
            !copied.has(id)
          )
          return others.length === 0 ? Effect.void : Middle.remove(middle, others, tokens[i]!)
        }), { discard: true })
    })
  })

/** A question for a lease may show a newer entry before its change is reported. Older copies of it are then removed. */
const noteHits = Effect.fnUntraced(function*(self: Self, ids: ReadonlyArray<string>, answers: ReadonlyArray<Acquired>) {
  const shown = new Map<string, string>()
  answers.forEach((answer, i) => {
    if (answer._tag === "Hit") shown.set(ids[i]!, answer.entry.meta.writeId)
  })
  if (shown.size === 0) return
  const asked = Array.from(shown.keys())
  for (const middle of self.middles) {
    const copies = yield* Middle.getMany(middle, asked)
    const outdated = asked.filter((id, i) => (copies[i]?.meta.writeId ?? shown.get(id)) !== shown.get(id))
    if (outdated.length > 0) Middle.removeLater(middle, outdated)
  }
})

const invalidating = <A>(
  { trust }: Self,
  tags: ReadonlyArray<string>,
  change: Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => {
    Trust.forgetTags(trust, tags)
    return Effect.ensuring(change, Effect.sync(() => Trust.forgetTags(trust, tags)))
  })

/** Follows the changes for the middle tiers too. If the listener ends, changes are no longer tracked. */
const following = ({ last: { changes }, trust }: Self): Store["changes"] =>
  trust.how !== "listening" ? changes : Stream.suspend(() => {
    let isCoherent = false
    const set = (coherent: boolean) => {
      if (isCoherent === coherent) return
      isCoherent = coherent
      if (coherent && trust.coherent === 0) Trust.doubt(trust)
      trust.coherent += coherent ? 1 : -1
    }
    return Stream.ensuring(
      Stream.map(changes, (change) => {
        Trust.apply(trust, change)
        if (change._tag === "Coherent") set(true)
        else if (change._tag === "Partial") set(false)
        return change
      }),
      Effect.sync(() => set(false))
    )
  })

const transact =
  (self: Self, transact: NonNullable<Store["transact"]>): NonNullable<Store["transact"]> => (request) => {
    const ids: Array<string> = []
    const tags: Array<string> = []
    let clears = false
    for (const step of request.steps) {
      if ("id" in step) ids.push(step.id)
      else if (step._tag === "InvalidateTags") tags.push(...step.tags.map(({ tag }) => tag))
      else if (step._tag === "Clear") clears = true
    }
    return removing(self, clears ? all : ids, invalidating(self, tags, transact(request)))
  }

const over = (self: Self): Store => {
  const { last, trust } = self
  const { transact: transactLast } = last
  const { ask } = trust
  return {
    ...last,
    capabilities: { ...last.capabilities, copies: true },
    // A copy may be near although the last tier is far, so an entry and its lease are asked for separately.
    distanceMillis: undefined,
    workedMillis: undefined,
    getUnsafe: undefined,
    get: (id, tags) => get(self, id, tags),
    getCallback: (id, tags, done) => {
      const answer = getNow(self, id, tags)
      if (answer !== undefined) return done(Exit.succeed(answer))
      // A question with a callback is never interrupted, so it ends when the cache no longer waits for it.
      const late = afterProgramMillis(self.clock, self.storeTimeoutMillis)
      const timeout = new StoreError({ store: last.name, operation: "get", reason: "Timeout" })
      self.run(Effect.map(exitBefore(get(self, id, tags), late), (exit) => done(exit ?? Exit.fail(timeout))))
    },
    // No copy of a record of fingerprints is used, because its changes are not reported.
    getMany: (ids) => ids.every(isFingerprints) ? last.getMany(ids) : getMany(self, ids),
    acquire: (requests) =>
      Effect.tap(last.acquire(requests), (answers) => noteHits(self, requests.map(({ id }) => id), answers)),
    set: (requests) => writing(self, requests, last.set(requests)),
    remove: (ids) => removing(self, ids, last.remove(ids)),
    touch: (id, options) => removing(self, [id], last.touch(id, options)),
    commit: (requests) => writing(self, requests, last.commit(requests)),
    markers: (tags) =>
      Effect.suspend(() => {
        const question = Trust.question(trust)
        return Effect.map(last.markers(tags), (answer) => {
          Trust.learn(trust, question, tags, answer.markers.map(({ version }) => version))
          return answer
        })
      }),
    invalidateTags: (tags, mode) => invalidating(self, tags, last.invalidateTags(tags, mode)),
    clear: removing(self, all, last.clear),
    transact: transactLast && transact(self, transactLast),
    changes: following(self),
    changesUnsafe: ask && (() => Trust.read(trust, ask))
  }
}
