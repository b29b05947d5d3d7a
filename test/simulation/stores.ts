/**
 * Stores that go wrong: they fail, hang, answer late, lose what they were given, and apply in another order than asked.
 */
import { type Context, Effect, Exit } from "effect"
import { CacheError } from "effect-cached"
import { type CacheEntry, type Serializer, Store } from "effect-cached/adapters"
import * as Markers from "../../src/internal/store/markers/markers.ts"
import type { Marker } from "../../src/ports/stores.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import type { SeededScheduler } from "../../src/testing/SeededScheduler.ts"
import { distanceOf, type Extras } from "./features.ts"
import { orLie, orThrow } from "./lies.ts"
import type { Config } from "./model.ts"
import type { Dice } from "./plan.ts"

export interface Environment {
  readonly config: Config
  readonly schedule: SeededScheduler
  readonly dice: Dice
  readonly extras: Extras
  /** From here on nothing goes wrong. */
  healthy: boolean
  /** It has received a value. */
  readonly noteStored: (n: number) => void
  /** It has invalidated tags. */
  readonly noteInvalidated: () => void
  readonly say: (text: () => string) => void
}

/** A store, and how another process removes something from it: at once. */
export interface Simulated {
  readonly store: StoreShape
  readonly drop: (id: string) => void
}

type StoreShape = Store.Store
type Answer<A> = Effect.Effect<A, CacheError.StoreError>

const unavailable = (operation: string) =>
  new CacheError.StoreError({ store: "simulated", operation, reason: "Unavailable" })

const goesWrong = (self: Environment): boolean => !self.healthy && self.dice.chance(self.config.faults)

const noteStored = ({ noteStored }: Environment, { payload }: CacheEntry.Stored): void => {
  const n = /"n":(\d+)/.exec(read.decode(payload))?.[1]
  if (n !== undefined) noteStored(Number(n))
}

/** A storage in one process, whose only fault is forgetting. */
const core = (self: Environment) => {
  const entries = new Map<string, CacheEntry.Stored>()
  const markers = new Map<string, Marker>()
  let seq = 7
  const forget = () => {
    if (!goesWrong(self) || !self.dice.chance(0.3)) return
    if (self.dice.chance(0.5)) { for (const id of entries.keys()) return void entries.delete(id) }
    for (const tag of markers.keys()) return void markers.delete(tag)
  }
  const write = (tag: string, marker: Marker) => {
    markers.set(tag, marker)
    return marker
  }
  const tags: Store.SyncTags = {
    version: (tag) => markers.get(tag)?.version,
    markers: (tags, newVersion) => ({
      seq,
      markers: tags.map((tag) => markers.get(tag) ?? write(tag, { version: newVersion(), seq }))
    }),
    invalidate: (tags, newVersion, mode) => {
      self.noteInvalidated()
      seq++
      for (const tag of tags) {
        write(tag, { version: Markers.nextVersion(markers.get(tag)?.version, mode, newVersion), seq })
      }
    },
    remove: (tags) => {
      for (const tag of tags) markers.delete(tag)
    }
  }
  return Store.makeSync({
    name: "simulated",
    get: (id) => {
      forget()
      return entries.get(id)
    },
    set: (id, entry) => {
      noteStored(self, entry)
      entries.set(id, entry)
    },
    remove: (id) => entries.delete(id),
    clear: () => entries.clear(),
    scan: (prefix) => Array.from(entries, ([id, { meta }]) => ({ id, meta })).filter(({ id }) => id.startsWith(prefix)),
    ...self.extras.features.has("markersAmongEntries") ? { capabilities: { lasting: true } } : { tags }
  })
}

