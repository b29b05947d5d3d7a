/** Small records, each a file of indented JSON. */
import * as Folder from "./folder.ts"

export const render = (record: object): string => `${JSON.stringify(record, undefined, 2)}\n`

/** `undefined` for a file that does not exist or cannot be read. */
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
