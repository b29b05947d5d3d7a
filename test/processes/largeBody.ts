/** A large body passes a caching HTTP client: it prints its size, and by how much the process grew. */
import { Effect, Layer, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { CachedHttpClient } from "effect-cached/http"
import { FetchHttpClient, HttpClient } from "effect/http"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const mebibytes = Number(process.argv[2])
const mebibyte = Buffer.alloc(1024 ** 2, 97)

const server = createServer(async (_, response) => {
  response.writeHead(200, { "cache-control": "max-age=60" })
  for (let i = 0; i < mebibytes; i++) if (!response.write(mebibyte)) await once(response, "drain")
  response.end()
}).listen(0)
await once(server, "listening")

/** The memory in use. Array buffers are given back after a collection, so one alone would count what is free. */
const used = () => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

const program = Effect.gen(function*() {
  const client = yield* HttpClient.HttpClient
  const response = yield* client.get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const before = used()
  let bytes = 0
  let most = 0
  let next = 0
  yield* Stream.runForEach(response.stream, (chunk) =>
    Effect.sync(() => {
      bytes += chunk.length
      if (bytes < next) return
      next += 16 * 1024 ** 2
      most = Math.max(most, used())
    }))
  const stored = (yield* Cached.stats).weight
  return { bytes, grownMebibytes: Math.ceil((most - before) / 1024 ** 2), stored: stored > 10 }
})

const client = CachedHttpClient.layer({ mode: "private" }).pipe(Layer.provide(FetchHttpClient.layer))
console.log(JSON.stringify(
  await Effect.runPromise(program.pipe(Effect.provide(Layer.provideMerge(client, CacheLayer.memory()))))
))
server.closeAllConnections()
server.close()
