/** The sockets of a client, which cannot close one whose server does not answer. */
import { connect, type NetConnectOpts, type Socket } from "node:net"
import * as Defaults from "../../internal/defaults/sql.ts"

/** Reads the server's address from a URL that the client has checked, as the client does. */
const addressOf = (url: string): NetConnectOpts => {
  const { hostname, port, searchParams } = new URL(url)
  const named = (name: string) => searchParams.getAll(name).at(-1)
  const host = named("host") ?? (decodeURIComponent(hostname.replace(/^\[(.*)\]$/, "$1")) || "localhost")
  const at = Number(named("port") ?? (port || Defaults.port))
  return host.startsWith("/")
    ? { path: `${host}/.s.PGSQL.${at}` }
    : { host, port: at, noDelay: true, keepAlive: true, keepAliveInitialDelay: Defaults.keepAliveMillis }
}

interface Sockets {
  readonly connect: () => Socket
  /** Closes those that are open at once, whatever they wait for. */
  readonly destroy: () => void
}

export const make = (url: string): Sockets => {
  const open = new Set<Socket>()
  return {
    connect: () => {
      const socket = connect(addressOf(url))
      open.add(socket)
      return socket.once("close", () => open.delete(socket))
    },
    destroy: () => {
      for (const socket of open) socket.destroy()
    }
  }
}
