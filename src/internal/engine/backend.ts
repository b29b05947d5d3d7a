import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type { Meta, Stored, TagVersion } from "../../CacheEntry.ts"
import { SerializerError, StoreError } from "../../CacheError.ts"
import type { Codec } from "../../Serializer.ts"
import type { Markers } from "../../Store.ts"
import { isSoftened } from "../store/markers.ts"
import * as Circuit from "./circuit.ts"
import { Entry } from "./entry.ts"
import type { Fault } from "./flight.ts"
import * as Journal from "./journal.ts"
import { idOf, infoOf, type Key, tagsOf } from "./keys.ts"
import * as Log from "./log.ts"
import type { Backend, Codecs, Engine } from "./model.ts"
import { countersOf, emit } from "./observe.ts"
import type { Policy } from "./policy.ts"
import * as Tags from "./tags.ts"
import * as Told from "./told.ts"

/** What is left of the time that all store steps of one read may take together. */
export interface Budget {
  leftMillis: number
}

export const budgetOf = (self: Engine, { storeTimeoutMillis }: Policy): Budget => ({
  leftMillis: storeTimeoutMillis ?? self.backend!.budgetMillis
})

export const isFault = (answer: unknown): answer is Fault =>
  answer instanceof StoreError || answer instanceof SerializerError

/**
 * Asks the store for something. It never fails and never takes longer than the budget: a fault is an answer like any
 * other. Who asked goes on without waiting for an operation that does not even end when it is interrupted.
 */
export const ask = <A>(
  self: Engine,
  budget: Budget,
  operation: string,
  effect: Effect.Effect<A, StoreError>
): Effect.Effect<A | StoreError> =>
  Effect.withFiber((fiber) => {
    const backend = self.backend!
    self.tags.onDoubt?.()
    const clock = fiber.getRef(Clock.Clock)
    const startedAt = monotonicMillis(clock)
    const fail = (reason: StoreError["reason"], cause?: unknown) =>
      new StoreError({ store: backend.store.name, operation, reason, ...(cause === undefined ? {} : { cause }) })
    if (budget.leftMillis <= 0) return Effect.succeed(fail("Timeout"))
    let permit: Circuit.Permit | undefined
    const asked = Effect.suspend(() => {
      permit = Circuit.admit(backend.circuit, clock.currentTimeMillisUnsafe())
      if (permit === undefined) return Effect.succeed(fail("Unavailable"))
      return Effect.map(within(effect, budget.leftMillis), (exit): A | StoreError => {
        budget.leftMillis -= monotonicMillis(clock) - startedAt
        if (exit !== undefined && Exit.isSuccess(exit)) {
          Circuit.answered(backend.circuit)
          recovered(self, operation)
          return exit.value
        }
        const fault = exit === undefined ? fail("Timeout") : faultOf(exit.cause, (cause) => fail("Unavailable", cause))
        if (fault.reason === "Timeout") {
          Circuit.timedOut(backend.circuit, permit!, clock.currentTimeMillisUnsafe())
        } else {
          Circuit.answered(backend.circuit)
        }
        return noteFault(self, operation, fault)
      })
    })
    // around all of it: a probe that is interrupted before its first step, or after its last, must not stay one for ever
    return Effect.onInterrupt(asked, () =>
      Effect.sync(() => {
        if (permit !== undefined) Circuit.gaveUp(backend.circuit, permit)
      }))
  })

const faultOf = (cause: Cause.Cause<unknown>, orElse: (defect: unknown) => StoreError): StoreError => {
  const error = Cause.squash(cause)
  return error instanceof StoreError ? error : orElse(error)
}

/** for durations: a wall clock can be set while something runs */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** `undefined` where it took longer; what still runs then is interrupted and left to itself */
const within = <A, E>(effect: Effect.Effect<A, E>, millis: number): Effect.Effect<Exit.Exit<A, E> | undefined> =>
  Effect.withFiber((parent) =>
    Effect.callback((resume) => {
      const run = Effect.runForkWith(parent.context)
      const fiber = run(effect)
      const answered = fiber.pollUnsafe()
      if (answered !== undefined) return resume(Effect.succeed(answered))
      const timer = run(Effect.andThen(
        Effect.sleep(millis),
        Effect.sync(() => {
          // before the interruption, which may end it within this step: that would look like an answer
          resume(Effect.undefined)
          fiber.interruptUnsafe()
        })
      ))
      fiber.addObserver((exit) => {
        timer.interruptUnsafe()
        resume(Effect.succeed(exit))
      })
      return Effect.sync(() => {
        timer.interruptUnsafe()
        fiber.interruptUnsafe()
      })
    })
  )