/** Answers at once, or fails: before it has done anything, or after. */
export const synchronous = (self: Environment): Simulated => {
  const store = core(self)
  const faulty = <A>(operation: string, answer: Answer<A>): Answer<A> =>
    Effect.suspend(() => {
      // One step more may be one yield more.
      const lies = self.extras.features.has("lies")
      if (!goesWrong(self)) return lies ? Effect.map(answer, (value) => orLie(self, operation, value)) : answer
      self.say(() => `store fails to ${operation}`)
      if (self.dice.chance(0.2)) return Effect.die("a bug in the store")
      const failure = Effect.fail(unavailable(operation))
      return self.dice.chance(0.5) ? failure : Effect.andThen(answer, failure)
    })
  const getUnsafe = (id: string, tags: ReadonlyArray<string>) => {
    if (goesWrong(self)) throw unavailable("get")
    return orLie(self, "get", store.getUnsafe(id, tags))
  }
  return { store: { ...over(self, store, faulty), getUnsafe }, drop: dropIn(self, store) }
}

const dropIn = (self: Environment, store: StoreShape) => (id: string): void =>
  void Effect.runSyncExitWith(self.schedule.context)(singly(store).remove(id))

type Wrap = <A>(operation: string, answer: Answer<A>, id: string) => Answer<A>

const over = (self: Environment, store: StoreShape, wrap: Wrap): StoreShape => {
  const wrapped: Wrap = (operation, answer, id) => orThrow(self, () => wrap(operation, answer, id))
  const hasWaves = self.extras.features.has("waves")
  const ofLoads = <A>(operation: string, answer: Answer<A>, requests: ReadonlyArray<{ readonly id: string }>) =>
    hasWaves || requests.length === 1 ? wrapped(operation, answer, idsOf(requests)) : answer
  return {
    ...store,
    get: (id, tags) => wrapped("get", store.get(id, tags), id),
    getMany: (ids) => wrapped("get", store.getMany(ids), ids.join()),
    touch: (id, options) => wrapped("touch", store.touch(id, options), id),
    set: (requests) => wrapped("set", store.set(requests), idsOf(requests)),
    remove: (ids) => wrapped("remove", store.remove(ids), ids.join()),
    acquire: (requests) => ofLoads("acquire", store.acquire(requests), requests),
    commit: (requests) => ofLoads("commit", store.commit(requests), requests),
    ...hasWaves
      ? { renew: (ids, ...asked) => wrapped("renew", store.renew(ids, ...asked), ids.join()) }
      : {},
    markers: (tags) => wrapped("markers", store.markers(tags), tags.join()),
    invalidateTags: (tags, mode) => wrapped("invalidateTags", store.invalidateTags(tags, mode), tags.join()),
    clear: wrap("clear", store.clear, ""),
    ...store.transact === undefined
      ? {}
      : { transact: (request) => wrapped("transact", store.transact!(request), "") }
  }
}

const idsOf = (requests: ReadonlyArray<{ readonly id: string }>): string => requests.map(({ id }) => id).join()

const delayOf = (self: Environment): number => {
  if (self.healthy) return 0
  if (self.dice.chance(self.config.faults / 2)) return self.config.storeTimeout + self.dice.below(200)
  return self.dice.chance(0.3) ? 0 : self.dice.below(self.dice.chance(0.3) ? 15 : 4)
}

/** Explicit writes, in the order they were asked, as on one connection. */
const written = new Set(["set", "touch", "remove", "invalidateTags", "clear", "transact"])

