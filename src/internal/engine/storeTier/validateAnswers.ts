/**
 * A store whose answers are checked, so that a read does not die of a wrong adapter. A throw becomes a fault like any
 * other, and an answer that is not of its type becomes a `StoreError` with reason `Corrupt`.
 */
import * as Effect from "effect/Effect"
import type { Stored, TagVersion } from "../../../CacheEntry.ts"
import { StoreError } from "../../../CacheError.ts"
import type { Acquired, Counter, Marker, Store } from "../../../ports/store.ts"
import { reader } from "../../store/readers.ts"

export const validateAnswers = (store: Store): Store => {
  const corrupt = (operation: string) => new StoreError({ store: store.name, operation, reason: "Corrupt" })
  const ask = <A>(
    operation: string,
    effect: () => Effect.Effect<A, StoreError>,
    isAnswer: (answer: A) => boolean
  ): Effect.Effect<A, StoreError> =>
    Effect.flatMapEager(
      Effect.suspend(effect),
      (answer) => isAnswer(answer) ? Effect.succeed(answer) : Effect.fail(corrupt(operation))
    )
  const { changesUnsafe, getUnsafe } = store
  return {
    ...store,
    get: (id, tags) => ask("get", () => store.get(id, tags), (answer) => isAnswer(answer, tags.length)),
    getUnsafe: getUnsafe && ((id, tags) => {
      const answer = getUnsafe(id, tags)
      if (isAnswer(answer, tags.length)) return answer
      throw corrupt("get")
    }),
    getMany: (ids) => ask("getMany", () => store.getMany(ids), isListOf(ids.length, isEntry)),
    set: (id, entry, condition) => ask("set", () => store.set(id, entry, condition), isAnything),
    setMany: (requests) => ask("set", () => store.setMany(requests), isAnything),
    remove: (id) => ask("remove", () => store.remove(id), isAnything),
    removeMany: (ids) => ask("remove", () => store.removeMany(ids), isListOf(ids.length, isAnything)),
    touch: (id, options) => ask("touch", () => store.touch(id, options), isBoolean),
    acquire: (id, options) => ask("acquire", () => store.acquire(id, options), isAcquired),
    acquireMany: (requests) => ask("acquire", () => store.acquireMany(requests), isListOf(requests.length, isAcquired)),
    commit: (id, generation, entry) => ask("commit", () => store.commit(id, generation, entry), isBoolean),
    commitMany: (requests) => ask("commit", () => store.commitMany(requests), isListOf(requests.length, isBoolean)),
    markers: (tags) => ask("markers", () => store.markers(tags), (answer) => isMarkers(answer, tags.length)),
    invalidateTags: (tags, mode) => ask("invalidateTags", () => store.invalidateTags(tags, mode), isAnything),
    increment: (name, by, options) =>
      ask("increment", () => store.increment(name, by, options), (sum) => Number.isSafeInteger(sum)),
    counter: (name) => ask("counter", () => store.counter(name), isCounter),
    touchCounter: (name, expiresAt) => ask("touchCounter", () => store.touchCounter(name, expiresAt), isBoolean),
    removeCounter: (name) => ask("removeCounter", () => store.removeCounter(name), isBoolean),
    changesUnsafe: changesUnsafe && reader(changesUnsafe)
  }
}

// The types promise all of this. The checks are for adapters that break the promise.

const isAnything = (): boolean => true

const isBoolean = (u: unknown): boolean => typeof u === "boolean"

const isNumber = (u: unknown): boolean => typeof u === "number" && !Number.isNaN(u)

const isAnswer = (answer: Effect.Success<ReturnType<Store["get"]>>, tags: number): boolean =>
  isObject(answer) && (answer.entry === undefined || isStored(answer.entry)) &&
  Array.isArray(answer.versions) && answer.versions.length === tags

const isEntry = (entry: Stored | undefined): boolean => entry === undefined || isStored(entry)

const isListOf = <A>(length: number, isItem: (item: A) => boolean) => (answer: ReadonlyArray<A>): boolean =>
  Array.isArray(answer) && answer.length === length && answer.every((item) => isItem(item))

const isCounter = (counter: Counter | undefined): boolean =>
  counter === undefined ||
  (isObject(counter) && Number.isSafeInteger(counter.value) && isNumber(counter.expiresAt))

const isAcquired = (acquired: Acquired): boolean => {
  switch (isObject(acquired) ? acquired._tag : undefined) {
    case "Hit":
      return isStored((acquired as Extract<Acquired, { readonly _tag: "Hit" }>).entry)
    case "Granted":
      return isGranted(acquired as Extract<Acquired, { readonly _tag: "Granted" }>)
    case "Wait":
      return isNumber((acquired as Extract<Acquired, { readonly _tag: "Wait" }>).leftMillis)
    default:
      return false
  }
}

const isGranted = ({ failures, generation, seq }: Acquired & { readonly _tag: "Granted" }): boolean =>
  typeof generation === "string" && (seq === undefined || isNumber(seq)) &&
  (failures === undefined ||
    (isObject(failures) && isNumber(failures.count) && failures.note instanceof Uint8Array))

const isMarkers = (markers: Effect.Success<ReturnType<Store["markers"]>>, tags: number): boolean =>
  isObject(markers) && isNumber(markers.seq) && Array.isArray(markers.markers) && markers.markers.length === tags &&
  markers.markers.every((marker: Marker) =>
    isObject(marker) && typeof marker.version === "string" && isNumber(marker.seq)
  )

const isStored = (entry: Stored): boolean => {
  if (!isObject(entry) || !isObject(entry.meta) || !(entry.payload instanceof Uint8Array)) return false
  const { createdAt, etag, expiresAt, loadMillis, softExpiresAt, tags, writeId } = entry.meta
  return isNumber(createdAt) && isNumber(softExpiresAt) && isNumber(expiresAt) && isNumber(loadMillis) &&
    typeof writeId === "string" && (etag === undefined || typeof etag === "string") && Array.isArray(tags) &&
    tags.every((tag: TagVersion) => isObject(tag) && typeof tag.tag === "string" && typeof tag.version === "string")
}

const isObject = (u: object | undefined): boolean => typeof u === "object" && u !== null
