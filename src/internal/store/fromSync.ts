/**
 * A store over a synchronous storage: each operation is one synchronous step, so operations of a process never
 * interleave.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Stored } from "../../CacheEntry.ts"
import { StoreError } from "../../CacheError.ts"
import { Damaged, type SyncStorage } from "../../ports/storage.ts"
import type {
  Acquired,
  AcquireOptions,
  Answer,
  Change,
  CommitRequest,
  ScanOptions,
  Store,
  TouchOptions,
  Transacted,
  TransactRequest
} from "../../ports/store.ts"
import * as BoundsDefaults from "../defaults/bounds.ts"
import * as ProcessesDefaults from "../defaults/processes.ts"
import * as Tokens from "../token.ts"
import { holds, isOtherWrite, touched } from "./conditions.ts"
import * as Counters from "./counters.ts"
import * as Lasting from "./lasting.ts"
import * as Leases from "./leases.ts"
import { inSteps } from "./many.ts"
import { tagsOfId } from "./markers/idTags.ts"
import * as MarkerEntries from "./markers/markerEntries.ts"
import * as Markers from "./markers/markers.ts"
import * as StoredMarkers from "./markers/storedMarkersSync.ts"
import { isPage } from "./pageIds.ts"
import * as Parts from "./parts.ts"
import * as Transact from "./transact.ts"

const parts: Parts.Parts<SyncStorage> = {
  name: "a string",
  capabilities: "an object",
  get: "a function",
  set: "a function",
  setIfAbsent: "a function",
  remove: "a function",
  scan: "a function",
  size: "a function",
  maxSize: "a number",
  clear: "a function",
  counters: "an object",
  tags: "an object",
  leases: "an object",
  changes: "a function",
  atomic: "a function",
  orAtomic: "a function",
  position: "a function",
  workedMillis: "a function",
  reasonOf: "a function",
  attempt: "a function"
}

const partsOfCounters: Parts.Parts<NonNullable<SyncStorage["counters"]>> = {
  get: "a function",
  set: "a function",
  remove: "a function",
  clear: "a function",
  scan: "a function"
}
const neededOfCounters = ["get", "set", "remove", "clear"] as const

const page = <A>(rest: Iterator<A>): readonly [ReadonlyArray<A>, Option.Option<Iterator<A>>] => {
  const items: Array<A> = []
  while (items.length < BoundsDefaults.chunk) {
    const next = rest.next()
    if (next.done === true) return [items, Option.none()]
    items.push(next.value)
  }
  return [items, Option.some(rest)]
}

const polling = (listen: () => () => ReadonlyArray<Change>): Stream.Stream<Change, StoreError> => {
  const tried = <A>(run: () => A) => Effect.try({ try: run, catch: (error) => error as StoreError })
  const coherent: Stream.Stream<Change> = Stream.succeed({ _tag: "Coherent" })
  const changes = (read: () => ReadonlyArray<Change>) =>
    Stream.concat(
      coherent,
      Stream.flatMap(
        Stream.fromEffectSchedule(tried(read), Schedule.spaced(ProcessesDefaults.polling.pollMillis)),
        Stream.fromIterable
      )
    )
  return Stream.unwrap(Effect.map(tried(listen), changes))
}

/** What an operation needs of the fiber that calls it. */
interface Services {
  readonly now: () => number
  readonly tokens: () => Tokens.Tokens
}

