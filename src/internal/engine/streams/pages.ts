/** The pages of streams in the store: their writes, reads and removals. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Meta } from "../../../CacheEntry.ts"
import type { Codec } from "../../../ports/serializer.ts"
import { readerIn } from "../../codec/readerIn.ts"
import { chunk } from "../../defaults/bounds.ts"
import { streams } from "../../defaults/options.ts"
import { idOf, type Key } from "../../key/ofKey.ts"
import { only } from "../../store/many.ts"
import { isFingerprints, pageId, pagePrefix, partsOfPage } from "../../store/pageIds.ts"
import { monotonicNow } from "../../time/monotonic.ts"
import * as Policy from "../request/callPolicy.ts"
import { strictly } from "../request/strict.ts"
import { ask } from "../storeTier/ask.ts"
import { spawn, supervise, type Worker } from "../storeTier/background.ts"
import { decodeNow } from "../storeTier/codec.ts"
import { damaged, isFault, noteUnstored, undecodable } from "../storeTier/faults.ts"
import { Rejected, type StoreTier } from "../storeTier/storeTier.ts"
import { runOf } from "./manifestCodec.ts"
import * as PageFormat from "./pageFormat.ts"

/** Runs a store operation on pages with its own time budget, because the operation is not a step of a read. */
const asked = <A>(tier: StoreTier, operation: string, effect: Parameters<typeof ask<A>>[3]) =>
  ask(tier, { leftMillis: tier.storeTimeoutMillis }, operation, effect)

interface Written {
  /** The key of the stream. */
  readonly key: Key
  readonly id: string
  readonly codec: Codec<unknown, any>
  readonly payload: Uint8Array
  readonly now: number
  readonly expiresAt: number
}

export const write = Effect.fnUntraced(function*(
  tier: StoreTier,
  { codec, expiresAt, id, key, now, payload }: Written
): Effect.fn.Return<boolean> {
  const pages = PageFormat.codecOf(codec)
  const meta: Meta = {
    createdAt: now,
    softExpiresAt: expiresAt,
    expiresAt,
    loadMillis: 0,
    outcome: "success",
    tags: [],
    writeId: tier.front.tokens.next(16),
    serializer: pages.id
  }
  const encoded = yield* Effect.exit(Effect.suspend(() => pages.encode({ codec, payload }, id, meta)))
  if (Exit.isFailure(encoded)) {
    noteUnstored(tier, key, encoded.cause)
    return false
  }
  tier.front.meter?.transferred("write", encoded.value.length)
  const { extension } = pages
  const page = { payload: encoded.value, meta, ...extension === undefined ? {} : { extension } }
  const isWritten = (yield* asked(tier, "set", only(tier.store.set([{ id, entry: page }])))) === true
  if (isWritten) tier.front.meter?.streamed("pageWritten")
  return isWritten
})

/** Reads a page. Its elements were encoded under the id of their stream, before they belonged to a page. */
export const read = Effect.fnUntraced(function*(
  tier: StoreTier,
  key: Key,
  page: string
): Effect.fn.Return<ReadonlyArray<unknown> | Rejected | undefined, never, any> {
  const id = idOf(key)
  const answer = yield* asked(tier, "get", tier.store.get(page, []))
  if (isFault(answer)) return undefined
  const { entry } = answer
  if (entry === undefined) return answer.isDamaged === true ? damaged(tier, key, id) : undefined
  tier.front.meter?.transferred("read", entry.payload.length)
  tier.front.meter?.streamed("pageRead")
  const pages = readerIn(PageFormat.codecOf(PageFormat.codecsOf(tier, key).success), entry.meta.serializer)
  if (pages === undefined) return undefined
  const opening = decodeNow(pages as Codec<any>, entry.payload, page, entry.meta)
  const opened = (Exit.isExit(opening) ? opening : yield* Effect.exit(opening)) as Exit.Exit<
    PageFormat.Content,
    unknown
  >
  if (Exit.isFailure(opened)) return undecodable(tier, key, entry, opened.cause)
  const clock = yield* Clock.Clock
  const decoded = yield* Effect.exit(Effect.suspend(() => PageFormat.elementsIn(opened.value, id, clock)))
  if (Exit.isFailure(decoded)) return undecodable(tier, key, entry, decoded.cause)
  return decoded.value ?? damaged(tier, key, id)
})

/**
 * Removes the first `pages` pages of a run, in slices. Later pages expire or are swept. It ends early if several slices
 * in a row are gone, because a manifest that another program has planted may claim any number of pages.
 */
const remove = (tier: StoreTier, { id, pages, run }: PagesOfRun): Effect.Effect<void> => {
  const slice = (from: number, gone: number): Effect.Effect<void> => {
    if (from >= pages || gone >= streams.slicesGone) return Effect.void
    const to = Math.min(pages, from + chunk)
    const ids = Array.from({ length: to - from }, (_, i) => pageId(run, from + i, id))
    return Effect.flatMap(
      asked(tier, "remove", tier.store.remove(ids)),
      (removed) => Effect.suspend(() => slice(to, isFault(removed) || !removed.includes(true) ? gone + 1 : 0))
    )
  }
  return slice(0, 0)
}

