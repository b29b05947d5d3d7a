/** A Prometheus of one's own, on a free port of the loopback interface: it scrapes a service every 200 ms. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number }
      server.close(() => resolve(port))
    })
  })

export interface Sample {
  readonly metric: { readonly [label: string]: string }
  readonly value: readonly [time: number, value: string]
}

export interface Prometheus {
  readonly url: string
  readonly query: (query: string) => Promise<ReadonlyArray<Sample>>
  readonly stop: () => Promise<void>
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/**
 * Starts a Prometheus, and waits for its first scrape, which it makes after five seconds. `undefined` if it is not
 * installed. `target` is the host and port of the service.
 */
export const startPrometheus = async (target: string, program = "prometheus"): Promise<Prometheus | undefined> => {
  const folder = mkdtempSync(join(tmpdir(), "prometheus-"))
  const url = `http://127.0.0.1:${await freePort()}`
  const config = join(folder, "prometheus.yml")
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: "200ms" },
      scrape_configs: [{ job_name: "shop", static_configs: [{ targets: [target] }] }]
    })
  )
  const child = spawn(program, [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=${new URL(url).host}`,
    "--log.level=error"
  ], { stdio: "ignore" })
  const state = { hasEnded: false }
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      state.hasEnded = true
      resolve()
    }
    child.once("exit", end)
    child.once("error", end)
  })
  const stop = async (): Promise<void> => {
    if (!state.hasEnded) child.kill()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  for (let i = 0; i < 200 && !state.hasEnded; i++) {
    const hasScraped = await ask(url, "up == 1").then((samples) => samples.length > 0, () => false)
    if (hasScraped) return { url, stop, query: (query) => ask(url, query) }
    await sleep(50)
  }
  await stop()
  return undefined
}

const ask = async (url: string, query: string): Promise<ReadonlyArray<Sample>> => {
  const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`)
  const answer = await response.json() as {
    readonly status: string
    readonly error?: string
    readonly data: { readonly result: ReadonlyArray<Sample> }
  }
  if (answer.status !== "success") throw new Error(`${query}: ${answer.error}`)
  return answer.data.result
}
