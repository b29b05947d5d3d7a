/** Removes a stream's pages together with its manifest. Without a store, the pages are entries in memory. */
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

const attended = new WeakSet<Engine>()

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

/** The manifest in a removed entry. `undefined` if another entry of the same run has replaced the removed one. */
const gone = ({ memory }: Engine, entry: Entry): Manifest | undefined => {
  const manifest = manifestIn(entry)
  const found = manifest && memory.entries.get(entry.id)
  return found !== undefined && manifestIn(found)?.run === manifest?.run ? undefined : manifest
}

const removeStored = (engine: Engine, tier: StoreTier, entry: Entry, cause: RemovalCause): void => {
  // An evicted entry is still in the store, and so are its pages.
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

export const keep = (engine: Engine, { id, pages, run }: RunLog, entry: Entry): void => {
  if (manifestIn(entry)?.decoded !== undefined) return
  const { memory } = engine
  for (const [number, { elements }] of pages) {
    // Stops if the manifest has left memory, perhaps to make room for the previous page.
    if (memory.entries.get(id) !== entry) return
    const page = pageId(run, number, id)
    Memory.put(memory, pageEntry(page, elements, entry), entry.createdAt)
    if (!memory.entries.has(page)) Memory.remove(memory, id, "evicted")
  }
}

/** The entry of a page. It has no deadline of its own: it is removed with its manifest, whose deadline may move. */
const pageEntry = (id: string, elements: Chunk, { checkedAt, counters, createdAt, time }: Entry): Entry =>
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
    counters,
    time
  })

/** All pages of a stream, or `undefined` if one is missing. Read in one step, so that none is evicted meanwhile. */
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
