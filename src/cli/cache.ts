/** Opens the cache that an argument names, and says in which state its entries are. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import type { Stored } from "../CacheEntry.ts"
import type { CacheConfigError, StoreError } from "../CacheError.ts"
import { bytesIn } from "../internal/options/size.ts"
import type { Inspected, Inspection, Store } from "../Store.ts"
import { type Failure, misused } from "./failure.ts"

export const cacheArgument = Argument.String("cache").pipe(
  Argument.withDescription("A folder, like ./cache, or the URL of a cache, like redis://localhost")
)

export const patternArgument = Argument.String("pattern").pipe(
  Argument.withDescription("Only ids that match, like 'user:*'"),
  Argument.withDefault("*")
)

export const patternFlag = Flag.String("pattern").pipe(
  Flag.withDescription("All entries whose ids match, like 'user:*'"),
  Flag.optional
)

type Opened<A> = Effect.Effect<A, CacheConfigError | StoreError | Failure, Scope.Scope>

const database = /^cache\.v\d+\.\d+\.db$/

const scheme = /^[a-z][a-z0-9+.-]+:/i

/** A cache as messages name it: without a user, a password and options. */
export const nameOf = (given: string): string =>
  scheme.test(given) ? given.replace(/\?[\s\S]*/, "").replace(/\/\/[^/]*@/, "//") : given

