/** Stores around a store: a part under a prefix, a limit of sizes, and a tap on every operation. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Meta, Stored, TagVersion } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import type {
  Acquired,
  AcquireOptions,
  AcquireRequest,
  Answer,
  Change,
  CommitRequest,
  Scanned,
  ScanOptions,
  Store,
  TransactCheck,
  Transacted,
  TransactRequest,
  TransactStep
} from "../../ports/store.ts"
import { leasesRemembered, sweepMillis } from "../defaults/stores.ts"
import * as Tokens from "../token.ts"
import * as Markers from "./markers/markers.ts"
import { pageByPage } from "./pages.ts"
import { reader } from "./readers.ts"
import { tooLarge } from "./tooLarge.ts"

/** An escaped prefix has no slash, so the first slash of an id ends it: no two prefixes ever write the same id. */
const escape = (prefix: string): string => prefix.replaceAll("%", "%25").replaceAll("/", "%2F")

/** Between the store's own generation and the version of the part. */
const mark = "@"

/**
 * The part of a store under a prefix: ids, tags and counters are written with it and read without.
 *
 * Every entry of the part has one more tag. `clear` invalidates that tag: one step, which also keeps out the results of
 * loads that run in other processes.
 */
export const part = (store: Store, prefix: string): Store => {
  const before = `${escape(prefix)}/`
  // without a slash it cannot be a tag of any part
  const everything = `${escape(prefix)}%`

  const add = (text: string): string => before + text
  const isMine = (text: string): boolean => text.startsWith(before)
  const strip = (text: string): string => text.slice(before.length)

  const close = ({ meta, payload }: Stored, version: string): Stored => {
    const tags = meta.tags.map(({ tag, version }) => ({ tag: add(tag), version }))
    return { meta: { ...meta, tags: [{ tag: everything, version }, ...tags] }, payload }
  }

  const openTags = (tags: ReadonlyArray<TagVersion>): ReadonlyArray<TagVersion> =>
    tags.slice(1).map(({ tag, version }) => ({ tag: strip(tag), version }))

  const isCurrent = ({ tags }: Meta, version: string | undefined): boolean =>
    tags[0]?.tag === everything && tags[0].version === version

  /** An entry from before the last `clear` does not count as stored. */
  const open = (stored: Stored | undefined, version: string | undefined): Stored | undefined =>
    stored !== undefined && isCurrent(stored.meta, version)
      ? { meta: { ...stored.meta, tags: openTags(stored.meta.tags) }, payload: stored.payload }
      : undefined

  const asked = (tags: ReadonlyArray<string>): ReadonlyArray<string> => [...tags.map(add), everything]

  const answered = ({ entry, versions, ...more }: Answer): Answer => ({
    ...more,
    entry: open(entry, versions.at(-1)),
    versions: versions.slice(0, -1)
  })

  const version = Effect.map(Effect.suspend(() => store.markers([everything])), ({ markers }) => markers[0]!.version)
  const withVersion = <A>(use: (version: string) => Effect.Effect<A, StoreError>) => Effect.flatMap(version, use)

  const mine = (change: Change): ReadonlyArray<Change> => {
    switch (change._tag) {
      case "Changed":
        return isMine(change.id) ? [{ _tag: "Changed", id: strip(change.id) }] : []
      case "TagChanged":
        if (change.tag === everything) return [{ _tag: "AllChanged" }]
        return isMine(change.tag) ? [{ _tag: "TagChanged", tag: strip(change.tag) }] : []
      default:
        return [change]
    }
  }

  const note = (noted: Set<string>, text: string) => {
    noted.add(text)
    if (noted.size > leasesRemembered) noted.delete(noted.values().next().value!)
  }
  const leased = new Set<string>()
  const noteLease = (id: string, { join }: Pick<AcquireOptions, "join">) => {
    if (join === true) return
    note(leased, id)
  }
  const ended = <A>(id: string, effect: Effect.Effect<A, StoreError>, ends: (answer: A) => boolean = () => true) =>
    Effect.tap(effect, (answer) => Effect.sync(() => ends(answer) && leased.delete(id)))

  const endedMany = (ids: ReadonlyArray<string>): void => {
    for (const id of ids) leased.delete(id)
  }

  const reopen = (
    { id, ...options }: AcquireRequest,
    version: string,
    acquired: Acquired
  ): Effect.Effect<Acquired, StoreError> => {
    if (acquired._tag === "Wait") return Effect.succeed(acquired)
    if (acquired._tag === "Granted") {
      noteLease(id, options)
      return Effect.succeed({ ...acquired, generation: `${acquired.generation}${mark}${version}` })
    }
    const entry = open(acquired.entry, version)
    return entry === undefined
      ? acquire(id, { ...options, rejectedWriteId: acquired.entry.meta.writeId })
      : Effect.succeed({ ...acquired, entry })
  }

  // The version is read first: a result is refused if the part is cleared from here on, and an older one hides nothing.
  const acquire: Store["acquire"] = (id, options) =>
    withVersion((version) =>
      Effect.flatMap(store.acquire(add(id), options), (acquired) => reopen({ ...options, id }, version, acquired))
    )

  const acquireMany: Store["acquireMany"] = (requests) =>
    withVersion((version) =>
      Effect.flatMap(
        store.acquireMany(requests.map((request) => ({ ...request, id: add(request.id) }))),
        (answers) => Effect.forEach(answers, (acquired, i) => reopen(requests[i]!, version, acquired))
      )
    )

  const isOf = (version: string, { generation }: Pick<CommitRequest, "generation">): boolean =>
    generation.endsWith(`${mark}${version}`)

  const closeCommit = ({ entry, generation, id }: CommitRequest, version: string): CommitRequest => ({
    id: add(id),
    generation: generation.slice(0, generation.lastIndexOf(mark)),
    entry: close(entry, version)
  })

  // An entry that is stored in spite of a `clear` in between has the version from before it, so it is invisible.
  const commitMany: Store["commitMany"] = (requests) =>
    withVersion((version) => {
      const current = requests.filter((request) => isOf(version, request))
      return Effect.map(store.commitMany(current.map((request) => closeCommit(request, version))), (answers) => {
        const accepted = new Map(current.map((request, i) => [request, answers[i]!]))
        for (const [{ id }, isAccepted] of accepted) if (isAccepted) leased.delete(id)
        return requests.map((request) => accepted.get(request) ?? false)
      })
    })

  const commit: Store["commit"] = (id, generation, entry) =>
    withVersion((version) => {
      const request: CommitRequest = { id, generation, entry }
      if (!isOf(version, request)) return Effect.succeed(false)
      const closed = closeCommit(request, version)
      return ended(id, store.commit(closed.id, closed.generation, closed.entry), (accepted) => accepted)
    })

  // The version is part of the name: after a `clear` all counters have new names.
  const counterOf = (version: string, name: string): string => `${before}${version}/${name}`
  const counted = new Set<string>()

  const increment: Store["increment"] = (name, by, ...rest) =>
    withVersion((version) => {
      const counter = counterOf(version, name)
      if (by !== 0) note(counted, counter)
      return store.increment(counter, by, ...rest)
    })

  // Nobody can name the counters of before the clear any more.
  const removeCounters = withVersion((version) => {
    const old = Array.from(counted).filter((counter) => !counter.startsWith(counterOf(version, "")))
    for (const counter of old) counted.delete(counter)
    return Effect.forEach(old, (counter) => store.removeCounter(counter), { discard: true })
  })

  const listed = (options?: ScanOptions) => store.scan({ ...options, prefix: add(options?.prefix ?? "") })

  const scan = (options?: ScanOptions): Stream.Stream<Scanned, StoreError> =>
    Stream.unwrap(Effect.map(version, (version) =>
      listed(options).pipe(
        Stream.filter(({ meta }) => isCurrent(meta, version)),
        Stream.map(({ id, meta, ...more }) => ({
          ...more,
          id: strip(id),
          meta: { ...meta, tags: openTags(meta.tags) }
        }))
      )))

  // The results of these loads are no longer stored, so the next loads must not wait for their leases.
  const releaseLeases = Effect.suspend(() => {
    const ids = Array.from(leased)
    leased.clear()
    return store.removeMany(ids.map(add))
  })

  const removeOld = withVersion((version) =>
    Stream.runForEach(listed(), ({ id, meta }) => isCurrent(meta, version) ? Effect.void : store.remove(id))
  )

  const sweep = Effect.all([releaseLeases, removeOld, removeCounters], { discard: true }).pipe(
    Effect.timeoutOption(sweepMillis),
    Effect.ignore
  )

  /** The steps as they are written. A `clear` is one of the tag, whose version the entries after it have. */
  const closeSteps = (
    steps: ReadonlyArray<TransactStep>,
    before: string,
    newVersion: () => string
  ): ReadonlyArray<TransactStep> => {
    let version = before
    return steps.flatMap((step): ReadonlyArray<TransactStep> => {
      switch (step._tag) {
        case "Set":
          return [{ ...step, id: add(step.id), entry: close(step.entry, version) }]
        case "Commit":
          return [{
            _tag: "Commit",
            ...isOf(version, step) ? closeCommit(step, version) : { ...step, id: add(step.id) }
          }]
        case "Remove":
        case "Touch":
          return [{ ...step, id: add(step.id) }]
        case "InvalidateTags":
          return [{ ...step, tags: step.tags.map(({ tag, version }) => ({ tag: add(tag), version })) }]
        case "Clear":
          version = newVersion()
          return [{ _tag: "InvalidateTags", tags: [{ tag: everything, version }], mode: "hard" }]
        default:
          return [{ ...step, name: counterOf(version, step.name) }]
      }
    })
  }

  const closeCheck = (check: TransactCheck, version: string): TransactCheck => {
    switch (check._tag) {
      case "Entry":
        return { ...check, id: add(check.id) }
      case "Counter":
        return { ...check, name: counterOf(version, check.name) }
      default:
        return check
    }
  }

  const tokensOf = Tokens.lazily()
  const closed = ({ checks, steps }: TransactRequest, version: string): Effect.Effect<TransactRequest> =>
    Effect.withFiber((fiber) =>
      Effect.succeed({
        checks: checks.map((check) => closeCheck(check, version)),
        steps: closeSteps(steps, version, () => Markers.newVersion(tokensOf(fiber)))
      })
    )

  const transacting = (transact: NonNullable<Store["transact"]>) => (request: TransactRequest) =>
    withVersion((version) =>
      Effect.map(
        Effect.flatMap(closed(request, version), transact),
        (answer): Transacted => {
          if (answer._tag === "Conflict") {
            const all = counterOf(version, "")
            return { ...answer, ids: answer.ids.map(strip), names: answer.names.map((name) => name.slice(all.length)) }
          }
          endedMany(request.steps.flatMap((step) => "id" in step && step._tag !== "Touch" ? [step.id] : []))
          return { ...answer, refused: answer.refused.map(strip) }
        }
      )
    )

  const { getCallback, getUnsafe } = store
  const changesUnsafe = store.changesUnsafe && reader(store.name, store.changesUnsafe)
  // all of the port, so that the compiler asks for the prefix of a new operation
  const own: Store = {
    name: store.name,
    // a tag that stands for an id would not be that of the id with the prefix
    capabilities: { ...store.capabilities, dependencies: false },
    get: (id, tags, ...rest) => Effect.map(store.get(add(id), asked(tags), ...rest), answered),
    isWhole: store.isWhole,
    workedMillis: store.workedMillis,
    getUnsafe: getUnsafe && ((id, tags, ...rest) => answered(getUnsafe(add(id), asked(tags), ...rest))),
    getCallback: getCallback &&
      ((id, tags, done) => getCallback(add(id), asked(tags), (exit) => done(Exit.map(exit, answered)))),
    getMany: (ids, ...rest) =>
      withVersion((version) =>
        Effect.map(
          store.getMany(ids.map(add), ...rest),
          (entries) => entries.map((entry) => open(entry, version))
        )
      ),
    set: (id, entry, ...rest) =>
      withVersion((version) => ended(id, store.set(add(id), close(entry, version), ...rest), (done) => done)),
    setMany: (requests) =>
      withVersion((version) =>
        Effect.tap(
          store.setMany(requests.map(({ entry, id }) => ({ id: add(id), entry: close(entry, version) }))),
          () => Effect.sync(() => endedMany(requests.map(({ id }) => id)))
        )
      ),
    remove: (id, ...rest) => ended(id, store.remove(add(id), ...rest)),
    removeMany: (ids) => Effect.tap(store.removeMany(ids.map(add)), () => Effect.sync(() => endedMany(ids))),
    acquire,
    acquireMany,
    commit,
    commitMany,
    renew: (id, ...rest) => store.renew(add(id), ...rest),
    touch: (id, ...rest) => store.touch(add(id), ...rest),
    // its id stays in `leased`: `clear` removes the failure note too
    release: (id, ...rest) => store.release(add(id), ...rest),
    markers: (tags, ...rest) => store.markers(tags.map(add), ...rest),
    invalidateTags: (tags, ...rest) => store.invalidateTags(tags.map(add), ...rest),
    scan,
    size: Stream.runCount(Stream.suspend(() => scan())),
    clear: Effect.andThen(Effect.suspend(() => store.invalidateTags([everything])), sweep),
    increment,
    counter: (name) => withVersion((version) => store.counter(counterOf(version, name))),
    touchCounter: (name, ...rest) => withVersion((version) => store.touchCounter(counterOf(version, name), ...rest)),
    removeCounter: (name) => withVersion((version) => store.removeCounter(counterOf(version, name))),
    scanCounters: (options) =>
      Stream.unwrap(Effect.map(version, (version) => {
        const all = counterOf(version, "")
        return Stream.map(
          store.scanCounters({ ...options, prefix: counterOf(version, options?.prefix ?? "") }),
          ({ name, ...counter }) => ({ ...counter, name: name.slice(all.length) })
        )
      })),
    transact: store.transact && transacting(store.transact),
    changes: Stream.flatMap(store.changes, (change) => Stream.fromIterable(mine(change))),
    changesUnsafe: changesUnsafe && (() => {
      const changes = changesUnsafe()
      return changes.length === 0 ? changes : changes.flatMap(mine)
    })
  }
  return { ...store, ...own }
}

