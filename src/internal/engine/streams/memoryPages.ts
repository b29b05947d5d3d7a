/**
 * What becomes of the pages of a stream when its manifest leaves memory. Where there is no store, the pages of a large one
 * are entries of memory too: of use together only, so when one of them leaves, all do.
 */
import * as Exit from "effect/Exit"
import type { RemovalCause } from "../../../CacheEvent.ts"
import { pageId, partsOfPage } from "../../store/pageIds.ts"
import type { Engine } from "../engine.ts"
import { Entry } from "../memory/entry.ts"
import { type Manifest, manifestIn } from "../memory/manifest.ts"
import * as Memory from "../memory/memory.ts"
import { addRemovalListener } from "../operations/removals.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import * as Pages from "./pages.ts"
import type { RunLog } from "./runLog.ts"

type Chunk = ReadonlyArray<unknown>

/** The engines whose memory is looked after. */
const attended = new WeakSet<Engine>()

/** Looks after the memory of an engine, from its first stream on. */
export const attend = (engine: Engine): void => {
  if (attended.has(engine)) return
  attended.add(engine)
  const { storeTier: tier } = engine
  addRemovalListener(
    engine,
    tier === undefined
      ? (entry, cause) => leaveTogether(engine, entry, cause)
      : (entry, cause) => removeStored(engine, tier, entry, cause)
  )
}

/** The manifest in an entry that has left, unless another entry of the same run has taken its place. */
const gone = ({ memory }: Engine, entry: Entry): Manifest | undefined => {
  const manifest = manifestIn(entry)
  const found = manifest && memory.entries.get(entry.id)
  return found !== undefined && manifestIn(found)?.run === manifest?.run ? undefined : manifest
}

const removeStored = (engine: Engine, tier: StoreTier, entry: Entry, cause: RemovalCause): void => {
  // an entry that was evicted is still in the store
  if (cause === "evicted") return
  const manifest = gone(engine, entry)
  if (manifest?.isKept !== true) return
  Pages.removeReplaced(tier, { id: entry.id, run: manifest.run, pages: manifest.pages })
}

const leaveTogether = (engine: Engine, entry: Entry, cause: RemovalCause): void => {
  const { memory } = engine
  const page = partsOfPage(entry.id)
  if (page !== undefined) {
    const found = memory.entries.get(page.id)
    if (found !== undefined && manifestIn(found)?.run === page.run) Memory.remove(memory, page.id, cause)
    return
  }
  const manifest = gone(engine, entry)
  if (manifest === undefined || manifest.decoded !== undefined) return
  for (let page = 0; page < manifest.pages; page++) Memory.remove(memory, pageId(manifest.run, page, entry.id), cause)
}

// ---------------------------------------------------------------------------------------------------------------------
// without a store
// ---------------------------------------------------------------------------------------------------------------------

/** Puts the pages of a stream that was stored in memory, while its manifest is there. */
export const keep = (engine: Engine, { id, pages, run }: RunLog, entry: Entry): void => {
  if (manifestIn(entry)?.decoded !== undefined) return
  const { memory } = engine
  for (const [number, { elements }] of pages) {
    // it has given way, perhaps to the page before
    if (memory.entries.get(id) !== entry) return
    const page = pageId(run, number, id)
    Memory.put(memory, pageEntry(page, elements, entry), entry.createdAt)
    if (!memory.entries.has(page)) Memory.remove(memory, id, "evicted")
  }
}

/** It ends with its manifest, whose deadlines may be moved. */
const pageEntry = (id: string, elements: Chunk, { checkedAt, counters, createdAt }: Entry): Entry =>
  new Entry({
    id,
    exit: Exit.succeed(elements),
    createdAt,
    softExpiresAt: Infinity,
    expiresAt: Infinity,
    loadMillis: 0,
    tags: [],
    bornAt: checkedAt,
    writeId: undefined,
    etag: undefined,
    constant: undefined,
    counters
  })

/** The pages of a stream: all of them, so that none is lost while they are read. */
export const read = (engine: Engine, id: string, { pages, run }: Manifest): ReadonlyArray<Chunk> | undefined => {
  const found: Array<Chunk> = []
  for (let page = 0; page < pages; page++) {
    const entry = Memory.peek(engine.memory, engine.tagEpochs, pageId(run, page, id))
    if (entry === undefined || Exit.isFailure(entry.exit)) return undefined
    Memory.touch(engine.memory, entry)
    found.push(entry.exit.value as Chunk)
  }
  return found
}
