/** A process of its own that writes entries to a folder: `filesWriter.ts <folder> <entries> <rounds> <offset>`. */
import { Effect } from "effect"
import { FilesStore } from "effect-cached/files"
import { singly } from "../../src/testing/internal/singly.ts"
import { stored } from "./stored.ts"
import { storeFrom } from "./storeFrom.ts"

const [directory, ids, rounds, offset] = process.argv.slice(2) as [string, string, string, string]

const entry = (n: number) =>
  stored(new Uint8Array(3000 + n).fill(n % 256), { loadMillis: n, writeId: n.toString(16).padStart(32, "0") })

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const store = yield* storeFrom(FilesStore.layer({ directory }))
  for (let round = 0; round < Number(rounds); round++) {
    for (let id = 0; id < Number(ids); id++) yield* singly(store).set(`id ${id}`, entry(Number(offset) + round))
    yield* store.invalidateTags(["tag"])
  }
})))
