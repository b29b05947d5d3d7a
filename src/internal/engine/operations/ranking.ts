/** The hottest and coldest entries of memory: `Cached.ranking`. */
import * as Effect from "effect/Effect"
import type { InMemory } from "../../../CacheEntry.ts"
import { weightOf } from "../../eviction/nodes.ts"
import { isPage } from "../../store/pageIds.ts"
import { forEach } from "../../time/turns.ts"
import type { Engine } from "../engine.ts"
import type { Entry } from "../memory/entry.ts"
import { knownOf, liveEntry } from "./inspect.ts"

type Ranking = "hot" | "cold"

/** Entries with fewer reads are colder. Of entries with equally many reads, the older ones are colder. */
const coldestFirst = (a: Entry, b: Entry): number => a.reads - b.reads || a.createdAt - b.createdAt

const orders: { readonly [ranking in Ranking]: (a: Entry, b: Entry) => number } = {
  cold: coldestFirst,
  hot: (a, b) => coldestFirst(b, a)
}

/** Scans memory over several turns, and ignores entries that are added meanwhile. */
export const ranked = (self: Engine, ranking: Ranking, count: number): Effect.Effect<ReadonlyArray<InMemory>> =>
  Effect.clockWith((clock) => {
    const { entries } = self.memory
    const inOrder = orders[ranking]
    let chosen: Array<Entry> = []
    let last: Entry | undefined
    const cut = (): void => {
      chosen = chosen.sort(inOrder).slice(0, count)
      if (chosen.length === count) last = chosen.at(-1)
    }
    const look = (entry: Entry): void => {
      if ((last !== undefined && inOrder(entry, last) >= 0) || isPage(entry.id)) return
      chosen.push(entry)
      if (chosen.length === 2 * count) cut()
    }
    return Effect.map(forEach(firstOf(entries.values(), entries.size), look), () => {
      cut()
      const now = self.time.now(clock)
      return chosen.flatMap((entry) =>
        liveEntry(self, entry.id, now) === entry ? [{ ...knownOf(entry), weight: weightOf(entry) }] : []
      )
    })
  })

function* firstOf<A>(items: Iterable<A>, count: number): Generator<A> {
  let left = count
  for (const item of items) {
    if (left-- === 0) return
    yield item
  }
}
