/** Serves a built site on this machine as a host of static files does: compressed, and 404 for what is missing. */
import { existsSync, readFileSync, statSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, normalize } from "node:path"
import { gzipSync } from "node:zlib"

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm"
}

/** The content of a file in transit, and its compressed bytes. */
const cache = new Map<string, Buffer>()

const compressed = (file: string): Buffer => {
  const known = cache.get(file)
  if (known !== undefined) return known
  const bytes = gzipSync(readFileSync(file))
  cache.set(file, bytes)
  return bytes
}

export interface Served {
  /** The address of the site, with its base and a slash at the end. */
  readonly url: string
  /** How many bytes it has sent, compressed. */
  readonly sent: () => number
  readonly stop: () => void
}

export const serve = async (folder: string, base: string): Promise<Served> => {
  let sent = 0
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://localhost")
    const path = pathname.startsWith(base)
      ? join(folder, normalize(decodeURIComponent(pathname.slice(base.length))))
      : ""
    const file = path !== "" && existsSync(path) && statSync(path).isDirectory() ? join(path, "index.html") : path
    const found = file !== "" && existsSync(file)
    response.writeHead(found ? 200 : 404, {
      "cache-control": "max-age=600",
      "content-type": types[extname(file)] ?? "application/octet-stream",
      ...found ? { "content-encoding": "gzip" } : {}
    })
    const body = found ? compressed(file) : ""
    sent += body.length
    response.end(body)
  })
  await new Promise<void>((resume) => server.listen(0, "127.0.0.1", resume))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}${base}`,
    sent: () => sent,
    stop: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}
