/** Stores each counter in a small file of its own, so that counters survive a restart. */
import { showTime } from "../../internal/text/times.ts"
import type { SyncCounters } from "../../ports/storage.ts"
import type { NamedCounter } from "../../ports/store.ts"
import * as Folder from "./folder.ts"
import { stemOf } from "./name.ts"
import * as Record from "./record.ts"
import * as Room from "./room.ts"

export const subfolder = "counters"

export const storage = (room: Room.Room): SyncCounters => {
  const { folder } = room
  return {
    get(name) {
      const counter = readFile(folder, fileOf(name))
      return counter?.name === name ? { value: counter.value, expiresAt: counter.expiresAt } : undefined
    },
    set(name, { expiresAt, value }) {
      const content = Record.render({ name, value, expires: showTime(expiresAt), expiresAt })
      Room.withRoom(room, 0, () => Folder.write(folder, [{ name: fileOf(name), content }]))
    },
    remove: (name) => Folder.remove(folder, fileOf(name)),
    clear() {
      for (const file of Folder.list(folder, subfolder)) Folder.remove(folder, `${subfolder}/${file}`)
    },
    *scan(prefix) {
      for (const file of Folder.list(folder, subfolder)) {
        const counter = readFile(folder, `${subfolder}/${file}`)
        if (counter?.name.startsWith(prefix) === true) yield counter
      }
    }
  }
}

export const tidy = (folder: Folder.Folder, file: string, now: number): void => {
  const record = Record.read(folder, file)
  if (record !== undefined && expiryOf(record) <= now) Folder.remove(folder, file)
}

const fileOf = (name: string): string => `${subfolder}/${stemOf(name)}.json`

const readFile = (folder: Folder.Folder, file: string): NamedCounter | undefined => {
  const record = Record.read(folder, file)
  const name = record?.["name"]
  return record !== undefined && typeof name === "string" && Number.isSafeInteger(record["value"]) &&
      fileOf(name) === file
    ? { name, value: record["value"] as number, expiresAt: expiryOf(record) }
    : undefined
}

/** Reads an expiry. JSON has no `Infinity`, so a counter that never expires is stored with `null`. */
const expiryOf = ({ expiresAt }: { readonly [name: string]: unknown }): number =>
  typeof expiresAt === "number" ? expiresAt : Infinity
