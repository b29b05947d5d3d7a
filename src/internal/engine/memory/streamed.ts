/** The entries in memory that are manifests of streams: a value is not read as one, nor the other way round. */
import type { Entry } from "./entry.ts"

const streamed = new WeakSet<Entry>()

export const markOfStream = (entry: Entry): void => void streamed.add(entry)

export const isOfStream = (entry: Entry): boolean => streamed.has(entry)
