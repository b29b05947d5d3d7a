/** After every 64 writes, removes expired entries, expired counters and excess markers from one part of the folder. */
import { markersKept } from "../../internal/defaults/stores.ts"
import * as Counters from "./counters.ts"
import * as Folder from "./folder.ts"
import * as Metadata from "./metadata.ts"
import * as Name from "./name.ts"
import * as Tags from "./tags.ts"

export interface Tidying {
  readonly folder: Folder.Folder
  writes: number
  rest: Generator<string, void>
}

const tidyEvery = 64

export const make = (folder: Folder.Folder): Tidying => ({ folder, writes: 0, rest: all(folder) })

/** Counts a write, and tidies a part of the folder after every 64 writes. `now` is in epoch milliseconds. */
export const noteWrite = (self: Tidying, now: number): void => {
  if (++self.writes % tidyEvery !== 0) return
  const { folder } = self
  try {
    for (let i = 0; i < 4 * tidyEvery; i++) {
      const { done, value: file } = self.rest.next()
      if (done === true) {
        self.rest = all(folder)
        return
      }
      if (file.startsWith(`${Counters.subfolder}/`)) Counters.tidy(folder, file, now)
      else if (Name.parse(file)?.isMetadata === true) tidyEntry(folder, file, now)
    }
  } catch {
    // The write has already succeeded, so a failure to tidy is ignored. A later round removes the remaining files.
  }
}

const tidyEntry = (folder: Folder.Folder, file: string, now: number): void => {
  const metadata = Metadata.parse(Folder.read(folder, file)?.toString() ?? "")
  if (metadata === undefined || metadata.meta.expiresAt > now) return
  if (!Name.isPayloadOf(Name.parse(file)!.stem, metadata.file)) return
  Folder.remove(folder, metadata.file)
  Folder.remove(folder, file)
}

/** Lists the files to tidy, in small steps. Removes excess markers while listing. */
const all = function*(folder: Folder.Folder): Generator<string, void> {
  yield* Folder.names(folder)
  for (const file of Folder.names(folder, Counters.subfolder)) yield `${Counters.subfolder}/${file}`
  let markers = 0
  for (const name of Folder.names(folder, Tags.subfolder)) {
    const file = `${Tags.subfolder}/${name}`
    if (Name.parse(name) !== undefined && ++markers > markersKept) Folder.remove(folder, file)
    yield file
  }
}
