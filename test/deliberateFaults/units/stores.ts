/** Deliberate faults of what all stores share. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a refused value spares the markers of those before it",
    in: "forMany",
    find: "items.flatMap((item) => steps(self, [item], now))",
    replace: "steps(self, items, now)",
    by: "test/Store.test.ts"
  },
  {
    name: "a removal counts what had ended",
    in: "removeAll",
    find: "return dropEntry(self, id) && was",
    replace: "return dropEntry(self, id)",
    by: "test/cached/remove.test.ts"
  },
  {
    name: "a touch that begins between the request for a clear and its start undoes the clear",
    in: "clear",
    find: "Effect.flatten(Deferred.await(removing))",
    replace: "removeBusy(self, none)",
    by: "test/Store.test.ts"
  },
  {
    name: "a page of another run is served",
    in: "pageId",
    find: "${run}",
    replace: "run",
    by: "test/simulation/streams.test.ts"
  },
  {
    name: "a step of a transaction that fails leaves those before it",
    in: "carryOutAll",
    find: "if (self.storage.atomic === undefined) undo(self, steps)",
    replace: "",
    by: "test/transaction/stores.test.ts"
  },
  {
    name: "a marker that another process has changed counts as an old one",
    in: "make",
    find: "wasThere ? forgotten : ++seq",
    replace: "forgotten",
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "the marker of another process is written over",
    in: "create",
    find: `if (!(yield* writeIfAbsent(self, id, version))) {
const winner = yield* read(self, id)`,
    replace: `if (!(yield* writeIfAbsent(self, id, version))) {
const winner = undefined as string | undefined`,
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "a soft invalidation undoes a hard one of another process",
    in: "hasUndone",
    find: "hard !== undefined && hardHalf(hard) !== hardHalf(softened)",
    replace: "hard === \"\" && softened === \"\"",
    by: "test/lastingStorage.test.ts"
  },
  {
    name: "a storage's own markers are counted as entries",
    in: "hiddenIn",
    find: "(all, markers) => all - markers",
    replace: "(all) => all",
    by: "test/laws/lastingStores.test.ts"
  },
  {
    name: "many ids are one step",
    in: "inSteps",
    find: "items.length > many.firstSteps",
    replace: "items.length < 0",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "under a folder locks are those of the process",
    in: "lockAndGuards",
    find: "lock !== undefined && Context.getOrUndefined(surrounding, Lock) === undefined",
    replace: "lock !== undefined && Context.getOrUndefined(surrounding, Lock) !== undefined",
    by: "test/layers/diskLock.test.ts"
  },
  {
    name: "under a folder limits are those of the process",
    in: "lockAndGuards",
    find: "guards !== undefined && Context.getOrUndefined(surrounding, GuardStore) === undefined",
    replace: "guards !== undefined && Context.getOrUndefined(surrounding, GuardStore) !== undefined",
    by: "test/drivers/sqlite/SqliteGuards.test.ts"
  },
  {
    name: "touch revives what was there",
    in: "touched",
    find: "if (!isLive(entry, now, tags)) return undefined",
    replace: "if (entry === undefined || !noneIsGone(tags, entry.meta.tags)) return undefined",
    by: "test/laws/laws.test.ts"
  }
]