interface PagesOfRun {
  readonly id: string
  readonly run: string
  readonly pages: number
}

export const removeBehind = (tier: StoreTier, of: PagesOfRun): void => {
  if (of.pages > 0) spawn(tier.background, tier.front.context, remove(tier, of))
}

interface Replaced extends PagesOfRun {
  readonly at: number
}

interface AllReplaced {
  readonly runs: Map<string, Replaced>
  pages: number
  worker: Worker | undefined
}

const replaced = new WeakMap<StoreTier, AllReplaced>()

/** Removes a replaced run's pages, after a delay so that readers can finish, or sooner if too many pages wait. */
export const removeReplaced = (tier: StoreTier, { id, pages, run }: PagesOfRun): void => {
  const known = replaced.get(tier) ?? { runs: new Map<string, Replaced>(), pages: 0, worker: undefined }
  replaced.set(tier, known)
  // If too many runs are waiting, the pages are left to expire or to be swept.
  if (pages === 0 || known.runs.has(run) || known.runs.size >= streams.replacedRuns) return
  known.runs.set(run, { id, pages, run, at: monotonicNow(tier.front) })
  known.pages += pages
  if (known.worker !== undefined) return
  const removing: Effect.Effect<void> = Effect.suspend(() => {
    const oldest = known.runs.values().next().value
    if (oldest === undefined) {
      known.worker = undefined
      return Effect.void
    }
    const left = oldest.at + streams.replacedMillis - monotonicNow(tier.front)
    if (left > 0 && known.pages <= streams.replacedPages) {
      // A sleep of 0 could become a busy loop, and during a longer sleep too many pages could accumulate.
      return Effect.flatMap(Effect.sleep(Math.min(Math.max(1, left), streams.replacedLookMillis)), () => removing)
    }
    known.runs.delete(oldest.run)
    known.pages -= oldest.pages
    return Effect.flatMap(removeUnlessNamed(tier, oldest), () => removing)
  })
  known.worker = supervise(tier.background, {
    name: "removes streams that were replaced",
    context: tier.front.context,
    run: removing
  })
}

export const isNamed = (
  tier: StoreTier,
  { id, run }: Pick<PagesOfRun, "id" | "run">
): Effect.Effect<boolean | undefined> =>
  Effect.zipWith(
    asked(tier, "get", tier.store.get(id, [])),
    Clock.currentTimeMillis,
    (answer, now) =>
      isFault(answer)
        ? undefined
        : answer.entry !== undefined && answer.entry.meta.expiresAt > now && runOf(answer.entry) === run
  )

/** Removes a run's pages only if the store says that the manifest is gone: other processes may have prolonged it. */
const removeUnlessNamed = (tier: StoreTier, of: PagesOfRun): Effect.Effect<void> =>
  Effect.flatMap(isNamed(tier, of), (isNamed) => isNamed === false ? remove(tier, of) : Effect.void)

const sweptAt = new WeakMap<StoreTier, number>()

export const sweepIfDue = (tier: StoreTier, now: number): void => {
  const before = sweptAt.get(tier)
  if (before !== undefined && now - before < streams.maxRunMillis) return
  sweptAt.set(tier, now)
  supervise(tier.background, {
    name: "removes what is left of streams",
    context: tier.front.context,
    run: sweep(tier, now)
  })
}

/** Removes pages left by a crash or an invalidation: no manifest names them, and they are older than any run can be. */
const sweep = ({ store }: StoreTier, now: number): Effect.Effect<void> =>
  store.scan({ prefix: pagePrefix }).pipe(
    Stream.filter(({ id, meta }) => now - meta.createdAt > streams.maxRunMillis && !isFingerprints(id)),
    Stream.map(({ id }) => id),
    Stream.grouped(chunk),
    Stream.runForEach((pages) =>
      Effect.gen(function*() {
        const of = pages.map(partsOfPage)
        const ids = Array.from(new Set(of.flatMap((parts) => parts === undefined ? [] : [parts.id])))
        const stored = yield* store.getMany(ids)
        const runs = new Map(ids.map((id, i) => [id, stored[i] && runOf(stored[i])]))
        const orphans = pages.filter((_, i) => of[i] === undefined || runs.get(of[i].id) !== of[i].run)
        if (orphans.length > 0) yield* store.remove(orphans)
      })
    ),
    Effect.ignore
  )

/** A page that cannot be decoded is lost. A strict consumer fails if no secret of this process fits the page. */
export const unlessRejected = (
  read: Effect.Effect<ReadonlyArray<unknown> | Rejected | undefined, never, any>
): Effect.Effect<ReadonlyArray<unknown> | undefined, never, any> =>
  Effect.flatMap(read, (page) =>
    !(page instanceof Rejected) ? Effect.succeed(page) : Effect.flatMap(
      Policy.Current,
      ({ strict }) => strict && page.fault !== undefined ? strictly(page.fault) : Effect.undefined
    ))
