/** Runs the suite once, and prints its verdicts as JSON: the suite keeps its results in its modules. */
import { CacheLayer } from "effect-cached"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startServer } from "../../support/redis.ts"
import { inMemory, ofUndici, overClient } from "./caches.ts"
import { overProxy, overServer } from "./server.ts"
import { type Mode, run } from "./suite.ts"

const [suite, mode, cache, ...only] = process.argv.slice(2) as [string, Mode, string, ...Array<string>]
const folder = mkdtempSync(join(tmpdir(), "cache-tests-"))
const redis = cache === "server redis" ? await startServer() : undefined
const ofServer = redis !== undefined
  ? CacheLayer.redis({ url: redis.url })
  : cache === "server disk"
  ? CacheLayer.disk({ directory: folder })
  : inMemory
const started = cache === "undici"
  ? ofUndici(mode)
  : cache === "varnish" || cache === "nginx"
  ? overProxy(cache)
  : cache.startsWith("server")
  ? await overServer(ofServer, cache === "server default" ? {} : undefined)
  : overClient(mode, cache === "disk" ? CacheLayer.disk({ directory: folder }) : inMemory)
const verdicts = await run(suite, mode, started.fetch, only.length === 0 ? undefined : new Set(only))
await started.stop()
await redis?.end()
rmSync(folder, { recursive: true, force: true })
process.stdout.write(JSON.stringify(verdicts), () => process.exit(0))
