/** The bytes that an entry takes beside its id and its value, as V8 in 64 bits has it. */
import type { Entry } from "./entry.ts"

/** An entry with its place in memory: a `Map` has one place an entry when it is full, and up to four where some have left. */
const bytesOfEntry = 200
/** what only some entries have: the name of a write, terms that are no other entry's, a list of tags, each beside its text */
const bytesOfWriteId = 48
const bytesOfTerms = 184
const bytesOfTags = 48
const bytesOfTag = 28

export const bytesOf = ({ isFirst, tags, writeId }: Entry): number | undefined => {
  let bytes = bytesOfEntry
  if (writeId !== undefined) bytes += bytesOfWriteId
  if (isFirst) bytes += bytesOfTerms
  if (tags.length > 0) bytes += bytesOfTags
  for (const tag of tags) bytes += bytesOfTag + tag.length
  return bytes
}
