/** Invalidates ids by a pattern. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../../CacheError.ts"
import type { Progress } from "../../../CacheEvent.ts"
import * as Patterns from "../../store/patterns.ts"
import type { Glob } from "../../text/glob.ts"
import * as InTurns from "../../time/streamsInTurns.ts"
import type { Engine } from "../engine.ts"
import { noteAll } from "../flight/watches.ts"
import { invalidateIds, softenIds } from "../invalidation/invalidate.ts"
import { asked, askedPages, idsHere } from "./inspect.ts"

/**
 * Invalidates ids in memory, then in the store, then again in memory. Meanwhile, other processes may store more, but
 * only results of loads that began after the listing of loads.
 */
export const invalidateMatching = (
  self: Engine,
  glob: Glob,
  mode: "hard" | "soft" = "hard"
): Stream.Stream<Progress, StoreError> =>
  Stream.suspend(() => {
    const progress = { scanned: 0, invalidated: 0 }
    const invalidate = mode === "soft" ? softenIds : invalidateIds
    const batch = (ids: ReadonlyArray<string>) =>
      Effect.suspend(() => {
        const matching = ids.filter(glob.matches)
        return Effect.map(matching.length === 0 ? Effect.succeed(0) : invalidate(self, matching), (removed) => {
          progress.scanned += ids.length
          progress.invalidated += removed
          return { ...progress }
        })
      })
    const each = (ids: Stream.Stream<string, StoreError>) => ids.pipe(InTurns.inChunks, Stream.mapEffect(batch))
    if (glob.isLiteral) return each(Stream.succeed(glob.prefix))
    // Under `strict`, a batch that the store refuses must not keep the later batches in memory.
    let failed: Exit.Exit<Progress> = Exit.succeed(progress)
    const orLater = (ids: ReadonlyArray<string>) =>
      Effect.map(Effect.exit(batch(ids)), (exit) => {
        if (Exit.isFailure(exit)) failed = exit
        return { ...progress }
      })
    const here = Stream.filter(allHere(self), glob.matches).pipe(
      InTurns.inChunks,
      Stream.mapEffect(orLater),
      Stream.concat(Stream.fromEffectDrain(Effect.suspend(() => failed)))
    )
    const { storeTier: tier } = self
    const there = tier === undefined ? Stream.empty : Stream.concat(
      // A report makes other processes forget what matches, so that nothing would be left to be stale.
      mode === "soft"
        ? Stream.empty
        : Stream.fromEffectDrain(asked(tier, "invalidateTags", Patterns.report(tier.store, glob))),
      each(askedPages(tier, "scan", Patterns.ids(tier.store, glob)))
    )
    // Ends with the final progress, so that the stream has an element even if no id matched.
    return here.pipe(Stream.concat(there), Stream.concat(here), Stream.concat(Stream.sync(() => ({ ...progress }))))
  })

/** The ids in memory, in running loads, and of results and written values that the store has not acknowledged. */
const allHere = (self: Engine): Stream.Stream<string> =>
  Stream.suspend(() => {
    // Marks all ids as changed, even those not listed here: a running call for many keys may load them, or may have
    // read what the store no longer has.
    noteAll(self)
    self.mutations++
    const others = new Set(self.flights.all().map(({ id }) => id))
    for (const id of self.storeTier?.unanswered ?? []) others.add(id)
    for (const { write } of self.storeTier?.pending.unsent ?? []) if (write !== undefined) others.add(write.entry.id)
    const inMemory = Stream.map(idsHere(self, ""), (id) => {
      others.delete(id)
      return id
    })
    const stubs = Stream.suspend(() => InTurns.each(self.flights.stubs?.all() ?? []))
    const ofCalls = Stream.map(Stream.filter(stubs, ({ isOpen }) => isOpen), ({ id }) => id)
    return inMemory.pipe(Stream.concat(ofCalls), Stream.concat(Stream.suspend(() => InTurns.each(others))))
  })