/** A requested operation is done even if its caller no longer waits for the answer. */
export const asynchronous = (self: Environment): Simulated => {
  const { schedule } = self
  const store = core(self)
  const line: Array<() => void> = []
  const next = () => {
    const apply = line[0]
    if (apply === undefined) return
    schedule.after(delayOf(self), () => {
      apply()
      line.shift()
      next()
    })
  }
  const inLine = (apply: () => void) => {
    line.push(apply)
    if (line.length === 1) next()
  }
  const asked: Wrap = <A>(operation: string, answer: Answer<A>, id: string) =>
    Effect.suspend(() => {
      const [lost, unanswered, fails, stubborn] = Array.from({ length: 4 }, () => goesWrong(self))
      const waiting = Effect.callback<A, CacheError.StoreError>((resume) => {
        const apply = () => {
          if (lost && unanswered) return self.say(() => `store never hears of ${operation} ${id}`)
          if (lost) return resume(Effect.fail(unavailable(operation)))
          const exit = Exit.map(Effect.runSyncExitWith(schedule.context)(answer), (value) =>
            orLie(self, operation, value))
          const how = unanswered ? ", and does not answer" : fails ? ", and says it failed" : ""
          self.say(() =>
            `store applies ${operation} ${id}${how}`
          )
          if (unanswered) return
          // Answers to reads come later than what was done meanwhile.
          const late = operation === "get" && !self.healthy ? self.dice.below(12) : 0
          schedule.after(delayOf(self) + late, () => resume(fails ? Effect.fail(unavailable(operation)) : exit))
        }
        if (written.has(operation)) inLine(apply)
        else schedule.after(delayOf(self), apply)
      })
      return stubborn && !unanswered ? Effect.uninterruptible(waiting) : waiting
    })
  const capabilities = { ...store.capabilities, shared: false, changes: false }
  const simulated = { ...over(self, store, asked), capabilities, getUnsafe: undefined }
  const callbacks = self.extras.features.has("callbacks")
    ? { getCallback: answering(simulated, { context: schedule.context, timeoutMillis: 2 * self.config.storeTimeout }) }
    : {}
  return { store: { ...simulated, ...callbacks, ...distanceOf(self.extras) }, drop: dropIn(self, store) }
}

interface Answering {
  readonly context: Context.Context<never>
  /** An unanswered request is given up after the engine has done so. */
  readonly timeoutMillis: number
}

/** `get` with a callback. */
export const answering = (
  store: Pick<StoreShape, "get">,
  { context, timeoutMillis }: Answering
): NonNullable<StoreShape["getCallback"]> =>
(id, tags, done) => {
  const get = Effect.timeoutOrElse(store.get(id, tags), {
    duration: timeoutMillis,
    orElse: () => Effect.fail(unavailable("get"))
  })
  Effect.runForkWith(context)(get).addObserver(done)
}

/** The store that `Store.make` derives from a slow storage that fails. */
export const derived = (self: Environment): Simulated => {
  const entries = new Map<string, CacheEntry.Stored>()
  const slow = <A>(operation: string, apply: () => A): Answer<A> =>
    Effect.suspend(() => {
      const early = goesWrong(self) && self.dice.chance(0.5)
      const late = goesWrong(self)
      return Effect.sleep(delayOf(self)).pipe(
        Effect.andThen(early ? Effect.fail(unavailable(operation)) : Effect.sync(apply)),
        Effect.tap(Effect.sleep(delayOf(self))),
        Effect.tap(late ? Effect.fail(unavailable(operation)) : Effect.void)
      )
    })
  const store = Store.make({
    name: "simulated",
    get: (id) => slow("get", () => orLie(self, "get", entries.get(id))),
    set: (id, entry) =>
      slow("set", () => {
        noteStored(self, entry)
        entries.set(id, entry)
      }),
    remove: (id) => slow("remove", () => entries.delete(id)),
    clear: slow("clear", () => entries.clear())
  })
  return { store, drop: (id) => void entries.delete(id) }
}

const text = new TextEncoder()
const read = new TextDecoder()

/** JSON that sometimes cannot be written or read, or takes its time. */
export const serializer = (self: Environment): Serializer.Serializer => ({
  name: "simulated",
  contentType: "application/json",
  extension: ".json",
  make: () => {
    const wrong = (operation: "encode" | "decode") =>
      Exit.fail(new CacheError.SerializerError({ serializer: "simulated", operation, reason: "simulated" }))
    const faulty = <A>(operation: "encode" | "decode", run: () => A): Effect.Effect<A, CacheError.SerializerError> => {
      if (goesWrong(self) && self.dice.chance(0.3)) return wrong(operation)
      const exit = Exit.succeed(run())
      return self.dice.chance(0.1) ? Effect.andThen(Effect.yieldNow, exit) : exit
    }
    return {
      id: 1,
      encode: (value) => faulty("encode", () => text.encode(JSON.stringify(value))),
      decode: (bytes) => faulty("decode", () => JSON.parse(read.decode(bytes)) as never)
    }
  }
})
