/**
 * A process of its own over a folder of plain files: `plainFilesProcess.ts <folder> <tags> <begin>`. From `begin` on
 * (epoch milliseconds) it asks for the marker of one tag after another, invalidates every third, and prints the
 * versions that it had of the others.
 */
import { Effect } from "effect"
import { plainFiles } from "./lastingStorages.ts"

const [directory, tags, begin] = process.argv.slice(2) as [string, string, string]

await Effect.runPromise(Effect.gen(function*() {
  const store = yield* plainFiles(directory).open
  while (Date.now() < Number(begin));
  const versions: Array<string> = []
  for (let i = 0; i < Number(tags); i++) {
    const { markers } = yield* store.markers([`tag ${i}`])
    if (i % 3 === 0) yield* store.invalidateTags([`tag ${i}`])
    else versions.push(markers[0]!.version)
  }
  process.stdout.write(versions.join("\n"))
}))