/** counts it, and logs the first of an incident, which lasts until all that failed has succeeded again */
const noteFault = (self: Engine, operation: string, fault: StoreError): StoreError => {
  const { failing } = self.backend!
  self.stats.storeFailures++
  if (self.watchers.events !== undefined) emit(self, { _tag: "StoreFailure", operation, reason: fault.reason })
  if (fault.reason === "TooLarge") {
    // of this value: the store itself is well
    warnOnce(self, "TooLarge", `${fault.message}; what is that large stays in memory (said once)`)
    return fault
  }
  if (failing.size === 0) Log.warning(self, `${fault.message}; going on without it`)
  failing.add(operation)
  return fault
}

const recovered = (self: Engine, operation: string): void => {
  const { failing, store } = self.backend!
  if (failing.delete(operation) && failing.size === 0) Log.info(self, `The store "${store.name}" answers again`)
}

/** something is stored there and cannot be read: a miss, and said */
const damaged = (self: Engine, key: Key, id: string): undefined => {
  noteCorrupt(self, "get")
  const message = `What the store "${self.backend!.store.name}" has under "${id}" is damaged: it counts as missing`
  warnOnce(self, `damage ${id}`, message, { id, key })
  return undefined
}

const noteCorrupt = (self: Engine, operation: string): void => {
  self.stats.storeFailures++
  if (self.watchers.events !== undefined) emit(self, { _tag: "StoreFailure", operation, reason: "Corrupt" })
}

const warnOnce = (self: Engine, topic: string, message: string, about?: Log.About): void => {
  const { warned } = self.backend!
  if (warned.has(topic)) return
  if (warned.size >= 1000) warned.clear()
  warned.add(topic)
  Log.warning(self, message, about === undefined ? {} : { about })
}

type AnyCodec = Schema.Codec<unknown, unknown, any, any>

/** compiled once a key class; throws a `CacheConfigError` for a schema that this serializer refuses */
export const codecsOf = (self: Backend, key: Key): Codecs => {
  const info = infoOf(key)
  if (info === undefined) return self.plain
  const known = self.codecs.get(info)
  if (known !== undefined) return known
  const codecs: Codecs = {
    success: self.serializer.make(info.success as AnyCodec) as Codec<unknown, any>,
    failure: info.hasError ? self.serializer.make(info.error as AnyCodec) as Codec<unknown, any> : undefined
  }
  self.codecs.set(info, codecs)
  return codecs
}

const codecFor = (codecs: Codecs, stored: Stored): Codec<unknown, any> | undefined => {
  const codec = stored.meta.outcome === "success" ? codecs.success : codecs.failure
  return codec?.id === stored.meta.serializer ? codec : undefined
}

interface Revived {
  readonly key: Key
  readonly id: string
  readonly stored: Stored
  readonly value: unknown
  readonly bornAt: number
  readonly softened: boolean
}

const revive = (self: Engine, { bornAt, id, key, softened, stored: { meta }, value }: Revived): Entry => {
  const entry = new Entry({
    id,
    exit: meta.outcome === "success" ? Exit.succeed(value) : Exit.fail(value),
    createdAt: meta.createdAt,
    softExpiresAt: softened ? -Infinity : meta.softExpiresAt,
    expiresAt: meta.expiresAt,
    loadMillis: meta.loadMillis,
    tags: tagNames(meta.tags),
    bornAt,
    writeId: meta.writeId,
    etag: meta.etag,
    counters: countersOf(self, key)
  })
  // it is the same write as the one in memory: its reads were counted there
  const kept = self.memory.entries.get(id)
  if (kept?.writeId === meta.writeId) entry.reads = kept.reads
  return entry
}

const none: ReadonlyArray<string> = []
const tagNames = (tags: ReadonlyArray<TagVersion>): ReadonlyArray<string> =>
  tags.length === 0 ? none : tags.map((tag) => tag.tag)

const undecodable = (self: Engine, key: Key, id: string, stored: Stored, cause: Cause.Cause<unknown>): string => {
  noteMisfit(
    self,
    key,
    new SerializerError({
      serializer: self.backend!.serializer.name,
      operation: "decode",
      reason: `what is stored under "${id}" cannot be read: it counts as missing`,
      cause: Cause.squash(cause)
    })
  )
  return stored.meta.writeId
}

