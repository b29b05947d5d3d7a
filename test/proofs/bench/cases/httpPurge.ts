/** How long after a purge of one of eight processes over one Redis the last of them has lost the page. */
import { type ChildProcess, fork } from "node:child_process"
import { request } from "node:http"
import { join } from "node:path"
import { nanos, print, startRedis } from "../measure.ts"

const url = await startRedis()
const module = join(import.meta.dirname, "../../../servers/httpServerProcess.ts")
const children: ReadonlyArray<ChildProcess> = Array.from({ length: 8 }, () => fork(module, [url]))
const ports = await Promise.all(
  children.map((child) => new Promise<number>((resolve) => child.once("message", (port) => resolve(Number(port)))))
)

/** `fetch` sets no `Host`. */
const send = (port: number, method: string, path: string, more: { readonly [name: string]: string } = {}) =>
  new Promise<number>((resolve, reject) => {
    const sent = request({ port, method, path, headers: { host: "example.com", ...more } })
    sent.once("error", reject).once("response", (response) => {
      response.resume().once("end", () => resolve(response.statusCode!))
    })
    sent.end()
  })

/** Without a page, the answer is `504`. */
const isGone = async (port: number): Promise<void> => {
  while (await send(port, "GET", "/page", { "cache-control": "only-if-cached" }) === 200);
}

const taken: Array<number> = []
for (let i = 0; i < 40; i++) {
  for (const port of ports) await send(port, "GET", "/page")
  const isPurged = send(ports[i % 8]!, "POST", "/purge?tag=pages", { authorization: "Bearer secret" })
  const start = await isPurged.then(nanos)
  await Promise.all(ports.map((port) => isGone(port)))
  taken.push(nanos() - start)
}
const sorted = taken.toSorted((a, b) => a - b)
for (const child of children) child.kill("SIGKILL")
print([{ name: "median", value: sorted[20]! }, { name: "longest", value: sorted[39]! }])
