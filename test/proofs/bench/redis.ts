/** A Redis of our own, for as long as a benchmark runs. */
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Server {
  readonly port: number
  readonly stop: () => Promise<void>
}

const program = "redis-server"

/** `undefined` where there is none and none can be installed. */
export const start = async (): Promise<Server | undefined> => {
  if (!isInstalled() && !install()) return undefined
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), "effect-cached-redis-"))
  const nothingStored = ["--save", "", "--appendonly", "no", "--dir", directory]
  const server = spawn(program, ["--bind", "127.0.0.1", "--port", `${port}`, ...nothingStored], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()))
  const kill = () => server.kill()
  process.once("exit", kill)
  const isReady = await new Promise<boolean>((resolve) => {
    let said = ""
    server.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes("Ready to accept connections")) resolve(true)
    })
    void ended.then(() => resolve(false))
  })
  const stop = async () => {
    server.kill()
    await ended
    process.removeListener("exit", kill)
    rmSync(directory, { recursive: true, force: true })
  }
  if (isReady) return { port, stop }
  await stop()
  return undefined
}

const runs = (command: string, args: ReadonlyArray<string>): boolean => {
  try {
    execFileSync(command, args, { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

const isInstalled = (): boolean => runs(program, ["--version"])

const install = (): boolean => {
  if (process.getuid?.() !== 0) return false
  console.error(`installing ${program}`)
  runs("apt-get", ["update"])
  return runs("apt-get", ["install", "-y", "redis-server"]) && isInstalled()
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
