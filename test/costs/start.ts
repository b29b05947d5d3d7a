/** Prints how many modules of Effect, of Node and of other packages are loaded after each step of a start. */
import { mkdtempSync, rmSync } from "node:fs"
import { registerHooks } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"

const urls = new Set<string>()
registerHooks({
  load: (url, context, next) => {
    urls.add(url)
    return next(url, context)
  }
})

const patterns = [/\/node_modules\/effect\//, /^node:/, /\/node_modules\/(?!effect\/)/]
const loaded = () => patterns.map((pattern) => [...urls].filter((url) => pattern.test(url)).length)

const { Cached, CacheLayer } = await import("effect-cached")
const imported = loaded()
const Effect = await import("effect/Effect")
const read = Cached.ttl(Effect.succeed(1), "a", { ttl: "1 hour" })
await Effect.runPromise(Effect.provide(read, CacheLayer.memory()))
const memory = loaded()
const directory = mkdtempSync(join(tmpdir(), "effect-cached-start-"))
await Effect.runPromise(Effect.provide(read, CacheLayer.disk({ directory })))
rmSync(directory, { recursive: true })
process.stdout.write(JSON.stringify({
  "importing the root": imported,
  "and a read through memory": memory,
  "and a read through a folder": loaded()
}))
