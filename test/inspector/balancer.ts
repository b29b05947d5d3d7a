/** A balancer of connections in front of several servers, which may also go silent. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export const balancing = async (ports: ReadonlyArray<number>) => {
  const sockets = new Set<Socket>()
  let next = 0
  let isSilent = false
  const server = createServer((near) => {
    const far = connect(ports[next++ % ports.length]!, "127.0.0.1")
    for (const [from, to] of [[near, far], [far, near]] as const) {
      sockets.add(from)
      from.on("error", () => to.destroy()).on("close", () => {
        sockets.delete(from)
        to.destroy()
      }).pipe(to)
      if (isSilent) from.pause()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    /** Passes nothing on any longer, and closes nothing. */
    silence: () => {
      isSilent = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    /** Connections that are made from now on work. */
    recover: () => {
      isSilent = false
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}
