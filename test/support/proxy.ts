/** A proxy on the loopback that cuts, delays and swallows what passes through it. */
import { connect, createServer, type Socket } from "node:net"

export interface Proxy {
  readonly port: number
  readonly url: string
  /** how many connections it has now */
  readonly connections: () => number
  /** cuts every connection after so many more bytes of an answer */
  readonly cutAfter: (bytes: number) => void
  /** answers arrive so much later */
  readonly delay: (millis: number) => void
  /** `true`: everything is swallowed, and no connection is closed */
  readonly swallow: (everything: boolean) => void
  /** cuts every connection now */
  readonly cut: () => void
  readonly end: () => Promise<void>
}

export const startProxy = (to: number): Promise<Proxy> =>
  new Promise((resolve) => {
    const pairs = new Set<readonly [Socket, Socket]>()
    let left = Infinity
    let late = 0
    let swallows = false
    const cut = () => {
      for (const [client, server] of pairs) {
        client.resetAndDestroy()
        server.destroy()
      }
      pairs.clear()
    }
    const listener = createServer((client) => {
      const server = connect(to, "127.0.0.1")
      const pair = [client, server] as const
      pairs.add(pair)
      const end = () => {
        pairs.delete(pair)
        client.destroy()
        server.destroy()
      }
      for (const socket of pair) {
        socket.setNoDelay(true)
        socket.on("error", end)
        socket.on("close", end)
      }
      client.on("data", (bytes) => {
        if (!swallows) server.write(bytes)
      })
      server.on("data", (bytes) => {
        if (swallows) return
        if (bytes.length > left) {
          client.write(bytes.subarray(0, left), () => client.resetAndDestroy())
          left = Infinity
          return
        }
        left -= bytes.length
        if (late === 0) client.write(bytes)
        else setTimeout(() => client.writable && client.write(bytes), late)
      })
    })
    listener.listen(0, "127.0.0.1", () => {
      const { port } = listener.address() as { port: number }
      resolve({
        port,
        url: `redis://127.0.0.1:${port}`,
        connections: () => pairs.size,
        cutAfter: (bytes) => left = bytes,
        delay: (millis) => late = millis,
        swallow: (everything) => swallows = everything,
        cut,
        end: () => {
          cut()
          return new Promise((resolve) => listener.close(() => resolve()))
        }
      })
    })
  })
