/** The page and a weather service on loopback. The service can be taken away: `POST /switch`. */
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { rolldown } from "rolldown"

const reports = new Map([
  ["Berlin", { celsius: 18, text: "a few clouds" }],
  ["Oslo", { celsius: 9, text: "light rain" }],
  ["Lima", { celsius: 22, text: "fog until noon" }]
])

const bundle = async (): Promise<string> => {
  const build = await rolldown({
    input: join(import.meta.dirname, "app.ts"),
    platform: "browser",
    // The sources of this repository; a program of your own needs no condition.
    resolve: { conditionNames: ["effect-cached-source", "browser", "import", "default"] }
  })
  const { output: [{ code }] } = await build.generate({ format: "esm", codeSplitting: false })
  await build.close()
  return code
}

/** Starts it on a port, and answers its address and its end. */
export const start = async (port = 0): Promise<{ readonly url: string; readonly stop: () => void }> => {
  const script = await bundle()
  const page = readFileSync(join(import.meta.dirname, "index.html"))
  let isAway = false
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string | Uint8Array) => {
      response.writeHead(status, { "content-type": type }).end(body)
    }
    const { pathname } = new URL(request.url!, "http://localhost")
    if (pathname === "/") return answer(200, "text/html; charset=utf-8", page)
    if (pathname === "/app.js") return answer(200, "text/javascript", script)
    if (pathname === "/switch") {
      isAway = !isAway
      return answer(200, "application/json", JSON.stringify({ isAway }))
    }
    const report = reports.get(pathname.replace("/weather/", ""))
    if (report === undefined) return answer(404, "text/plain", "not found")
    // An API takes its time.
    setTimeout(() => answer(isAway ? 503 : 200, "application/json", isAway ? "{}" : JSON.stringify(report)), 200)
  })
  await new Promise<void>((resume) => server.listen(port, "127.0.0.1", resume))
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}
