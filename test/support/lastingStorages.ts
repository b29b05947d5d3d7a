/** Storages that outlive their process, as a user writes them: a map, and a folder with one plain file an entry. */
import { Effect, Stream } from "effect"
import { type CacheEntry, Store } from "effect-cached/adapters"
import { createHash, randomUUID } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"

type Stored = CacheEntry.Stored

export interface LastingStorage {
  readonly open: Effect.Effect<Store.Store>
  readonly evictMarkers: Effect.Effect<void>
}

const isMarker = (id: string) => id.startsWith("~:t:")

const copy = ({ meta, payload }: Stored): Stored => ({ meta, payload: payload.slice() })

/** `lasting`: used by one process at a time. `shared`: by several at once. */
export type Use = "lasting" | "shared"

/** A map that is asked without waiting. */
export const mapSync = (use: Use) =>
  Effect.sync((): LastingStorage => {
    const entries = new Map<string, Stored>()
    const open = Effect.sync(() =>
      Store.makeSync({
        name: "map",
        capabilities: { [use]: true },
        get: (id) => entries.get(id) && copy(entries.get(id)!),
        set: (id, entry) => void entries.set(id, copy(entry)),
        ...(use === "shared" ? { setIfAbsent: (id, entry) => !entries.has(id) && !!entries.set(id, copy(entry)) } : {}),
        remove: (id) => entries.delete(id),
        scan: (prefix) =>
          Array.from(entries, ([id, { meta }]) => ({ id, meta })).filter(({ id }) => id.startsWith(prefix)),
        size: () => entries.size
      })
    )
    return { open, evictMarkers: evicting(entries) }
  })

/** A map whose operations take their time. */
export const mapAsync = (use: Use, { many = false } = {}) =>
  Effect.sync((): LastingStorage => {
    const entries = new Map<string, Stored>()
    let steps = 0
    const late = <A>(run: () => A) =>
      Effect.suspend(() => Effect.delay(Effect.sync(run), steps++ % 3 === 0 ? "3 millis" : "1 millis"))
    const get = (id: string) => {
      const entry = entries.get(id)
      return entry && copy(entry)
    }
    const open = Effect.sync(() =>
      Store.make({
        name: "map",
        capabilities: { [use]: true },
        get: (id) => late(() => get(id)),
        ...(many ? { getMany: (ids: ReadonlyArray<string>) => late(() => ids.map(get)) } : {}),
        set: (id, entry) => late(() => entries.set(id, copy(entry))),
        ...(use === "shared"
          ? {
            setIfAbsent: (id: string, entry: Stored) => late(() => !entries.has(id) && !!entries.set(id, copy(entry)))
          }
          : {}),
        remove: (id) => late(() => entries.delete(id)),
        scan: (options) =>
          Stream.suspend(() =>
            Stream.fromIterable(
              Array.from(entries, ([id, { meta }]) => ({ id, meta })).filter(({ id }) =>
                id.startsWith(options?.prefix ?? "")
              )
            )
          ),
        size: late(() => entries.size)
      })
    )
    return { open, evictMarkers: evicting(entries) }
  })

const evicting = (entries: Map<string, Stored>) =>
  Effect.sync(() => {
    for (const id of entries.keys()) if (isMarker(id)) entries.delete(id)
  })

interface Written {
  readonly id: string
  readonly meta: CacheEntry.Meta
  readonly payload: string
}

/**
 * A folder with a file an entry, as several processes use it. A written file is renamed or linked into its place, so no
 * file is ever half.
 */
export const plainFiles = (directory: string): LastingStorage => {
  const fileOf = (id: string) =>
    join(directory, `${createHash("sha256").update(Buffer.from(id, "utf16le")).digest("hex")}.json`)

  const draft = (id: string, { meta, payload }: Stored) => {
    const name = join(directory, `${randomUUID()}.tmp`)
    const written: Written = { id, meta, payload: Buffer.from(payload).toString("base64") }
    fs.writeFileSync(name, JSON.stringify(written, infinite))
    return name
  }

  const read = (file: string): Written | undefined => {
    try {
      return JSON.parse(fs.readFileSync(file, "utf8"), finite) as Written
    } catch {
      return undefined
    }
  }

  const list = () =>
    fs.readdirSync(directory).flatMap((name) => name.endsWith(".json") ? read(join(directory, name)) ?? [] : [])

  const open = Effect.sync(() =>
    Store.makeSync({
      name: "plain files",
      capabilities: { shared: true },
      get: (id) => {
        const written = read(fileOf(id))
        return written && { meta: written.meta, payload: Uint8Array.from(Buffer.from(written.payload, "base64")) }
      },
      set: (id, entry) => fs.renameSync(draft(id, entry), fileOf(id)),
      setIfAbsent: (id, entry) => {
        const name = draft(id, entry)
        try {
          fs.linkSync(name, fileOf(id))
          return true
        } catch {
          return false
        } finally {
          fs.rmSync(name)
        }
      },
      remove: (id) => {
        const was = fs.existsSync(fileOf(id))
        fs.rmSync(fileOf(id), { force: true })
        return was
      },
      scan: (prefix) => list().filter(({ id }) => id.startsWith(prefix)).map(({ id, meta }) => ({ id, meta }))
    })
  )
  const evictMarkers = Effect.sync(() => {
    for (const { id } of list()) if (isMarker(id)) fs.rmSync(fileOf(id))
  })
  return { open, evictMarkers }
}

const infinite = (_: string, value: unknown) => value === Infinity ? "Infinity" : value
const finite = (_: string, value: unknown) => value === "Infinity" ? Infinity : value
