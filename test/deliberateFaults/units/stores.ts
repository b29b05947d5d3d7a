/** Deliberate faults of what all stores share. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a page of another run is served",
    in: "pageId",
    find: "${run}",
    replace: "run",
    by: "test/simulation/streams.test.ts"
  },
  {
    name: "a marker that another process has changed counts as an old one",
    in: "make",
    find: "wasThere ? forgotten : ++seq",
    replace: "forgotten",
    by: "test/laws/lastingStores.test.ts"
  },
  {
    name: "the marker of another process is written over",
    in: "create",
    find: `if (!(yield* writeIfAbsent(self, id, version))) {
const winner = yield* read(self, id)`,
    replace: `if (!(yield* writeIfAbsent(self, id, version))) {
const winner = undefined as string | undefined`,
    by: "test/lastingStorage.test.ts"
  }
]
