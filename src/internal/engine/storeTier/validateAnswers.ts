/**
 * Validates the answers of a store, so that a faulty adapter causes no defects. A result of the wrong type, including
 * one that is not an effect or stream, becomes a `StoreError` with reason `Corrupt`. `ask` handles exceptions.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Meta, Stored, TagVersion } from "../../../CacheEntry.ts"
import { StoreError } from "../../../CacheError.ts"
import type {
  Acquired,
  AcquireRequest,
  Answer,
  Counter,
  Marker,
  NamedCounter,
  Scanned,
  Store,
  Transacted
} from "../../../ports/store.ts"
import { isChange, reader } from "../../store/readers.ts"

/** Calls a function of the store that should not throw. If it has a bug and throws, returns `other`. */
const orElse = <A>(call: () => A, other: A): A => {
  try {
    return call()
  } catch {
    return other
  }
}

/** Stores that validate the answers of the stores that they consist of. */
const validated = new WeakSet<Store>()

export const asValidated = (store: Store): Store => {
  validated.add(store)
  return store
}

export const validateAnswers = (store: Store): Store => validated.has(store) ? store : validating(store)

const validating = (store: Store): Store => {
  const corrupt = (operation: string) => new StoreError({ store: store.name, operation, reason: "Corrupt" })

  const ask = <A>(
    operation: string,
    effect: () => Effect.Effect<A, StoreError>,
    isAnswer: (answer: A) => boolean
  ): Effect.Effect<A, StoreError> =>
    Effect.flatMapEager(
      Effect.suspend(() => {
        const asked = effect()
        // A fiber that evaluates a value which is not an effect ends at once, without running a handler.
        return Effect.isEffect(asked) ? asked : Effect.fail(corrupt(operation))
      }),
      (answer) => isAnswer(answer) ? Effect.succeed(answer) : Effect.fail(corrupt(operation))
    )

  // The stream is opened at the first pull, so that an exception while opening it becomes a fault as well.
  const follow = <A>(
    operation: string,
    stream: () => Stream.Stream<A, StoreError>,
    isItem: (item: A) => boolean
  ): Stream.Stream<A, StoreError> =>
    Stream.unwrap(Effect.suspend(() => {
      const asked = stream()
      if (!Stream.isStream(asked)) return Effect.fail(corrupt(operation))
      return Effect.succeed(Stream.mapArrayEffect(
        asked,
        (items) => items.every(isItem) ? Effect.succeed(items) : Effect.fail(corrupt(operation))
      ))
    }))

  const { changesUnsafe, transact } = store
  let worked = 0
  return {
    name: store.name,
    capabilities: store.capabilities,
    get: (id, tags) => ask("get", () => store.get(id, tags), (answer) => isAnswer(answer, tags.length)),
    isWhole: store.isWhole && (() => orElse(() => store.isWhole!() !== false, true)),
    distanceMillis: store.distanceMillis && (() => orElse(() => store.distanceMillis!(), 0)),
    // If the store reports an earlier time, or no number, returns the highest time reported so far.
    workedMillis: store.workedMillis && (() => {
      const now = orElse(() => store.workedMillis!(), worked)
      if (now > worked) worked = now
      return worked
    }),
    getUnsafe: store.getUnsafe && ((id, tags) => {
      const answer = store.getUnsafe!(id, tags)
      if (isAnswer(answer, tags.length)) return answer
      throw corrupt("get")
    }),
    getCallback: store.getCallback && ((id, tags, done) => {
      let isAnswered = false
      const answer = (exit: Exit.Exit<Answer, StoreError>): void => {
        if (isAnswered) return
        isAnswered = true
        const isWrong = !Exit.isExit(exit) || (Exit.isSuccess(exit) && !isAnswer(exit.value, tags.length))
        done(isWrong ? Exit.fail(corrupt("get")) : exit)
      }
      try {
        store.getCallback!(id, tags, answer)
      } catch (thrown) {
        answer(Exit.die(thrown))
      }
    }),
    getMany: (ids) => ask("getMany", () => store.getMany(ids), isListOf(ids.length, isEntry)),
    set: (requests) => ask("set", () => store.set(requests), isListOf(requests.length, isBoolean)),
    remove: (ids) => ask("remove", () => store.remove(ids), isListOf(ids.length, isBoolean)),
    touch: (id, options) => ask("touch", () => store.touch(id, options), isBoolean),
    acquire: (requests) => ask("acquire", () => store.acquire(requests), areAcquired(requests)),
    commit: (requests) => ask("commit", () => store.commit(requests), isListOf(requests.length, isBoolean)),
    renew: (ids, ...rest) => ask("renew", () => store.renew(ids, ...rest), isListOf(ids.length, isBoolean)),
    release: (id, owner, note) => ask("release", () => store.release(id, owner, note), isBoolean),
    markers: (tags) => ask("markers", () => store.markers(tags), (answer) => isMarkers(answer, tags.length)),
    invalidateTags: (tags, mode) => ask("invalidateTags", () => store.invalidateTags(tags, mode), isAnything),
    scan: (options) => follow("scan", () => store.scan(options), isScanned),
    scanLoads: (options) => follow("scanLoads", () => store.scanLoads(options), isString),
    size: ask("size", () => store.size, isSize),
    clear: ask("clear", () => store.clear, isAnything),
    increment: (name, by, options) =>
      ask("increment", () => store.increment(name, by, options), (sum) => Number.isSafeInteger(sum)),
    counter: (name) => ask("counter", () => store.counter(name), isCounter),
    touchCounter: (name, expiresAt) => ask("touchCounter", () => store.touchCounter(name, expiresAt), isBoolean),
    removeCounter: (name) => ask("removeCounter", () => store.removeCounter(name), isBoolean),
    scanCounters: (options) => follow("scanCounters", () => store.scanCounters(options), isNamedCounter),
    transact: transact && ((request) => ask("transact", () => transact(request), isTransacted)),
    changes: follow("listen", () => store.changes, isChange),
    changesUnsafe: changesUnsafe && reader(store.name, changesUnsafe)
  }
}

