/**
 * Checks the listings of a serializable transaction in a cache without a store. Memory is scanned over several turns of
 * the event loop. The commit is a single step, so it only checks that nothing has changed since the last scan.
 */
import * as Entries from "#platform/engine/memory/entries"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isPage } from "../../store/pageIds.ts"
import { forEach } from "../../time/turns.ts"
import type { Engine } from "../engine.ts"
import type { Entry } from "../memory/entry.ts"
import { liveEntry } from "../operations/inspect.ts"

type Listed = ReadonlyMap<string, ReadonlyArray<Entry>>

/** The maximum number of scans over several turns. If memory changes during each, a last scan runs in one step. */
const looksInTurns = 3

export const remember = (
  base: Engine,
  listed: Map<string, ReadonlyArray<Entry>>,
  prefix: string
): Effect.Effect<void> =>
  Effect.clockWith((clock) => {
    if (listed.has(prefix)) return Effect.void
    const found: Array<Entry> = []
    const all = forEach(Entries.ids(base.memory.entries), (id) => {
      const entry = matching(base, prefix, id, clock)
      if (entry !== undefined) found.push(entry)
    })
    return Effect.map(all, () => {
      if (!listed.has(prefix)) listed.set(prefix, found)
    })
  })

const matching = (base: Engine, prefix: string, id: string, clock: Clock.Clock): Entry | undefined =>
  id.startsWith(prefix) && !isPage(id) ? liveEntry(base, id, base.time.now(clock)) : undefined

/** The result of a scan, valid until memory changes or one of the listed entries expires. */
interface Look {
  readonly state: number
  soonest: number
  isSame: boolean
}

/** A number that grows with every entry that is added, removed or invalidated. */
const stateOf = ({ memory: { entries, removals }, mutations, tagEpochs }: Engine): number =>
  mutations + tagEpochs.epoch + entries.size + 2 * Object.values(removals).reduce((sum, count) => sum + count, 0)

const begin = (base: Engine): Look => ({ state: stateOf(base), soonest: Infinity, isSame: true })

function* stepsOf(look: Look, base: Engine, listed: Listed, clock: Clock.Clock): Generator<void> {
  for (const [prefix, before] of listed) {
    let count = 0
    for (const id of Entries.ids(base.memory.entries)) yield void (matching(base, prefix, id, clock) && count++)
    look.isSame &&= count === before.length
    for (const entry of before) {
      look.isSame &&= liveEntry(base, entry.id, base.time.now(clock)) === entry
      look.soonest = Math.min(look.soonest, entry.expiresAt)
      yield
    }
  }
}

/** Runs `step` with a function that reports whether a listing has changed. The answer holds until the next yield. */
export const whileSame = <A, E, R>(
  base: Engine,
  listed: Listed,
  step: (hasChanged: () => boolean) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  if (listed.size === 0) return step(() => false)
  return Effect.clockWith((clock) => {
    const hasChanged = (): boolean => {
      const look = begin(base)
      for (const _ of stepsOf(look, base, listed, clock)) if (!look.isSame) break
      return !look.isSame
    }
    const inTurns = (left: number): Effect.Effect<A, E, R> => {
      if (left === 0) return step(hasChanged)
      const look = begin(base)
      return Effect.flatMap(forEach(stepsOf(look, base, listed, clock), () => {}), () => {
        if (!look.isSame) return step(() => true)
        const isOver = () => look.state !== stateOf(base) || base.time.now(clock) >= look.soonest
        return isOver() ? inTurns(left - 1) : step(isOver)
      })
    }
    return inTurns(looksInTurns)
  })
}
