/** Counters, one small file each, so that they survive a restart. */
import type { SyncCounters } from "../../ports/storage.ts"
import type { NamedCounter } from "../../ports/store.ts"
import type { Folder } from "./folder.ts"
import { showTime } from "./metadata.ts"
import { stemOf } from "./name.ts"
import { readRecord, render } from "./record.ts"

export const subfolder = "counters"

const fileOf = (name: string): string => `${subfolder}/${stemOf(name)}.json`

// `Infinity` has no JSON: it is `null`.
const expiryOf = ({ expiresAt }: Record<string, unknown>): number =>
  typeof expiresAt === "number" ? expiresAt : Infinity

/** The counter in a file, unless somebody has changed the file into something else. */
const readFile = (folder: Folder, file: string): NamedCounter | undefined => {
  const record = readRecord(folder, file)
  const name = record?.["name"]
  return record !== undefined && typeof name === "string" && Number.isSafeInteger(record["value"]) &&
      fileOf(name) === file
    ? { name, value: record["value"] as number, expiresAt: expiryOf(record) }
    : undefined
}

export const make = (folder: Folder): SyncCounters => ({
  get(name) {
    const counter = readFile(folder, fileOf(name))
    return counter?.name === name ? { value: counter.value, expiresAt: counter.expiresAt } : undefined
  },
  set(name, { expiresAt, value }) {
    const content = render({ name, value, expires: showTime(expiresAt), expiresAt })
    folder.write([{ name: fileOf(name), content }])
  },
  remove: (name) => folder.remove(fileOf(name)),
  clear() {
    for (const file of folder.list(subfolder)) folder.remove(`${subfolder}/${file}`)
  },
  *scan(prefix) {
    for (const file of folder.list(subfolder)) {
      const counter = readFile(folder, `${subfolder}/${file}`)
      if (counter?.name.startsWith(prefix) === true) yield counter
    }
  }
})

/** Removes a counter that has expired. */
export const tidy = (folder: Folder, file: string, now: number): void => {
  const record = readRecord(folder, file)
  if (record !== undefined && expiryOf(record) <= now) folder.remove(file)
}
