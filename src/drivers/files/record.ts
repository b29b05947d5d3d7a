/** Small records, each stored as indented JSON in a file of its own. */
import * as Folder from "./folder.ts"

export const render = (record: object): string => `${JSON.stringify(record, undefined, 2)}\n`

/** Reads a record. Returns `undefined` if the file does not exist or does not contain a JSON object. */
export const read = (folder: Folder.Folder, file: string): Record<string, unknown> | undefined => {
  const bytes = Folder.read(folder, file)
  if (bytes === undefined) return undefined
  try {
    const record: unknown = JSON.parse(bytes.toString())
    return typeof record === "object" && record !== null ? record as Record<string, unknown> : undefined
  } catch {
    return undefined
  }
}
