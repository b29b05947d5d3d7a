/** A proxy on the loopback that cuts, delays and swallows what passes through it. */
import { connect, createServer, type Socket } from "node:net"

export interface Proxy {
  readonly port: number
  readonly url: string
  /** How many connections it has now. */
  readonly connections: () => number
  /** The round trips so far, but for heartbeats and clients that have sent a text. Pipelined questions take one. */
  readonly roundTrips: (butOf: string) => number
  /** Cuts every connection after so many more bytes of an answer. */
  readonly cutAfter: (bytes: number) => void
  /** Answers arrive so much later, in their order. */
  readonly delay: (millis: number) => void
  /** Questions arrive, and their answers are swallowed. No connection is closed. */
  readonly mute: (answers: boolean) => void
  /**
   * `true`: everything is swallowed, and no connection is closed; but for clients that have sent a text, if one is
   * given.
   */
  readonly swallow: (everything: boolean, butOf?: string) => void
  /** Everything is swallowed as soon as a client sends a text. Resolves then. */
  readonly swallowAt: (text: string) => Promise<void>
  /** Sends to another server from now on, and cuts every connection. */
  readonly redirect: (port: number) => void
  /** Cuts every connection now. */
  readonly cut: () => void
  readonly end: () => Promise<void>
}

const heartbeat = Buffer.from("*1\r\n$4\r\nTIME\r\n")

export const startProxy = (to: number): Promise<Proxy> =>
  new Promise((resolve) => {
    const pairs = new Set<readonly [Socket, Socket]>()
    /** The first bytes of each client. */
    const begun = new Map<Socket, string>()
    const asking = new Set<Socket>()
    const roundTrips = new Map<Socket, number>()
    let goal = to
    let left = Infinity
    let late = 0
    let mutes = false
    let swallows = false
    let spared: string | undefined
    let trigger: { readonly text: string; readonly reached: () => void } | undefined
    const cut = () => {
      for (const [client, server] of pairs) {
        client.resetAndDestroy()
        server.destroy()
      }
      pairs.clear()
    }
    const listener = createServer((client) => {
      const server = connect(goal, "127.0.0.1")
      const pair = [client, server] as const
      pairs.add(pair)
      const end = () => {
        pairs.delete(pair)
        begun.delete(client)
        roundTrips.delete(client)
        asking.delete(client)
        client.destroy()
        server.destroy()
      }
      const waiting: Array<{ readonly at: number; readonly forward: () => void }> = []
      /** Those that are due, in their order, whatever the delay of each was. */
      const forwardDue = () => {
        while (waiting[0] !== undefined && waiting[0].at <= performance.now()) waiting.shift()!.forward()
        if (waiting[0] !== undefined) setTimeout(forwardDue, Math.max(1, waiting[0].at - performance.now()))
      }
      let isCut = false
      const isSwallowed = () => swallows && (spared === undefined || begun.get(client)?.includes(spared) !== true)
      for (const socket of pair) {
        socket.setNoDelay(true)
        socket.on("error", end)
        socket.on("close", end)
      }
      client.on("data", (bytes) => {
        if (trigger !== undefined && bytes.includes(trigger.text)) {
          swallows = true
          trigger.reached()
        }
        if (isSwallowed()) return
        server.write(bytes)
        if (!bytes.equals(heartbeat)) asking.add(client)
        const before = begun.get(client) ?? ""
        if (before.length < 4096) begun.set(client, before + bytes.toString("latin1"))
      })
      server.on("data", (bytes) => {
        if (isSwallowed() || mutes || isCut) return
        isCut = bytes.length > left
        const [part, isLast] = [isCut ? bytes.subarray(0, left) : bytes, isCut]
        left = isCut ? Infinity : left - bytes.length
        const forward = () => {
          if (!client.writable) return
          // The answers to questions that were sent together are one round trip.
          if (asking.delete(client)) roundTrips.set(client, (roundTrips.get(client) ?? 0) + 1)
          client.write(part, () => isLast && client.resetAndDestroy())
        }
        if (late === 0 && waiting.length === 0) return forward()
        waiting.push({ at: performance.now() + late, forward })
        if (waiting.length === 1) setTimeout(forwardDue, late)
      })
    })
    listener.listen(0, "127.0.0.1", () => {
      const { port } = listener.address() as { port: number }
      resolve({
        port,
        url: `redis://127.0.0.1:${port}`,
        connections: () => pairs.size,
        roundTrips: (butOf) =>
          Array.from(roundTrips)
            .filter(([client]) => begun.get(client)?.includes(butOf) !== true)
            .reduce((sum, [, count]) => sum + count, 0),
        cutAfter: (bytes) => left = bytes,
        delay: (millis) => late = millis,
        mute: (answers) => mutes = answers,
        swallow: (everything, butOf) => {
          swallows = everything
          spared = butOf
          trigger = undefined
        },
        swallowAt: (text) =>
          new Promise((reached) => {
            trigger = { text, reached }
          }),
        redirect: (port) => {
          goal = port
          cut()
        },
        cut,
        end: () => {
          cut()
          return new Promise((resolve) => listener.close(() => resolve()))
        }
      })
    })
  })
