/** Deliberate faults of what all stores share. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/simulation/streams.test.ts", [
    ["a page of another run is served", "pageId", "${run}", "run"]
  ]),
  ...foundBy("test/laws/lastingStores.test.ts", [
    [
      "a marker that another process has changed counts as an old one",
      "make",
      "wasThere ? forgotten : ++seq",
      "forgotten"
    ]
  ]),
  ...foundBy("test/lastingStorage.test.ts", [
    [
      "the marker of another process is written over",
      "create",
      `if (!(yield* writeIfAbsent(self, id, version))) {
const winner = yield* read(self, id)`,
      `if (!(yield* writeIfAbsent(self, id, version))) {
const winner = undefined as string | undefined`
    ]
  ])
]