export const make = (storage: SyncStorage): Store & { readonly getUnsafe: NonNullable<Store["getUnsafe"]> } => {
  Parts.check("Store.makeSync", storage, parts, ["name", "get", "set", "remove"])
  const keepsMarkers = Lasting.keepsMarkers("Store.makeSync", storage)
  if (storage.counters !== undefined) {
    Parts.requireKinds("Store.makeSync counters", storage.counters, partsOfCounters, neededOfCounters)
  }

  const { name } = storage
  const leases = storage.leases ?? Leases.make()
  const atomic: NonNullable<SyncStorage["atomic"]> = storage.atomic ?? ((steps) => steps())
  const orAtomic: NonNullable<SyncStorage["orAtomic"]> = storage.orAtomic ??
    ((look, steps) => look() ?? atomic(() => steps(false)))
  const tags: Markers.TagTable = storage.tags ?? (keepsMarkers ? StoredMarkers.make(storage, atomic) : Markers.make())
  const isMarker = keepsMarkers ? MarkerEntries.isMarker : () => false
  const counters = storage.counters ?? Counters.make()
  const tokensOf = Tokens.lazily()

  const isShared = storage.capabilities?.shared === true
  let moves = 0
  const position = storage.position ?? (isShared ? () => undefined : () => String(moves))

  const toStoreError = (operation: string, cause: unknown): StoreError =>
    cause instanceof StoreError
      ? cause
      : new StoreError({ store: name, operation, reason: storage.reasonOf?.(cause) ?? "Unavailable", cause })

  const once = <A>(operation: string, run: () => A): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      try {
        return Exit.succeed(run())
      } catch (cause) {
        return Exit.fail(toStoreError(operation, cause))
      }
    })
  const attempt = storage.attempt ?? once

  const attemptWith = <A>(operation: string, run: (services: Services) => A): Effect.Effect<A, StoreError> =>
    Effect.withFiber((fiber) =>
      attempt(operation, () =>
        run({
          now: () => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
          tokens: () => tokensOf(fiber)
        }))
    )

  const stored = (id: string): Stored | undefined => {
    const entry = storage.get(id)
    return entry === Damaged ? undefined : entry
  }

  const read = (id: string, names: ReadonlyArray<string>): Answer => {
    const entry = storage.get(id)
    const versions = Markers.versionsOf(tags, names)
    return entry === Damaged ? { entry: undefined, versions, isDamaged: true } : { entry, versions }
  }

  const write = (id: string, entry: Stored, now: number): void => {
    moves++
    storage.set(id, entry, now)
  }

  // The last step: where they are several, who asks for the marker in between reads what is new.
  const endMarkers = tags.remove === undefined ? () => {} : (id: string) => tags.remove!(tagsOfId(id))

  const setNow = (id: string, entry: Stored, now: number): void => {
    leases.end(id)
    write(id, entry, now)
    endMarkers(id)
  }

  const set: Store["set"] = (id, entry, condition) =>
    attemptWith("set", ({ now }) =>
      atomic(() => {
        if (condition !== undefined && !holds(condition, stored(id), now(), tags)) return false
        setNow(id, entry, now())
        return true
      }))

  // Room is made for one entry. Where what is atomic was undone as a whole, they are tried one after the other.
  const fitting = <A, B>(
    items: ReadonlyArray<A>,
    together: Effect.Effect<ReadonlyArray<B>, StoreError>,
    alone: (item: A) => Effect.Effect<B, StoreError>
  ): Effect.Effect<ReadonlyArray<B>, StoreError> =>
    storage.atomic === undefined || items.length === 1
      ? together
      : Effect.catchIf(together, ({ reason }) => reason === "Full", () => Effect.forEach(items, alone))

  const setMany: Store["setMany"] = (requests) =>
    Effect.asVoid(
      inSteps(requests, (requests) =>
        fitting(
          requests,
          attemptWith("set", ({ now }) =>
            atomic(() => requests.map(({ entry, id }) => (setNow(id, entry, now()), true)))),
          ({ entry, id }) =>
            set(id, entry)
        ))
    )

  const touchNow = (id: string, options: TouchOptions, now: number): boolean => {
    const entry = touched(stored(id), options, now, tags)
    if (entry !== undefined) write(id, entry, now)
    return entry !== undefined
  }

  const touch: Store["touch"] = (id, options) =>
    attemptWith("touch", ({ now }) => atomic(() => touchNow(id, options, now())))

  const lookFor = (id: string, rejectedWriteId: string | undefined): Acquired | undefined => {
    const entry = stored(id)
    return isOtherWrite(entry, rejectedWriteId) ? { _tag: "Hit", entry } : undefined
  }

  const leaseNow = (id: string, options: AcquireOptions, { now, tokens }: Services, isSame = false): Acquired => {
    const newGeneration = () => Leases.newGeneration(tokens())
    return Markers.withSeq(
      () => Markers.seqOf(tags),
      isSame && leases.acquireSame !== undefined
        ? leases.acquireSame(id, options, now(), newGeneration)
        : leases.acquire(id, options, now(), newGeneration)
    )
  }

  const grantNow = (id: string, options: AcquireOptions, services: Services): Acquired =>
    lookFor(id, options.rejectedWriteId) ?? leaseNow(id, options, services)

  // `Hit` and `Wait` are answered without the lock of a transaction: they must not wait for a writer in another process.
  const withoutWriting = (id: string, options: AcquireOptions, now: number): Acquired | undefined => {
    const hit = lookFor(id, options.rejectedWriteId)
    if (hit !== undefined) return hit
    const leftMillis = leases.leftMillis(id, options, now)
    return leftMillis > 0 ? { _tag: "Wait", leftMillis } : undefined
  }

  const acquire: Store["acquire"] = (id, options) =>
    attemptWith(
      "acquire",
      (services) =>
        orAtomic(
          () => withoutWriting(id, options, services.now()),
          (isSame) => isSame ? leaseNow(id, options, services, true) : grantNow(id, options, services)
        )
    )

  const acquireMany: Store["acquireMany"] = (requests) =>
    inSteps(requests, (requests) =>
      attemptWith("acquire", (services) => {
        const answers = requests.map((request) => withoutWriting(request.id, request, services.now()))
        if (answers.every((answer) => answer !== undefined)) return answers
        return atomic(() => requests.map((request, i) => answers[i] ?? grantNow(request.id, request, services)))
      }))

  const commitNow = ({ entry, generation, id }: CommitRequest, now: number): boolean => {
    if (!leases.isCurrent(id, generation, now)) return false
    write(id, entry, now)
    leases.end(id)
    return true
  }

  const commit: Store["commit"] = (id, generation, entry) =>
    attemptWith("commit", ({ now }) => atomic(() => commitNow({ id, generation, entry }, now())))

  const commitMany: Store["commitMany"] = (requests) =>
    inSteps(
      requests,
      (requests) =>
        fitting(
          requests,
          attemptWith("commit", ({ now }) => atomic(() => requests.map((request) => commitNow(request, now())))),
          ({ entry, generation, id }) => commit(id, generation, entry)
        )
    )

  // The generation ends first: it has ended even if the removal fails.
  const removeNow = (id: string): boolean => {
    leases.end(id)
    moves++
    const was = storage.remove(id)
    endMarkers(id)
    return was
  }

  const invalidate: typeof tags.invalidate = (names, newVersion, mode, now) => {
    moves++
    tags.invalidate(names, newVersion, mode, now)
  }

  const orThrow = <A>(operation: string, run: () => A): A => {
    try {
      return run()
    } catch (cause) {
      throw toStoreError(operation, cause)
    }
  }

  const { changes } = storage
  const listen = changes && (() => {
    const read = orThrow("listen", changes)
    const told = keepsMarkers ? () => read().map(MarkerEntries.toChange) : read
    return () => orThrow("listen", told)
  })

  const unsupportedError = (operation: string) => new StoreError({ store: name, operation, reason: "Unsupported" })
  const unsupported = (operation: string) => Effect.fail(unsupportedError(operation))

  const paged = <A>(
    operation: string,
    scan: ((prefix: string) => Iterable<A>) | undefined,
    options: ScanOptions | undefined
  ): Stream.Stream<A, StoreError> =>
    scan === undefined
      ? Stream.fromEffect(unsupported(operation))
      : Stream.suspend(() => {
        const rest = scan(options?.prefix ?? "")[Symbol.iterator]()
        return Stream.paginate(rest, (rest) => once(operation, () => page(rest)))
      })

  const { clear, scan, size } = storage
  const all = size ?? (scan && (() => Array.from(scan("")).filter(({ id }) => !isPage(id)).length))
  const markers = scan && (() => Array.from(scan(MarkerEntries.prefix)).filter(MarkerEntries.isMarker).length)
  // without `scan` nobody knows how many of all are markers
  const count = !keepsMarkers ? all : all && markers && (() => all() - markers())
  const clearStored = clear ?? (scan === undefined ? undefined : () => {
    for (const { id } of Array.from(scan(""))) storage.remove(id)
  })
  const clearEntries = clearStored && (() => {
    leases.endAll()
    moves++
    clearStored()
  })

  const stepNow = (step: TransactRequest["steps"][number], now: number): string | undefined => {
    switch (step._tag) {
      case "Set":
        setNow(step.id, step.entry, now)
        break
      case "Commit":
        if (!commitNow(step, now)) return step.id
        break
      case "Remove":
        removeNow(step.id)
        break
      case "Touch":
        touchNow(step.id, step.options, now)
        break
      case "InvalidateTags":
        for (const { tag, version } of step.tags) invalidate([tag], () => version, step.mode, now)
        break
      case "Clear":
        clearEntries!()
    }
    return undefined
  }

  const transactNow = (request: TransactRequest, now: number): Transacted => {
    const { checks, steps } = request
    const live = (counter: string) => Counters.live(counters, counter, now)
    const conflict = Transact.conflictOf(checks, {
      holds: ({ condition, id }) => holds(condition, stored(id), now, tags),
      counter: live,
      position
    })
    if (conflict !== undefined) return conflict
    // all that can be refused is refused before the first step
    const counted = Transact.counterChanges(name, steps, live)
    if (counted instanceof StoreError) throw counted
    if (clearEntries === undefined && steps.some(({ _tag }) => _tag === "Clear")) throw unsupportedError("clear")
    const refused: Array<string> = []
    try {
      for (const step of steps) {
        const id = stepNow(step, now)
        if (id !== undefined) refused.push(id)
      }
    } catch (thrown) {
      if (storage.atomic === undefined) undo(steps)
      throw thrown
    }
    if (counted.clear) counters.clear()
    for (const [counter, value] of counted.counters) {
      if (value === undefined) counters.remove(counter)
      else counters.set(counter, value, now)
    }
    return { _tag: "Committed", refused, position: position() }
  }

  // What is not atomic is removed where a step has failed: nobody reads half of it.
  const undo = (steps: TransactRequest["steps"]): void => {
    for (const id of Transact.idsOf(steps)) {
      try {
        removeNow(id)
      } catch {
        // the storage fails: the caller is told
      }
    }
  }

  return {
    name,
    capabilities: { shared: isShared, changes: listen !== undefined, dependencies: tags.remove !== undefined },
    maxSize: storage.maxSize,
    workedMillis: storage.workedMillis,
    get: (id, names) => attempt("get", () => read(id, names)),
    getCallback: undefined,
    getUnsafe: (id, names) => orThrow("get", () => read(id, names)),
    getMany: (ids) => inSteps(ids, (ids) => attempt("getMany", () => ids.map(stored))),
    set,
    setMany,
    remove: (id) => attempt("remove", () => atomic(() => removeNow(id))),
    removeMany: (ids) => inSteps(ids, (ids) => attempt("remove", () => atomic(() => ids.map(removeNow)))),
    touch,
    acquire,
    acquireMany,
    commit,
    commitMany,
    renew: (id, owner, leaseMillis) =>
      attemptWith("renew", ({ now }) => atomic(() => leases.renew(id, owner, leaseMillis, now()))),
    release: (id, owner, note) =>
      attemptWith("release", ({ now }) => atomic(() => leases.release(id, owner, now(), note))),
    markers: (names) =>
      attemptWith("markers", ({ now, tokens }) => tags.markers(names, () => Markers.newVersion(tokens()), now())),
    invalidateTags: (names, mode) =>
      attemptWith(
        "invalidateTags",
        ({ now, tokens }) => invalidate(names, () => Markers.newVersion(tokens()), mode, now())
      ),
    scan: (options) => Stream.filter(paged("scan", scan, options), (scanned) => !isMarker(scanned)),
    size: count === undefined ? unsupported("size") : attempt("size", count),
    clear: clearEntries === undefined ? unsupported("clear") : attempt("clear", () =>
      atomic(() => {
        clearEntries()
        counters.clear()
      })),
    // entries by themselves are no step of several processes
    transact: isShared && storage.atomic === undefined ? undefined : (request) =>
      Effect.suspend(() => {
        const refusal = Transact.tooLarge(name, Transact.sizeOf(request.steps))
        return refusal === undefined
          ? attemptWith("transact", ({ now }) => atomic(() => transactNow(request, now())))
          : Effect.fail(refusal)
      }),
    increment: (counter, by, options) =>
      attemptWith(
        "increment",
        ({ now }) =>
          atomic(() =>
            Counters.increment(counters, { store: name, name: counter, by, now: now(), expiresAt: options?.expiresAt })
          )
      ),
    counter: (counter) => attemptWith("counter", ({ now }) => Counters.live(counters, counter, now())),
    touchCounter: (counter, expiresAt) =>
      attemptWith(
        "touchCounter",
        ({ now }) => atomic(() => Counters.touch(counters, counter, { expiresAt, now: now() }))
      ),
    removeCounter: (counter) =>
      attemptWith("removeCounter", ({ now }) => atomic(() => Counters.remove(counters, counter, now()))),
    scanCounters: (options) => paged("scanCounters", counters.scan, options),
    changes: listen === undefined ? Stream.empty : polling(listen),
    changesUnsafe: listen?.()
  }
}
