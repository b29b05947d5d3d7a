/** Writes entries to another store: the work of `import` and of `migrate`. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Stored } from "../CacheEntry.ts"
import type { StoreError } from "../CacheError.ts"
import type { Store } from "../Store.ts"
import { isPage } from "./cache.ts"
import { type Failure, no } from "./failure.ts"
import { entries as countOf, json as printJson, jsonFlag, print, progress, toggle } from "./terminal.ts"
import { extensionOf, isSealed } from "./values.ts"

/** An entry on its way to another store, with those of its tags that were invalidated softly. */
export interface Portable {
  readonly id: string
  readonly entry: Stored
  readonly staleTags: ReadonlyArray<string>
}

export const copyFlags = {
  keep: toggle("keep", "Leave entries as they are that the target has already"),
  json: jsonFlag
}

/** Writes groups of entries, and prints the numbers. If a group cannot be read, those before it are still written. */
export const copy = Effect.fnUntraced(function*(
  store: Store,
  verb: string,
  { json, keep }: { readonly json: boolean; readonly keep: boolean },
  groups: (tally: Tally) => Stream.Stream<ReadonlyArray<Portable>, StoreError | Failure>
) {
  const tally = emptyTally()
  const sample = new Sample()
  const writer = writerTo({ store, keep, tally, sample })
  const tell = yield* progress(verb)
  yield* groups(tally).pipe(
    Stream.runForEach((group) => Effect.tap(writer.write(group), () => Effect.sync(() => tell(tally.read)))),
    Effect.tapErrorTag("Failure", () => writer.finish)
  )
  yield* writer.finish
  yield* json ? printJson(tally) : print(summary(tally))
  if (yield* isCut(store, sample)) {
    yield* Effect.fail(
      no("Entries that were written are gone again: the target has no room for all of them, or a program removed them")
    )
  }
  if (isPartial(tally)) yield* Effect.fail(no())
})

/** Whether entries of a copy were evicted. A store with a `maxSize`, or on a full disk, evicts silently. */
const isCut = Effect.fnUntraced(function*(store: Store, { written }: Sample) {
  const now = yield* Clock.currentTimeMillis
  for (const { expiresAt, id } of written) {
    if (expiresAt > now && (yield* store.get(id, [])).entry === undefined) return true
  }
  return false
})

type SetRequest = Parameters<Store["set"]>[0][number]

/** Up to 128 of the entries that were written, at even distances. */
class Sample {
  written: Array<{ readonly id: string; readonly expiresAt: number }> = []
  #every = 1
  #count = 0