const partition = <A extends { readonly entry: Stored }>(
  requests: ReadonlyArray<A>,
  fits: (entry: Stored) => boolean
): readonly [fitting: ReadonlyArray<A>, others: ReadonlyArray<A>] => [
  requests.filter(({ entry }) => fits(entry)),
  requests.filter(({ entry }) => !fits(entry))
]

/** A store that refuses payloads below and above the given sizes. */
export const sized = (store: Store, minBytes: number, maxBytes: number): Store => {
  const fits = ({ payload }: Stored): boolean => payload.length >= minBytes && payload.length <= maxBytes
  const refuse = (operation: "set" | "commit", id: string, { payload: { length: size } }: Stored) =>
    Effect.fail(tooLarge({
      store: store.name,
      operation,
      id,
      size,
      limit: size > maxBytes ? ["maxSize", maxBytes] : ["minSize", minBytes]
    }))
  const { transact } = store
  return {
    ...store,
    set(id, entry, condition, ...rest) {
      if (fits(entry)) return store.set(id, entry, condition, ...rest)
      // the old entry must not stay: it was to be replaced
      const refused = refuse("set", id, entry)
      return condition === undefined ? Effect.andThen(store.remove(id), refused) : refused
    },
    // sets those that fit, and fails because of the others
    setMany(requests) {
      const [fitting, others] = partition(requests, fits)
      const [refused] = others
      if (refused === undefined) return store.setMany(requests)
      return store.setMany(fitting).pipe(
        Effect.andThen(store.removeMany(others.map(({ id }) => id))),
        Effect.andThen(refuse("set", refused.id, refused.entry))
      )
    },
    commit: (id, generation, entry, ...rest) =>
      fits(entry) ? store.commit(id, generation, entry, ...rest) : refuse("commit", id, entry),
    commitMany(requests) {
      const [fitting, others] = partition(requests, fits)
      const [refused] = others
      return refused === undefined
        ? store.commitMany(requests)
        : Effect.andThen(store.commitMany(fitting), refuse("commit", refused.id, refused.entry))
    },
    transact: transact && ((request) => {
      const others = request.steps.filter((step) => "entry" in step && !fits(step.entry))
      const unfit = others.find((step) => step._tag === "Set")
      if (unfit !== undefined) return refuse("set", unfit.id, unfit.entry)
      const steps = others.length === 0 ? request.steps : request.steps.filter((step) => !others.includes(step))
      return transact({ ...request, steps })
    })
  }
}