/** counts it, and logs the first for a key class (or string key): what does not fit once will not fit again */
const noteMisfit = (self: Engine, key: Key, fault: SerializerError): SerializerError => {
  noteCorrupt(self, fault.operation)
  const id = idOf(key)
  warnOnce(self, `${fault.operation} ${infoOf(key)?.name ?? id}`, fault.message, { id, key })
  return fault
}

/** What a synchronous store cannot answer at once: it failed, or the codec needs services or time. */
export const Later = Symbol("Later")

/**
 * What the store has: a decoded entry, the `writeId` of one that is of no use (expired, invalidated, undecodable), or
 * nothing.
 */
export type Found = Entry | string | undefined

/** Reads a synchronous store at once. */
export const readNow = (self: Engine, key: Key, id: string, now: number): Found | typeof Later => {
  const backend = self.backend!
  const get = backend.store.getUnsafe!
  self.tags.onDoubt?.()
  if (Journal.distrustsId(backend.journal, id)) return undefined
  // whether it is to be asked, and as a probe, is for an effect to find out
  if (Circuit.isOpen(backend.circuit)) return Later
  let stored: Stored | undefined
  let validity: Validity = "valid"
  try {
    let tags = tagsOf(key)
    const told = Told.versionsOf(self, backend, tags, now)
    let answer = get(id, told === undefined ? tags : none)
    stored = answer.entry
    if (stored === undefined) return answer.isDamaged === true ? damaged(self, key, id) : undefined
    if (stored.meta.expiresAt <= now) return stored.meta.writeId
    const isCovered = stored.meta.tags.every((tag) => tags.includes(tag.tag))
    if (isCovered && told === undefined) Told.remember(self, backend, tags, answer.versions, now)
    validity = isCovered ? validityOf(self, stored.meta, tags, told ?? answer.versions) : "gone"
    // the tags are more, or were changed since they were told
    if (!isCovered || (told !== undefined && validity !== "valid")) {
      tags = tagNames(stored.meta.tags)
      answer = get(id, tags)
      if (answer.entry?.meta.writeId !== stored.meta.writeId) return undefined
      validity = validityOf(self, stored.meta, tags, answer.versions)
    }
    if (validity === "gone") return stored.meta.writeId
  } catch {
    // asked once more as an effect, which knows what to do with a fault
    return Later
  }
  if (backend.failing.size > 0) recovered(self, "get")
  const codec = codecFor(codecsOf(backend, key), stored)
  if (codec === undefined) return stored.meta.writeId
  const exit = decodeNow(codec, stored.payload)
  if (!Exit.isExit(exit)) return Later
  return Exit.isSuccess(exit)
    ? revive(self, { key, id, stored, value: exit.value, bornAt: self.tags.epoch, softened: validity === "soft" })
    : undecodable(self, key, id, stored, exit.cause)
}

