/** Listings inside a transaction: the entries of the level below, merged with the entries written at this level. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Known } from "../../../CacheEntry.ts"
import { StoreError } from "../../../CacheError.ts"
import type { Progress } from "../../../CacheEvent.ts"
import type { Glob } from "../../text/glob.ts"
import * as InTurns from "../../time/streamsInTurns.ts"
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as Inspect from "../operations/inspect.ts"
import * as Listed from "./listed.ts"
import { isSwept, loadedHere, type Overlay, rebase, type Root } from "./overlay.ts"
import { remove } from "./removals.ts"

export const entries = (self: Overlay, prefix: string): Stream.Stream<Known, StoreError> =>
  Stream.concat(
    self.isCleared ? Stream.empty : Stream.filter(below(self, prefix), (known) => !isHidden(self, known)),
    Stream.suspend(() => InTurns.each(Array.from(ownIds(self)).filter((id) => id.startsWith(prefix)))).pipe(
      Stream.mapEffect((id) =>
        Effect.clockWith((clock) => Effect.succeed(ownEntry(self, id, self.root.base.time.now(clock))))
      ),
      Stream.filter((entry) => entry !== undefined),
      Stream.map(Inspect.knownOf)
    )
  )

const below = ({ parent, root }: Overlay, prefix: string): Stream.Stream<Known, StoreError> =>
  parent === undefined
    ? Stream.unwrap(Effect.map(listing(root, prefix), () => inBase(root, prefix)))
    : entries(parent, prefix)

/** Lists the base cache. A prefix is listed once: a second listing could show an entry that is gone at the commit. */
const inBase = ({ base, checks }: Root, prefix: string): Stream.Stream<Known, StoreError> => {
  const listed = checks.listed.get(prefix)
  return listed === undefined
    ? Inspect.entries(base, prefix)
    : Inspect.remembered(base, Stream.map(InTurns.each(listed), ({ id }) => id))
}

const ownIds = (self: Overlay): ReadonlySet<string> =>
  new Set([
    ...self.writes.keys(),
    ...Array.from(self.readChecks.keys()).filter((id) => loadedHere(self, id) !== undefined)
  ])

const ownEntry = (self: Overlay, id: string, now: number): Entry | undefined => {
  rebase(self, id, now)
  const entry = Memory.peek(self.own.memory, self.own.tagEpochs, id)
  return entry !== undefined && now < entry.expiresAt ? entry : undefined
}

/** Whether this level has overwritten, reloaded or invalidated an entry of the level below. */
const isHidden = (self: Overlay, { id, tags }: Known): boolean =>
  self.writes.has(id) || loadedHere(self, id) !== undefined || isSwept(self, tags)

/** If the listing must still hold at the commit, remembers the store's position or, without a store, the entries. */
const listing = (root: Root, prefix: string): Effect.Effect<void, StoreError> => {
  const { base, checks, isolation } = root
  if (isolation !== "serializable") return Effect.void
  const { storeTier: tier } = base
  if (tier === undefined) return Listed.remember(base, checks.listed, prefix)
  if (checks.position !== undefined) return Effect.void
  const { store } = tier
  return Effect.flatMap(Inspect.asked(tier, "transact", store.transact!({ checks: [], steps: [] })), (answer) => {
    if (answer._tag === "Committed" && answer.position !== undefined) {
      checks.position = answer.position
      return Effect.void
    }
    return new StoreError({
      store: store.name,
      operation: "transact",
      reason: "Unsupported",
      cause: new Error(
        "it cannot tell whether listed entries have changed: list none in a serializable transaction"
      )
    })
  })
}

export const size = (self: Overlay): Effect.Effect<number, StoreError> => Stream.runCount(entries(self, ""))

const loads = ({ root: { base: { storeTier: tier } } }: Overlay, prefix: string): Stream.Stream<string, StoreError> =>
  tier === undefined ? Stream.empty : Inspect.askedPages(tier, "scanLoads", tier.store.scanLoads({ prefix }))

/** Expands the pattern to the ids that match now, also of loads by other processes, and invalidates these ids. */
export const invalidateMatching = (self: Overlay, glob: Glob): Stream.Stream<Progress, StoreError> =>
  Stream.unwrap(Effect.map(
    glob.isLiteral
      ? Effect.succeed([glob.prefix])
      : Stream.runCollect(
        Stream.concat(loads(self, glob.prefix), Stream.map(entries(self, glob.prefix), ({ id }) => id))
      ),
    (ids) => {
      const matching = ids.filter(glob.matches)
      return Stream.fromEffect(
        Effect.map(remove(self, matching), (invalidated): Progress => ({ scanned: ids.length, invalidated }))
      )
    }
  ))
