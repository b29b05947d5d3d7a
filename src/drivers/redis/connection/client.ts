/** The client library, and what is asked of a server before it is used. */
import * as Effect from "effect/Effect"
import * as net from "node:net"
import * as tls from "node:tls"
import { CacheConfigError } from "../../../CacheError.ts"
import { Fault, faultOf, isFault, type Scrub, unfit } from "../fault.ts"

/** What a store uses of a client of the package `redis`. */
export interface Client {
  connect(): Promise<unknown>
  destroy(): void
  duplicate(overrides?: any): Client
  on(event: string, listener: (...given: Array<any>) => void): unknown
  pSubscribe(pattern: string, listener: (message: any, channel: any) => unknown): Promise<unknown>
  subscribe(channel: string, listener: (message: any) => unknown): Promise<unknown>
  sendCommand(args: ReadonlyArray<string | Uint8Array>, options?: any): Promise<unknown>
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** The settings of a connection. */
export interface Settings {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** options of `node:tls`; `undefined`: without TLS */
  readonly tls: Readonly<Record<string, unknown>> | undefined
}

/** Makes a client for an address, or for none where it has one of its own. It does not connect yet. */
export type MakeClient = (address: Address | undefined, settings: Settings, more?: ClientOptions) => Client

/** Options of the client that a connection has for itself. */
export interface ClientOptions {
  readonly RESP?: 3
  /** it emits `invalidate` */
  readonly emitInvalidate?: boolean
}

/** Bulk strings are answered as bytes: what is stored is no text. */
const blobString = 36

/**
 * No timeout: that of the client is an `AbortSignal` and a timer for each command, which live for five seconds. A connection
 * looks at the time by itself.
 */
const ours = {
  RESP: 2,
  disableOfflineQueue: true,
  disableClientInfo: true,
  maintNotifications: "disabled",
  commandOptions: { typeMapping: { [blobString]: Buffer }, timeout: 0 }
}

interface Library {
  createClient(options: any): Client
}

/** The package `redis`: the program has it, or not. */
export const load: Effect.Effect<Library, Fault> = Effect.suspend(() =>
  Effect.flatMap(
    // in this form a bundler knows that it may be missing
    Effect.promise(() => import("redis").then((library) => library as unknown as Library, () => undefined)),
    (library) =>
      library === undefined
        ? Effect.fail(
          new Fault("Unsupported", "The package \"redis\" is missing: npm install redis", "MISSING", true)
        )
        : Effect.succeed(library)
  )
)

export const fromLibrary =
  ({ createClient }: Library, connectMillis: number): MakeClient => (address, settings, more) =>
    createClient({
      ...ours,
      ...more,
      ...settings.username === undefined ? {} : { username: settings.username },
      ...settings.password === undefined ? {} : { password: settings.password },
      database: settings.database,
      socket: {
        host: address?.host ?? "127.0.0.1",
        port: address?.port ?? 6379,
        connectTimeout: connectMillis,
        reconnectStrategy: false,
        ...settings.tls === undefined ? {} : { ...settings.tls, tls: true }
      }
    })

/**
 * Copies of a client that the program has made: its settings count, but for how it connects again. A function that never
 * made one is a mistake of the program's; one that did may do so again. Throws `Fault`s.
 */
export const fromClient = (make: () => Client, scrub: Scrub): MakeClient => {
  let hasMade = false
  const made = (): Client => {
    try {
      return make()
    } catch (thrown) {
      const fault = faultOf(thrown, scrub)
      if (hasMade) throw fault
      throw thrown instanceof CacheConfigError
        ? new Fault("Unsupported", fault.message, misconfigured, true)
        : unfit(`The function "client" has thrown: ${fault.message}`)
    }
  }
  return (_address, _settings, more) => {
    const client = made()
    hasMade = true
    const { options } = client as { readonly options?: { readonly socket?: object } }
    return client.duplicate({ ...ours, ...more, socket: { ...options?.socket, reconnectStrategy: false } })
  }
}

/** The code of a fault that is a `CacheConfigError`. */
export const misconfigured = "CONFIG"

/** What a connected server has said of itself. */
interface Greeting {
  /** its clock, in epoch milliseconds, and how long the question took */
  readonly time: number
  readonly tookMillis: number
  /** a name that it has until it ends; empty where the user may not ask */
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

/** Destroys a client, however it is. */
export const destroy = (client: Client): void => {
  try {
    client.destroy()
  } catch {
    // it was never open, or is closed
  }
}

/** Asks a server whether it is one that a store can use, and gives it the scripts. Rejects with a `Fault`. */
export const greet = async (client: Client, wanted: Wanted): Promise<Greeting> => {
  const { isCluster, nowMillis, scripts, scrub } = wanted
  const ask = (...args: Array<string>): Promise<unknown> =>
    client.sendCommand(args).catch((thrown: unknown) => {
      const fault = faultOf(thrown, scrub)
      // a user who may not ask is not told; what the store needs itself is found out with the first command
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
  // before what it does not understand: it has no TIME
  if (mode === "sentinel" || Array.isArray(role) && String(role[0]) === "sentinel") {
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
  if (Array.isArray(role) && String(role[0]) === "slave") {
    throw new Fault("Unsupported", "The server is a replica, which may lack what was just written", "REPLICA", true)
  }
  for (const script of scripts) void client.sendCommand(["SCRIPT", "LOAD", script]).catch(() => {})
  const [seconds, micros] = Array.isArray(time) ? time.map(Number) : []
  return {
    time: seconds === undefined || micros === undefined ? NaN : seconds * 1000 + micros / 1000,
    tookMillis,
    run: /^run_id:(\w+)/m.exec(text)?.[1] ?? ""
  }
}

/** Whether a server that did not answer a greeting in TLS answers a plain one. */
export const speaksPlainly = ({ host, port }: Address, millis: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: millis }, () => void socket.write("PING\r\n"))
    const end = (speaks: boolean) => {
      socket.destroy()
      resolve(speaks)
    }
    // a password may be missing: that is an answer too
    socket.once("data", (bytes: Uint8Array) => end(bytes[0] === 0x2b || bytes[0] === 0x2d))
    socket.once("timeout", () => end(false))
    socket.once("error", () => end(false))
    socket.once("close", () => end(false))
  })

/** Whether a server that hung up on a plain greeting speaks TLS. */
export const speaksTls = ({ host, port }: Address, millis: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = tls.connect({
      host,
      port,
      rejectUnauthorized: false,
      timeout: millis,
      ...net.isIP(host) === 0 ? { servername: host } : {}
    })
    const end = (speaks: boolean) => {
      socket.destroy()
      resolve(speaks)
    }
    socket.once("secureConnect", () => end(true))
    socket.once("timeout", () => end(false))
    // a server that wants a certificate of the client speaks TLS too
    socket.once("error", (error: Error & { code?: string }) => end(/alert/i.test(error.message)))
    socket.once("close", () => end(false))
  })