const decodeNow = (codec: Codec<unknown, any>, payload: Uint8Array): Effect.Effect<unknown, unknown, any> => {
  try {
    return codec.decode(payload)
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** By the tags of an entry: as good as ever, stale by a soft invalidation, or gone. */
type Validity = "valid" | "soft" | "gone"

export const validityOf = (
  self: Engine,
  meta: Meta,
  asked: ReadonlyArray<string>,
  versions: ReadonlyArray<string | undefined>
): Validity => {
  if (meta.tags.length === 0) return "valid"
  const lost = Journal.lostMode(self.backend!.journal, tagNames(meta.tags))
  if (lost === "hard") return "gone"
  let validity: Validity = "valid"
  for (const { tag, version } of meta.tags) {
    const now = versions[asked.indexOf(tag)]
    if (now === version) continue
    if (now === undefined || !isSoftened(version, now)) return "gone"
    validity = "soft"
  }
  return lost ?? validity
}

/** Reads any store, within the budget. */
export const fetch = Effect.fnUntraced(function*(
  self: Engine,
  budget: Budget,
  key: Key,
  id: string,
  declared: ReadonlyArray<string>
): Effect.fn.Return<Found | Fault, never, any> {
  const backend = self.backend!
  if (Journal.distrustsId(backend.journal, id)) return undefined
  // the time of asking, not of the answer: what is invalidated in between must kill it
  const bornAt = Tags.epochNow(self.tags)
  let answer = yield* ask(self, budget, "get", backend.store.get(id, declared))
  if (answer instanceof StoreError) return answer
  let tags = declared
  if (answer.entry !== undefined && !answer.entry.meta.tags.every((tag) => tags.includes(tag.tag))) {
    tags = tagNames(answer.entry.meta.tags)
    answer = yield* ask(self, budget, "get", backend.store.get(id, tags))
    if (answer instanceof StoreError) return answer
  }
  const stored = answer.entry
  if (stored === undefined) return answer.isDamaged === true ? damaged(self, key, id) : undefined
  const now = (yield* Clock.Clock).currentTimeMillisUnsafe()
  return yield* reviveNow(self, { key, id, stored, bornAt, now, tags, versions: answer.versions })
})

interface Reviving {
  readonly key: Key
  readonly id: string
  readonly stored: Stored
  readonly bornAt: number
  readonly now: number
  readonly tags: ReadonlyArray<string>
  /** of the tags, as the store has answered */
  readonly versions: ReadonlyArray<string | undefined>
}

/** What a store has answered, decoded, where it still is of use. */
export const reviveNow = (self: Engine, reviving: Reviving): Effect.Effect<Found, never, any> => {
  const { bornAt, id, key, now, stored, tags, versions } = reviving
  const { writeId } = stored.meta
  if (stored.meta.expiresAt <= now) return Effect.succeed(writeId)
  const names = tagNames(stored.meta.tags)
  const validity = validityOf(self, stored.meta, tags, versions)
  // distrust may have ended since the store was asked, with an answer from before the tag's invalidation
  if (validity === "gone" || Tags.changedSince(self.tags, names, bornAt)) return Effect.succeed(writeId)
  const softened = validity === "soft" || Tags.softenedSince(self.tags, names, bornAt)
  const codec = codecFor(codecsOf(self.backend!, key), stored)
  if (codec === undefined) return Effect.succeed(writeId)
  return Effect.map(Effect.exit(Effect.suspend(() => codec.decode(stored.payload))), (exit) =>
    Exit.isSuccess(exit)
      ? revive(self, { key, id, stored, value: exit.value, bornAt, softened })
      : undecodable(self, key, id, stored, exit.cause))
}

/** Encodes an entry for the store. */
export const encode = Effect.fnUntraced(function*(
  self: Engine,
  key: Key,
  entry: Entry,
  tags: ReadonlyArray<TagVersion>
): Effect.fn.Return<Stored | undefined | Fault, never, any> {
  const codecs = codecsOf(self.backend!, key)
  const codec = entry.outcome === "success" ? codecs.success : codecs.failure
  if (codec === undefined) return undefined
  const value = Exit.isSuccess(entry.exit) ? entry.exit.value : Cause.squash(entry.exit.cause)
  const exit = yield* Effect.exit(Effect.suspend(() => codec.encode(value)))
  if (Exit.isFailure(exit)) {
    const error = Cause.squash(exit.cause)
    return noteMisfit(
      self,
      key,
      error instanceof SerializerError ? error : new SerializerError({
        serializer: self.backend!.serializer.name,
        operation: "encode",
        reason: `the value of "${entry.id}" cannot be stored`,
        cause: error
      })
    )
  }
  return {
    payload: exit.value,
    meta: {
      createdAt: entry.createdAt,
      softExpiresAt: entry.softExpiresAt,
      expiresAt: entry.expiresAt,
      loadMillis: entry.loadMillis,
      outcome: entry.outcome,
      tags,
      writeId: entry.writeId!,
      serializer: codec.id,
      ...entry.etag === undefined ? {} : { etag: entry.etag }
    }
  }
})

/**
 * The versions that an entry's tags had before its load began, `undefined` where one cannot be known or has changed:
 * the entry must not be stored. A tag known only now is safe if it was not invalidated since; one without a marker, if
 * nothing was.
 */
export const versionsOf = Effect.fnUntraced(function*(
  self: Engine,
  budget: Budget,
  tags: ReadonlyArray<string>,
  declared: ReadonlyArray<string>,
  before: Markers | undefined
): Effect.fn.Return<ReadonlyArray<TagVersion> | undefined | StoreError> {
  if (tags.length === 0) return []
  if (before === undefined) return undefined
  const late = tags.filter((tag) => !declared.includes(tag))
  const after = late.length === 0 ? undefined : yield* ask(self, budget, "markers", self.backend!.store.markers(late))
  if (after instanceof StoreError) return after
  const versions: Array<TagVersion> = []
  for (const tag of tags) {
    const i = declared.indexOf(tag)
    const marker = i >= 0 ? before.markers[i] : after?.markers[late.indexOf(tag)]
    if (marker === undefined || (i < 0 && marker.seq > before.seq)) return undefined
    versions.push({ tag, version: marker.version })
  }
  return versions
})