  add(requests: ReadonlyArray<SetRequest>): void {
    for (const { entry, id } of requests) {
      if (this.#count++ % this.#every !== 0) continue
      this.written.push({ id, expiresAt: entry.meta.expiresAt })
      if (this.written.length < 128) continue
      this.written = this.written.filter((_, i) => i % 2 === 0)
      this.#every *= 2
    }
  }
}

/** The numbers of entries that were read, and that were written or left out. */
interface Tally {
  read: number
  written: number
  /** Entries that the target has already (`--keep`). */
  kept: number
  expired: number
  /** Entries that are larger than the target stores. */
  tooLarge: number
  /** Signed and encrypted entries whose tags have other versions in the target, where they would not be read. */
  sealed: number
  damaged: number
}

const emptyTally = (): Tally => ({
  read: 0,
  written: 0,
  kept: 0,
  expired: 0,
  tooLarge: 0,
  sealed: 0,
  damaged: 0
})

const reasons: ReadonlyArray<readonly [keyof Tally, string]> = [
  ["kept", "were there already"],
  ["expired", "had expired"],
  ["tooLarge", "were too large"],
  ["sealed", "were signed or encrypted for their tags"],
  ["damaged", "were damaged"]
]

const summary = (tally: Tally): string =>
  `Wrote ${countOf(tally.written)} of ${countOf(tally.read)}\n` +
  reasons.flatMap(([name, why]) => {
    const count = tally[name]
    return count === 0 ? [] : [`  ${countOf(count)} ${count === 1 ? why.replace(/^were/, "was") : why}\n`]
  }).join("")

/** Whether something was left out that the source still serves. */
const isPartial = ({ damaged, sealed, tooLarge }: Tally): boolean => damaged + sealed + tooLarge > 0

/** Another soft half of a version: the entry is stale, as it was. */
const staleHalf = "0".repeat(12)

interface Options {
  readonly store: Store
  readonly keep: boolean
  readonly tally: Tally
  readonly sample: Sample
}

/** Writes entries to a store. The last call is `finish`. */
const writerTo = (options: Options) => {
  // A write removes the markers of entries that depend on it, so those that depend on others come last.
  const later: Array<Portable> = []
  return {
    write: (given: ReadonlyArray<Portable>) => {
      options.tally.read += given.length
      const now: Array<Portable> = []
      for (const one of given) (isDependent(one) ? later : now).push(one)
      return writeAll(options, now)
    },
    finish: Effect.suspend(() => Effect.forEach(inOrder(later), (group) => writeAll(options, group), { discard: true }))
  }
}

const dependsOn = ({ entry: { meta } }: Portable): ReadonlyArray<string> =>
  meta.tags.flatMap(({ tag }) => /^~[=*]/.test(tag) ? [tag] : [])

const isDependent = (one: Portable): boolean => dependsOn(one).length > 0

const tagsOfId = (id: string): ReadonlyArray<string> => [`~=${id}`, `~*${/^[^:]*/.exec(id)![0]}`]

/** Groups in which no entry depends on one of its own or a later group. Circles end in the last one. */
const inOrder = (all: ReadonlyArray<Portable>): ReadonlyArray<ReadonlyArray<Portable>> => {
  const groups: Array<ReadonlyArray<Portable>> = []
  for (let left = all; left.length > 0;) {
    const waiting = new Set(left.flatMap(({ id }) => tagsOfId(id)))
    const ready = left.filter((one) => !dependsOn(one).some((tag) => waiting.has(tag)))
    const group = ready.length === 0 ? left : ready
    groups.push(group)
    const done = new Set(group)
    left = left.filter((one) => !done.has(one))
  }
  return groups
}

const writeAll = Effect.fnUntraced(function*(
  { keep, sample, store, tally }: Options,
  given: ReadonlyArray<Portable>
): Effect.fn.Return<void, StoreError> {
  const now = yield* Clock.currentTimeMillis
  const live = given.filter(({ entry }) => entry.meta.expiresAt > now)
  tally.expired += given.length - live.length
  const there = keep && live.length > 0 ? yield* store.getMany(live.map(({ id }) => id)) : []
  const rows = live.filter((_, i) => there[i] === undefined)
  tally.kept += live.length - rows.length
  const tags = Array.from(new Set(rows.flatMap(({ entry }) => entry.meta.tags.map(({ tag }) => tag))))
  const markers = tags.length === 0 ? [] : (yield* store.markers(tags)).markers
  const versions = new Map(tags.map((tag, i) => [tag, markers[i]!.version]))
  const requests = rows.flatMap((row) => requestFor(row, versions) ?? [])
  tally.sealed += rows.length - requests.length
  if (requests.length === 0) return
  yield* Effect.catch(Effect.tap(store.set(requests), () => Effect.sync(() => sample.add(requests))), (error) => {
    if (error.reason !== "TooLarge") return Effect.fail(error)
    return Effect.forEach(requests, (request) => setAlone(store, request, tally), { discard: true })
  })
  tally.written += requests.length
})

const setAlone = (store: Store, request: SetRequest, tally: Tally) =>
  Effect.catch(store.set([request]), (error) => {
    if (error.reason !== "TooLarge") return Effect.fail(error)
    tally.tooLarge++
    tally.written--
    return Effect.succeed([])
  })

const requestFor = (
  { entry, id, staleTags }: Portable,
  versions: ReadonlyMap<string, string>
): SetRequest | undefined => {
  const { meta, payload } = entry
  const tags = meta.tags.map(({ tag }) => {
    const version = versions.get(tag)!
    return { tag, version: staleTags.includes(tag) ? version.slice(0, 12) + staleHalf : version }
  })
  const isMoved = tags.some(({ version }, i) => version !== meta.tags[i]!.version)
  if (isMoved && isSealed(meta.serializer)) return undefined
  const extension = extensionOf(meta, isPage(id))
  return { id, entry: { meta: isMoved ? { ...meta, tags } : meta, payload, extension } }
}
