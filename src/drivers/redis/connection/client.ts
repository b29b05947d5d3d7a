/** The client library: the package `redis`, or clients that the program makes. */
import * as Effect from "effect/Effect"
import { CacheConfigError } from "../../../CacheError.ts"
import { Fault, faultOf, type Scrub, unfit } from "../fault.ts"

/** The part of a client of the package `redis` that is used here. */
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
  /** Options of `node:tls`; `undefined`: no TLS. */
  readonly tls: Readonly<Record<string, unknown>> | undefined
}

/** Makes a client for an address, or for `undefined` if the client has its own. It does not connect yet. */
export type MakeClient = (address: Address | undefined, settings: Settings, more?: ClientOptions) => Client

/** Options of the client for one connection. */
export interface ClientOptions {
  readonly RESP?: 3
  /** The client emits `invalidate`. */
  readonly emitInvalidate?: boolean
}

/** Bulk strings are answered as bytes: stored values are not text. */
const blobString = 36

/**
 * No timeout: the client's would cost an `AbortSignal` and a timer a command, which live for five seconds. A connection
 * checks the time by itself.
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

/** Loads the package `redis`, which is optional. */
export const load: Effect.Effect<Library, Fault> = Effect.suspend(() =>
  Effect.flatMap(
    // In this form a bundler knows that it may be missing.
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
 * Duplicates a client that the program makes, with its settings, but without its reconnect strategy. A function that
 * has never made a client is a mistake of the program; one that has may do so again. Throws `Fault`s.
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

/** The code of a fault that becomes a `CacheConfigError`. */
export const misconfigured = "CONFIG"

/** Destroys a client in any state. */
export const destroy = (client: Client): void => {
  try {
    client.destroy()
  } catch {
    // It was never open, or is closed.
  }
}