// The types guarantee everything that is checked below. The checks are for adapters that violate the types.

const isAnything = (): boolean => true

const isBoolean = (u: unknown): boolean => typeof u === "boolean"

const isNumber = (u: unknown): boolean => typeof u === "number" && !Number.isNaN(u)

const isAnswer = (answer: Answer, tags: number): boolean =>
  isObject(answer) && isEntry(answer.entry) && Array.isArray(answer.versions) &&
  answer.versions.length === tags && answer.versions.every(isVersion)

const isVersion = (version: string | undefined): boolean => version === undefined || typeof version === "string"

const isEntry = (entry: Stored | undefined): boolean => entry === undefined || isStored(entry)

const isListOf = <A>(length: number, isItem: (item: A, i: number) => boolean) => (answer: ReadonlyArray<A>): boolean =>
  // `every` would skip the holes of a sparse array.
  Array.isArray(answer) && answer.length === length && answer.findIndex((item, i) => !isItem(item, i)) < 0

const isSize = (size: number): boolean => Number.isSafeInteger(size) && size >= 0

const isCounter = (counter: Counter | undefined): boolean =>
  counter === undefined ||
  (isObject(counter) && Number.isSafeInteger(counter.value) && isNumber(counter.expiresAt))

const isNamedCounter = (counter: NamedCounter): boolean => isCounter(counter) && typeof counter?.name === "string"

const isAcquired = (acquired: Acquired, { join }: AcquireRequest): boolean => {
  if (!isObject(acquired)) return false
  switch (acquired._tag) {
    case "Hit":
      return isStored(acquired.entry)
    case "Granted":
      return isGranted(acquired)
    case "Wait":
      // A request with `join` must not be answered with `Wait`, because the engine would repeat the request for ever.
      return join !== true && isNumber(acquired.leftMillis) && acquired.leftMillis >= 0 &&
        (join === false || acquired.leftMillis <= Math.ceil(join.afterMillis))
    default:
      return false
  }
}

const areAcquired = (requests: ReadonlyArray<AcquireRequest>) =>
  isListOf<Acquired>(requests.length, (acquired, i) => isAcquired(acquired, requests[i]!))

const isGranted = ({ failures, generation, seq }: Acquired & { readonly _tag: "Granted" }): boolean =>
  typeof generation === "string" && (seq === undefined || isNumber(seq)) &&
  (failures === undefined ||
    (isObject(failures) && isNumber(failures.count) && failures.note instanceof Uint8Array))

const isTransacted = (answer: Transacted): boolean =>
  isObject(answer) &&
  (answer._tag === "Committed"
    ? isTexts(answer.refused) && (answer.position === undefined || typeof answer.position === "string")
    : answer._tag === "Conflict" && isTexts(answer.ids) && isTexts(answer.names))

const isString = (text: unknown): boolean => typeof text === "string"

const isTexts = (texts: ReadonlyArray<string>): boolean => Array.isArray(texts) && texts.every(isString)

const isMarkers = (markers: Effect.Success<ReturnType<Store["markers"]>>, tags: number): boolean =>
  isObject(markers) && isNumber(markers.seq) && isListOf(tags, isMarker)(markers.markers)

const isMarker = (marker: Marker): boolean =>
  isObject(marker) && typeof marker.version === "string" && isNumber(marker.seq)

const isStored = (entry: Stored): boolean =>
  isObject(entry) && isMeta(entry.meta) && entry.payload instanceof Uint8Array

const isScanned = (scanned: Scanned): boolean =>
  isObject(scanned) && typeof scanned.id === "string" && isMeta(scanned.meta)

const isMeta = (meta: Meta): boolean => {
  if (!isObject(meta)) return false
  const {
    createdAt,
    endsWithParts,
    etag,
    expiresAt,
    isConstant,
    loadMillis,
    outcome,
    serializer,
    softExpiresAt,
    tags,
    writeId
  } = meta
  return isNumber(createdAt) && isNumber(softExpiresAt) && isNumber(expiresAt) && isNumber(loadMillis) &&
    (outcome === "success" || outcome === "failure") && isNumber(serializer) && typeof writeId === "string" &&
    (etag === undefined || typeof etag === "string") && (isConstant === undefined || isConstant === true) &&
    (endsWithParts === undefined || endsWithParts === true) &&
    Array.isArray(tags) && tags.every(isTagVersion)
}

const isTagVersion = (tag: TagVersion): boolean =>
  isObject(tag) && typeof tag.tag === "string" && typeof tag.version === "string"

const isObject = (u: object | undefined): boolean => typeof u === "object" && u !== null
