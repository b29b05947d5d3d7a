/** The questions that a connection asks a server before it is used. */
import * as net from "node:net"
import * as tls from "node:tls"
import { Fault, faultOf, isFault, type Scrub, unfit } from "../fault.ts"
import { hasRole, toTime } from "../protocol/replies.ts"
import type { Address, Client } from "./client.ts"

/** The answers of a server that can be used. */
interface Greeting {
  /** Its clock, in epoch milliseconds. */
  readonly time: number
  /** How long the questions took. */
  readonly tookMillis: number
  /** Its `run_id`, another one after each start; empty if the user may not ask. */
  readonly run: string
}

interface Wanted {
  readonly isCluster: boolean
  readonly scripts: ReadonlyArray<string>
  readonly scrub: Scrub
  readonly nowMillis: () => number
}

/** The oldest release that has what the scripts need. */
const oldest = 7

/** Checks that a store can use a server, and loads the scripts. Rejects with a `Fault`. */
export const greet = async (client: Client, wanted: Wanted): Promise<Greeting> => {
  const { isCluster, nowMillis, scripts, scrub } = wanted
  const ask = (...args: Array<string>): Promise<unknown> =>
    client.sendCommand(args).catch((thrown: unknown) => {
      const fault = faultOf(thrown, scrub)
      // The rights that the store needs are found out with its first command.
      return fault.code === "NOPERM" || fault.code === "NOSCRIPT" ? undefined : fault
    })
  const askedAt = nowMillis()
  const [time, info, role] = await Promise.all([ask("TIME"), ask("INFO", "server"), ask("ROLE")])
  const tookMillis = nowMillis() - askedAt
  const text = isFault(info) ? "" : String(info ?? "")
  const version = /^redis_version:(\d+)\.(\d+)/m.exec(text)
  if (version !== null && Number(version[1]) < oldest) {
    throw unfit(
      `The server is Redis ${version[1]}.${version[2]}, which is too old: it has to be ${oldest}.0 or newer`
    )
  }
  const mode = /^(?:redis|server)_mode:(\w+)/m.exec(text)?.[1]
  // First, because a Sentinel has no TIME.
  if (mode === "sentinel" || hasRole(role, "sentinel")) {
    throw unfit(
      isCluster
        ? "The server is a Sentinel, and no node of a Redis cluster"
        : "The server is a Sentinel: name it in \"sentinel\", not in \"url\""
    )
  }
  const failed = [time, info, role].find(isFault)
  if (failed !== undefined) throw failed
  if (mode === "cluster" && !isCluster) {
    throw unfit("The server is a node of a Redis cluster: use RedisStore.makeCluster or CacheLayer.redisCluster")
  }
  if (mode === "standalone" && isCluster) {
    throw unfit("The server is no node of a Redis cluster: use RedisStore.make or CacheLayer.redis")
  }
  if (hasRole(role, "slave")) {
    throw new Fault("Unsupported", "The server is a replica, which may lack what was just written", "REPLICA", true)
  }
  for (const script of scripts) void client.sendCommand(["SCRIPT", "LOAD", script]).catch(() => {})
  return { time: toTime(time), tookMillis, run: /^run_id:(\w+)/m.exec(text)?.[1] ?? "" }
}

/** Whether a server that did not answer a TLS greeting answers a plain one. */
export const speaksPlainly = ({ host, port }: Address, timeout: number): Promise<boolean> =>
  answered((end) => {
    const socket = net.connect({ host, port, timeout }, () => void socket.write("PING\r\n"))
    // The answer may be that a password is missing.
    socket.once("data", (bytes: Uint8Array) => end(bytes[0] === 0x2b || bytes[0] === 0x2d))
    return socket
  })

/** Whether a server that hung up on a plain greeting speaks TLS. */
export const speaksTls = ({ host, port }: Address, timeout: number): Promise<boolean> =>
  answered((end) => {
    const servername = net.isIP(host) === 0 ? { servername: host } : {}
    const socket = tls.connect({ host, port, timeout, rejectUnauthorized: false, ...servername })
    socket.once("secureConnect", () => end(true))
    // A server that requires a client certificate speaks TLS, too.
    socket.once("error", (error: Error) => end(/alert/i.test(error.message)))
    return socket
  })

/** The first answer of a socket; `false` if it ends without one. */
const answered = (open: (end: (answer: boolean) => void) => net.Socket): Promise<boolean> =>
  new Promise((resolve) => {
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    const socket = open(end)
    for (const event of ["timeout", "error", "close"]) socket.once(event, () => end(false))
  })
