/**
 * A process whose folders cannot be made, or whose working directory is gone: `unusableFolders.ts <what> <folder>`. It
 * prints what became of each way to open a folder. It is a process of its own, because a call of the file system that
 * loops would also stop the test.
 */
import { Effect, Layer, ManagedRuntime, type Scope } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { FilesStore } from "effect-cached/files"
import { SqliteGuards, SqliteStore } from "effect-cached/sqlite"
import * as fs from "node:fs"
import { guardsOf, lockOf } from "./services.ts"

const [what, folder] = process.argv.slice(2) as [string, string]

const layers = { disk: CacheLayer.disk, files: CacheLayer.files }

type Open = (options: { readonly directory: string }) => Effect.Effect<unknown, unknown, Scope.Scope>

const opens: Record<string, Open> = {
  disk: (options) => Layer.build(SqliteStore.layer(options)),
  files: (options) => Layer.build(FilesStore.layer(options)),
  lock: (options: Parameters<typeof SqliteGuards.layer>[0]) => lockOf(SqliteGuards.layer(options)),
  guards: (options: Parameters<typeof SqliteGuards.layer>[0]) => guardsOf(SqliteGuards.layer(options)),
  "disk, to look at": SqliteStore.inspect,
  "files, to look at": FilesStore.inspect,
  "the layer of disk": (options) => Layer.build(CacheLayer.disk(options)),
  "the layer of files": (options) => Layer.build(CacheLayer.files(options))
}

const read = (key: string) => Cached.ttl(Effect.succeed(key), key, { ttl: "1 hour" })

/** How opening fails, and what a cache in memory reads in place of one in the folder. */
const opened = (directory: string) =>
  Effect.forEach(Object.entries(opens), ([name, open]) =>
    Effect.scoped(Effect.suspend(() => open({ directory }))).pipe(
      Effect.match({ onSuccess: () => "opened", onFailure: String }),
      Effect.catchDefect((defect) => Effect.succeed(`defect: ${String(defect)}`)),
      Effect.map((outcome) => [name, outcome] as const)
    ))

const instead = (directory: string) =>
  Effect.forEach(Object.values(layers), (layer) =>
    read("instead").pipe(
      Effect.provide(Layer.catch(layer({ directory }), () => CacheLayer.memory())),
      Effect.catchDefect(() => Effect.succeed("a defect"))
    ))

const programs: Record<string, () => Promise<unknown>> = {
  "in a parent that can hold nothing": () => Effect.runPromise(opened("/proc/nothing/cache")),
  "without a working directory": () => {
    process.chdir(folder)
    fs.rmdirSync(folder)
    return Effect.runPromise(Effect.all({ opened: opened(".cache/weather"), instead: instead(".cache/weather") }))
  },
  // The directory behind a mount is gone, but its path is not: /proc/self/cwd is such a path.
  "gone while the program runs": async () => {
    process.chdir(folder)
    const runtimes = Object.entries(layers).map(([name, layer]) =>
      ManagedRuntime.make(layer({ directory: `/proc/self/cwd/${name}` }))
    )
    const all = (key: string) => Promise.all(runtimes.map((runtime) => runtime.runPromise(read(key))))
    const before = await all("before")
    fs.rmSync(folder, { recursive: true })
    return [before, await all("after"), await all("before")]
  }
}

// Synchronously, and with nothing after it: the caches are not closed, and log what they miss.
fs.writeSync(1, `\n${JSON.stringify(await programs[what]!())}`)
process.exit(0)
