/** Counters, one small file each, so that they outlive the process. */
import type { SyncCounters } from "../../ports/storage.ts"
import type { Folder } from "./filesFolder.ts"
import { showTime } from "./filesMetadata.ts"
import { stemOf } from "./filesName.ts"
import { readRecord, render } from "./filesRecord.ts"

export const subfolder = "counters"

const fileOf = (name: string): string => `${subfolder}/${stemOf(name)}.json`

// `Infinity` has no JSON: it is `null`.
const expiryOf = ({ expiresAt }: Record<string, unknown>): number =>
  typeof expiresAt === "number" ? expiresAt : Infinity

export const make = (folder: Folder): SyncCounters => ({
  get(name) {
    const record = readRecord(folder, fileOf(name))
    return record?.["name"] === name && Number.isSafeInteger(record["value"])
      ? { value: record["value"] as number, expiresAt: expiryOf(record) }
      : undefined
  },
  set(name, { expiresAt, value }) {
    const content = render({ name, value, expires: showTime(expiresAt), expiresAt })
    folder.write([{ name: fileOf(name), content }])
  },
  remove: (name) => folder.remove(fileOf(name)),
  clear() {
    for (const file of folder.list(subfolder)) folder.remove(`${subfolder}/${file}`)
  }
})

/** Removes a counter that has expired. */
export const tidy = (folder: Folder, file: string, now: number): void => {
  const record = readRecord(folder, file)
  if (record !== undefined && expiryOf(record) <= now) folder.remove(file)
}
