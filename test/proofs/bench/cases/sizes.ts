/**
 * The space of ten thousand records in a folder, beside the records: the length of the files, and the blocks they fill.
 * The reserve for a full disk is as large in an empty folder.
 */
import { Effect, type Layer } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { print, type Row, temporaryFolder } from "../measure.ts"
import { type User, user } from "../record.ts"

const ids = Array.from({ length: 10_000 }, (_, i) => `user:${i}`)

type Load = (id: string) => Effect.Effect<typeof User.Type>

const readAll = (load: Load) =>
  Effect.forEach(ids, (id) => Cached.ttl(load(id), id, { ttl: "1 hour" }), { concurrency: 16, discard: true })

/** A missing entry is loaded, which fails the run. */
const fill = async (layer: () => Layer.Layer<Caching.Caching, unknown>) => {
  const loads: ReadonlyArray<Load> = [(id) => Effect.succeed(user(id)), (id) => Effect.die(`${id} is not stored`)]
  for (const load of loads) await Effect.runPromise(Effect.provide(readAll(load), layer()))
}

/** The sizes of a closed folder. */
const sizesOf = (name: string, directory: string): ReadonlyArray<Row> => {
  const stats = readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => !file.endsWith(".reserve"))
    .map((file) => statSync(join(directory, file)))
    .filter((stat) => stat.isFile())
  return [
    { name, value: stats.reduce((sum, { size }) => sum + size, 0) },
    { name: `${name}, in blocks`, value: stats.reduce((sum, { blocks }) => sum + blocks * 512, 0) }
  ]
}

const root = temporaryFolder()
const disk = join(root, "disk")
const files = join(root, "files")

await fill(() => CacheLayer.disk({ directory: disk }))
await fill(() => CacheLayer.files({ directory: files }))
print([
  { name: "raw JSON", value: ids.reduce((sum, id) => sum + JSON.stringify(user(id)).length, 0) },
  ...sizesOf("CacheLayer.disk", disk),
  ...sizesOf("CacheLayer.files", files)
])
