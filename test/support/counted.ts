/** A way to a server that counts what clients send and receive. */
import { connect, createServer } from "node:net"

export interface Counted {
  readonly port: number
  /** How many commands, and bytes to the server and back, have passed so far. */
  readonly passed: () => ReadonlyArray<number>
  readonly end: () => Promise<void>
}

/** The end of the first message of what a client sends, and whether it counts; `undefined`: a part is still missing. */
export type Protocol = (
  bytes: Buffer,
  isFirst: boolean
) => { readonly end: number; readonly counts: boolean } | undefined

const lineAt = (bytes: Buffer, from: number): { readonly count: number; readonly end: number } | undefined => {
  const end = bytes.indexOf("\r\n", from)
  return end < 0 ? undefined : { count: Number(bytes.toString("latin1", from + 1, end)), end: end + 2 }
}

/** Heartbeats do not count. */
export const redis: Protocol = (bytes) => {
  const head = lineAt(bytes, 0)
  if (head === undefined) return undefined
  let { end } = head
  let name = ""
  for (let i = 0; i < head.count; i++) {
    const length = lineAt(bytes, end)
    if (length === undefined || bytes.length < length.end + length.count + 2) return undefined
    if (i === 0) name = bytes.toString("latin1", length.end, length.end + length.count)
    end = length.end + length.count + 2
  }
  return { end, counts: name !== "TIME" }
}

const ofPostgres = { execute: 0x45, query: 0x51 }

/** Statements count. The first message of a client has no type. */
export const postgres: Protocol = (bytes, isFirst) => {
  const typeSize = isFirst ? 0 : 1
  if (bytes.length < typeSize + 4) return undefined
  const end = typeSize + bytes.readUInt32BE(typeSize)
  const counts = !isFirst && (bytes[0] === ofPostgres.execute || bytes[0] === ofPostgres.query)
  return bytes.length < end ? undefined : { end, counts }
}

/** Clients that listen for messages send these words, and are not counted. */
const listening = /subscribe|LISTEN/i

export const startCounted = (to: number, protocol: Protocol): Promise<Counted> =>
  new Promise((resolve) => {
    const sockets = new Set<{ readonly destroy: () => unknown }>()
    const counts = new Set<{ commands: number; sent: number; received: number; listens: boolean }>()
    const listener = createServer((client) => {
      const server = connect(to, "127.0.0.1")
      const count = { commands: 0, sent: 0, received: 0, listens: false }
      counts.add(count)
      let rest = Buffer.alloc(0)
      let isFirst = true
      client.on("data", (bytes) => {
        server.write(bytes)
        rest = Buffer.concat([rest, bytes])
        for (let next = protocol(rest, isFirst); next !== undefined; next = protocol(rest, isFirst)) {
          const message = rest.subarray(0, next.end)
          if (listening.test(message.toString("latin1"))) count.listens = true
          if (next.counts) count.commands++
          count.sent += next.end
          rest = rest.subarray(next.end)
          isFirst = false
        }
      })
      server.on("data", (bytes) => {
        count.received += bytes.length
        client.write(bytes)
      })
      for (const socket of [client, server]) {
        sockets.add(socket)
        socket.setNoDelay(true)
        socket.on("error", () => socket.destroy())
        socket.on("close", () => [client, server].forEach((one) => one.destroy()))
      }
    })
    const passed = () => {
      const all = [...counts].filter(({ listens }) => !listens)
      return (["commands", "sent", "received"] as const).map((what) => all.reduce((sum, one) => sum + one[what], 0))
    }
    listener.listen(0, "127.0.0.1", () =>
      resolve({
        port: (listener.address() as { port: number }).port,
        passed,
        end: () => {
          for (const socket of sockets) socket.destroy()
          return new Promise((done) => listener.close(() => done()))
        }
      }))
  })