const noOperations = new Set([
  "name",
  "capabilities",
  "getUnsafe",
  "getCallback",
  "scan",
  "scanCounters",
  "changes",
  "changesUnsafe"
])

export type Tap = <A>(
  operation: string,
  ids: ReadonlyArray<string>,
  effect: Effect.Effect<A, StoreError>
) => Effect.Effect<A, StoreError>

type Operation = (...arguments_: ReadonlyArray<any>) => any

/** A store whose every operation is run by `watch`. That is an effect, so the store no longer answers synchronously. */
export const tapped = (store: Store, watch: Tap): Store => {
  const around = <A>(operation: string, ids: unknown, effect: () => Effect.Effect<A, StoreError>) =>
    Effect.suspend(() => watch(operation, textsOf(ids), effect()))
  const mapped = Object.entries(store).map(([name, value]) => {
    if (noOperations.has(name)) return [name, value]
    if (Effect.isEffect(value)) {
      return [
        name,
        around(name, undefined, () => value as Effect.Effect<unknown, StoreError>)
      ]
    }
    if (typeof value !== "function") return [name, value]
    return [
      name,
      (...arguments_: ReadonlyArray<unknown>) => around(name, arguments_[0], () => (value as Operation)(...arguments_))
    ]
  })
  return {
    ...Object.fromEntries(mapped) as Store,
    capabilities: store.capabilities,
    getUnsafe: undefined,
    getCallback: undefined,
    scan: (options) => paged("scan", store.scan(options), watch),
    scanCounters: (options) => paged("scanCounters", store.scanCounters(options), watch)
  }
}

const textsOf = (ids: unknown): ReadonlyArray<string> =>
  typeof ids === "string"
    ? [ids]
    : Array.isArray(ids)
    ? ids.map((one: string | { readonly id: string }) => typeof one === "string" ? one : one.id)
    : []

/** Each page of a scan is one operation. */
const paged = <A>(operation: string, scan: Stream.Stream<A, StoreError>, watch: Tap): Stream.Stream<A, StoreError> =>
  Stream.transformPull(
    scan,
    (pull) => Effect.succeed(pageByPage(pull, (page) => Effect.suspend(() => watch(operation, [], page))))
  )
