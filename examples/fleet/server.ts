/** A private Redis server without persistence, on a free port of this machine. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { connect, createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

export interface Server {
  readonly url: string
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, "close")
  return port
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    const end = (does: boolean) => {
      socket.destroy()
      resolve(does)
    }
    socket.once("connect", () => end(true))
    socket.once("error", () => end(false))
  })

/** Fails with the reason if there is no program `redis-server`. */
export const startServer = async (): Promise<Server> => {
  const port = await freePort()
  let child: ChildProcess
  const server: Server = {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      child = spawn("redis-server", ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], {
        stdio: "ignore"
      })
      await once(child, "spawn").catch(() => {
        throw new Error("--redis needs the program redis-server, which is not installed")
      })
      while (!await answers(port)) await sleep(20)
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill("SIGKILL")
      await once(child, "exit")
    }
  }
  await server.start()
  process.on("exit", () => child.kill("SIGKILL"))
  return server
}