/** The URL of a cache. A path without a scheme is a folder, whose content shows by which store it was written. */
const urlOf = Effect.fnUntraced(function*(given: string) {
  if (given === "") {
    return yield* Effect.fail(
      misused("The cache has no name: give a folder, like ./cache, or a URL, like redis://localhost")
    )
  }
  if (/^s3:/i.test(given) && process.env[secrets.secretAccessKey] === undefined) {
    return yield* Effect.fail(misused(`A bucket needs the secret of its key: set ${secrets.secretAccessKey}`))
  }
  if (scheme.test(given)) return given
  const names = yield* Effect.try({
    try: () => fs.readdirSync(given),
    catch: (cause) =>
      /^~([/\\]|$)/.test(given)
        ? misused(`Only a shell knows "${given}" as the home folder: leave the quotes out`)
        : (cause as { readonly code?: string }).code === "ENOENT"
        ? misused(`There is no folder ${given}. To create a cache, write disk:${given} or files:${given}`)
        : misused(`${given} is not a folder that can be read: ${(cause as Error).message}`)
  })
  const folder = given.replaceAll(/[%?#]/g, encodeURIComponent)
  if (names.some((name) => database.test(name))) return `disk:${folder}`
  if (names.some((name) => name.endsWith(".meta.json")) || isFiles(given)) return `files:${folder}`
  return yield* Effect.fail(
    misused(`There is no cache in ${given}. To create one, write disk:${given} or files:${given}`)
  )
})

/** The place of a cache, which for a folder does not depend on how its path is written. */
const placeOf = (url: string): string => {
  const [, store, folder] = /^(disk|files):([^?]*)/i.exec(url) ?? []
  return folder === undefined ? url : `${store!.toLowerCase()}:${path.resolve(folder)}`
}

/** Refuses a copy of a cache to itself: it would replace what programs write meanwhile by what was there before. */
export const refuseSame = Effect.fnUntraced(function*(from: string, to: string) {
  const urls = [yield* urlOf(from), yield* urlOf(to)] as const
  // Fails if a path is relative and the working directory was deleted.
  const [one, other] = yield* Effect.try({
    try: () => urls.map(placeOf),
    catch: (thrown) => misused((thrown as Error).message)
  })
  if (one !== other) return
  return yield* Effect.fail(misused(`Both are the same cache: ${nameOf(from)}. Name another one to copy to`))
})

const isFiles = (folder: string): boolean => {
  const file = path.join(folder, "CACHEDIR.TAG")
  return fs.existsSync(file) && fs.readFileSync(file, "utf8").includes("effect-cached")
}

/** Values of up to 256 MiB, but a store refuses a limit above a quarter of its `maxSize`. */
const maxValueFor = (url: string): number => {
  const given = new URLSearchParams(/\?[^#]*/.exec(url)?.[0]).get("maxSize") ?? ""
  const maxSize = bytesIn(/^\d+$/.test(given) ? Number(given) : given) || Infinity
  return Math.min(268_435_456, Math.max(1, Math.floor(maxSize / 4)))
}

/** The options that are secrets, and their variables: other users of the machine can see arguments. */
const secrets = {
  password: "CACHE_PASSWORD",
  secretAccessKey: "CACHE_CREDENTIALS_SECRET_ACCESS_KEY",
  sessionToken: "CACHE_CREDENTIALS_SESSION_TOKEN"
}

const secretOf = (variable: string): Redacted.Redacted<string> | undefined => {
  const secret = process.env[variable]
  return secret === undefined ? undefined : Redacted.make(secret)
}

/** Without `maxSize` in the URL, a command never evicts: the program that owns a folder sets its limit. */
const options = (url: string): Record<string, unknown> => {
  const ofSentinels = secretOf("CACHE_SENTINEL_PASSWORD")
  const password = secretOf(secrets.password)
  const secretAccessKey = secretOf(secrets.secretAccessKey)
  const sessionToken = secretOf(secrets.sessionToken)
  return {
    storeTimeout: "5 seconds",
    ...(/^(?:disk|files):/.test(url) ? { maxSize: "1 TiB" } : {}),
    maxValue: maxValueFor(url),
    connect: "required",
    ...password === undefined ? {} : { password },
    ...secretAccessKey === undefined ? {} : { credentials: { secretAccessKey, sessionToken } },
    ...ofSentinels === undefined || !url.includes("sentinel:") ? {} : { sentinel: { password: ofSentinels } }
  }
}

export const inspect = (given: string): Opened<Inspection> =>
  Effect.gen(function*() {
    const url = yield* urlOf(given)
    const stores = yield* Effect.promise(() => import("../config/stores.ts"))
    const inspection = yield* stores.inspect(url, options(url))
    // The records of fingerprints are not copied either, because they could replace those of a cache that is in use.
    const isRecord = ({ id }: Inspected) => id.startsWith("~:p:fingerprints:")
    return { ...inspection, entries: (options) => Stream.filter(inspection.entries(options), (one) => !isRecord(one)) }
  })

/** Opens the store, which creates a cache where a URL names one that does not exist. */
export const open = (given: string): Opened<Store> =>
  Effect.gen(function*() {
    const url = yield* urlOf(given)
    const stores = yield* Effect.promise(() => import("../config/stores.ts"))
    return yield* stores.store(url, options(url))
  })

/** `invalidated`: a tag was invalidated. `damaged`: the entry cannot be read. Both, and `expired`, are never served. */
export const states = ["fresh", "stale", "expired", "invalidated", "damaged"] as const

export type State = typeof states[number]

export interface Row extends Inspected {
  readonly state: State
  /** The tags that were invalidated softly since the entry was written. */
  readonly staleTags: ReadonlyArray<string>
}

const noId = "~:none"

const hard = (version: string): string => version.slice(0, 12)

/** Adds the states. The tags are read after the entries, so that an invalidation in between is seen. */
const describe = Effect.fnUntraced(function*(
  { get }: Inspection,
  found: ReadonlyArray<Inspected>
): Effect.fn.Return<ReadonlyArray<Row>, StoreError> {
  const names = new Set<string>()
  for (const { entry } of found) for (const { tag } of entry?.meta.tags ?? []) names.add(tag)
  const tags = Array.from(names)
  const versions = tags.length === 0 ? [] : (yield* get(noId, tags)).versions
  const current = new Map(tags.map((tag, i) => [tag, versions[i]]))
  const now = yield* Clock.currentTimeMillis
  return found.map(({ entry, id }) => ({ id, entry, ...stateOf(entry, current, now) }))
})

const none: ReadonlyArray<string> = []

const stateOf = (
  entry: Stored | undefined,
  current: ReadonlyMap<string, string | undefined>,
  now: number
): Pick<Row, "state" | "staleTags"> => {
  if (entry === undefined) return { state: "damaged", staleTags: none }
  const { expiresAt, softExpiresAt, tags } = entry.meta
  if (expiresAt <= now) return { state: "expired", staleTags: none }
  const changed = tags.filter(({ tag, version }) => current.get(tag) !== version)
  if (changed.some(({ tag, version }) => hard(current.get(tag) ?? "") !== hard(version))) {
    return { state: "invalidated", staleTags: none }
  }
  return {
    state: changed.length > 0 || softExpiresAt <= now ? "stale" : "fresh",
    staleTags: changed.length === 0 ? none : changed.map(({ tag }) => tag)
  }
}

/** All entries that begin with a prefix, in groups. */
export const rows = (inspection: Inspection, prefix = ""): Stream.Stream<ReadonlyArray<Row>, StoreError> =>
  Stream.mapEffect(Stream.chunks(inspection.entries({ prefix })), (found) => describe(inspection, found))

/** The entries of ids, those that there are, without a listing of all entries. */
export const rowsOf = Effect.fnUntraced(function*(inspection: Inspection, ids: Iterable<string>) {
  const found: Array<Inspected> = []
  for (const id of new Set(ids)) {
    const { entry, isDamaged } = yield* inspection.get(id, [])
    if (entry !== undefined || isDamaged === true) found.push({ id, entry })
  }
  return yield* describe(inspection, found)
})

export const isLive = ({ state }: Row): boolean => state === "fresh" || state === "stale"

/** Whether the entry is a page of a stream, which belongs to another entry. */
export const isPage = (id: string): boolean => id.startsWith("~:p:")

/** A tag as it is stored: a tag that begins with `~` gets another `~`, because those of classes begin so. */
export const storedTag = (tag: string): string => tag.startsWith("~") ? `~${tag}` : tag

export const patternOf = Effect.fnUntraced(function*(pattern: string) {
  const Glob = yield* Effect.promise(() => import("../internal/text/glob.ts"))
  return yield* Effect.try({ try: () => Glob.make(pattern), catch: (error) => misused((error as Error).message) })
})

/** All ids of rows, and how many there are. */
export const listed = (found: ReadonlyArray<Row>) => ({ ids: found.map(({ id }) => id), count: found.length })

/** Ids that match, at most ten of them, and how many there are. */
export const matching = Effect.fnUntraced(function*(
  inspection: Inspection,
  prefix: string,
  matches: (row: Row) => boolean
) {
  const ids: Array<string> = []
  let count = 0
  yield* Stream.runForEach(rows(inspection, prefix), (found) =>
    Effect.sync(() => {
      for (const row of found) {
        if (isPage(row.id) || !matches(row)) continue
        count++
        if (ids.length < 10) ids.push(row.id)
      }
    }))
  return { ids, count }
})
