/** Checks a server before its first use: its version, mode and role, and whether it speaks TLS. */
import * as net from "node:net"
import * as tls from "node:tls"
import { Fault, faultOf, isFault, Replica, type Scrub, unfit } from "../fault.ts"
import { hasRole, toTime } from "../protocol/replies.ts"
import type { Address, Client } from "./client.ts"

interface Greeting {
  readonly time: number
  readonly tookMillis: number
  /** The server's `run_id`, which changes whenever the server starts. Empty if the server does not say it. */
  readonly run: string
}

interface Wanted {
  readonly isCluster: boolean
  /** Commands of which the user may be refused none. */
  readonly rights: ReadonlyArray<Args>
  readonly scripts: ReadonlyArray<string>
  readonly scrub: Scrub
  /** The size of the largest value that is stored. 0: none is. */
  readonly maxValue: number
  readonly nowMillis: () => number
}

const oldest = 7

type Args = ReadonlyArray<string>

/** Asks a server for its time, version and role. Rejects with a `Fault` if the store cannot use the server. */
export const greet = async (client: Client, wanted: Wanted): Promise<Greeting> => {
  const { isCluster, maxValue, nowMillis, rights, scripts, scrub } = wanted
  const ask = (args: Args): Promise<unknown> =>
    client.sendCommand(args).catch((thrown: unknown) => faultOf(thrown, scrub))
  const required = [["TIME"], ["INFO", "server"], ["ROLE"], ...rights]
  const askedAt = nowMillis()
  const asked = [...required, ["CONFIG", "GET", "client-output-buffer-limit"]].map(ask)
  await asked[0]
  const tookMillis = nowMillis() - askedAt
  const answers = await Promise.all(asked)
  const [time, info, role] = answers
  const text = isFault(info) ? "" : String(info ?? "")
  const version = /^redis_version:(\d+)\.(\d+)/m.exec(text)
  if (version !== null && Number(version[1]) < oldest) {
    throw unfit(
      `the server is Redis ${version[1]}.${version[2]}, which is too old: the store needs ${oldest}.0 or newer`
    )
  }
  const mode = /^(?:redis|server)_mode:(\w+)/m.exec(text)?.[1]
  // Checked before the answers are searched for faults, because a Sentinel answers `TIME` with an error.
  if (mode === "sentinel" || hasRole(role, "sentinel")) {
    throw unfit(
      isCluster
        ? "the server is a Sentinel, not a node of a Redis cluster"
        : "the server is a Sentinel: name it in \"sentinel\", not in \"url\""
    )
  }
  const failed = [time, info, role].find((answer) => isFault(answer) && answer.code !== "NOPERM")
  if (failed !== undefined) throw failed
  if (mode === "cluster" && !isCluster) {
    throw unfit("the server is a node of a Redis cluster: use \"nodes\" in place of \"url\"")
  }
  if (mode === "standalone" && isCluster) {
    throw unfit("the server is not a node of a Redis cluster: use \"url\" in place of \"nodes\"")
  }
  const [, limit] = /\bnormal (\d+)/.exec(String(answers.at(-1))) ?? []
  const fits = largestSent(Number(limit ?? 0))
  if (fits < maxValue) {
    throw unfit(
      `the server closes connections whose answers exceed ${limit} bytes (client-output-buffer-limit normal): raise that, or set "maxValue" to at most ${fits}`
    )
  }
  if (hasRole(role, "slave")) {
    throw new Replica(isCluster ? await ask(["CLUSTER", "SLOTS"]) : undefined)
  }
  const missing = new Set(required.flatMap((args, i) => missingIn(args, answers[i])))
  if (missing.size > 0) {
    throw new Fault("Denied", `NOPERM this user may not use ${Array.from(missing).join(", ")}`, "NOPERM", true)
  }
  for (const script of scripts) void client.sendCommand(["SCRIPT", "LOAD", script]).catch(() => {})
  return { time: toTime(time), tookMillis, run: /^run_id:(\w+)/m.exec(text)?.[1] ?? "" }
}

/** The command, key or channel that the user is refused. */
const missingIn = ([command, ...args]: Args, answer: unknown): ReadonlyArray<string> => {
  if (!isFault(answer) || answer.code !== "NOPERM") return []
  const name = command === "SCRIPT" || command === "CLUSTER" ? `${command}|${args[0]}` : command
  const [, refused] = /access (?:a|one of the) (key|channel)/.exec(answer.message) ?? []
  if (refused === "key") return [`the key ${args[0]}`]
  return [`${name!.toLowerCase()}${refused === undefined ? "" : ` on ${args[0]}`}`]
}

/** The server counts what it allocates for an answer, which is up to a quarter more than the answer. 0: no limit. */
const largestSent = (limit: number): number => limit === 0 ? Infinity : Math.max(0, Math.floor((limit - 1024) / 1.25))

export const speaksPlainly = ({ host, port }: Address, timeout: number): Promise<boolean> =>
  answered((end) => {
    const socket = net.connect({ host, port, timeout }, () => void socket.write("PING\r\n"))
    // An error (`-`), for example about a missing password, proves that the server speaks plain text, as `+` does.
    socket.once("data", (bytes: Uint8Array) => end(bytes[0] === 0x2b || bytes[0] === 0x2d))
    return socket
  })

export const speaksTls = ({ host, port }: Address, timeout: number): Promise<boolean> =>
  answered((end) => {
    const servername = net.isIP(host) === 0 ? { servername: host } : {}
    const socket = tls.connect({ host, port, timeout, rejectUnauthorized: false, ...servername })
    socket.once("secureConnect", () => end(true))
    // A TLS alert also proves TLS. For example, a server that requires a client certificate rejects the handshake.
    socket.once("error", (error: Error) => end(/alert/i.test(error.message)))
    return socket
  })

const answered = (open: (end: (answer: boolean) => void) => net.Socket): Promise<boolean> =>
  new Promise((resolve) => {
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    const socket = open(end)
    for (const event of ["timeout", "error", "close"]) socket.once(event, () => end(false))
  })
