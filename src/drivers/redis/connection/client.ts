/** Creates Redis clients, either with the package `redis` or with a function of the program. */
import * as Effect from "effect/Effect"
import { CacheConfigError } from "../../../CacheError.ts"
import { Fault, faultOf, type Scrub, unfit } from "../fault.ts"

export interface Client {
  connect(): Promise<unknown>
  destroy(): void
  duplicate(overrides?: any): Client
  on(event: string, listener: (...given: Array<any>) => void): unknown
  sSubscribe(channel: string, listener: (message: any) => unknown): Promise<unknown>
  subscribe(channel: string, listener: (message: any) => unknown): Promise<unknown>
  sendCommand(args: ReadonlyArray<string | Uint8Array>, options?: any): Promise<unknown>
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Settings {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly tls: Readonly<Record<string, unknown>> | undefined
}

export type MakeClient = (address: Address | undefined, settings: Settings, more?: ClientOptions) => Client

export interface ClientOptions {
  readonly RESP?: 3
}

/** The RESP type of bulk strings (`$`). The client returns them as bytes, because stored values are not text. */
const blobString = 36

/** Settings that the store requires. The client's own timeout is off, because it would need a timer per command. */
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

// Bundlers leave out a missing package whose import is in `try`: it is optional.
const imported = async (): Promise<Library | undefined> => {
  try {
    return await import("redis") as unknown as Library
  } catch {
    return undefined
  }
}

export const load: Effect.Effect<Library, Fault> = Effect.suspend(() =>
  Effect.flatMap(
    Effect.promise(imported),
    (library) =>
      library === undefined
        ? Effect.fail(
          new Fault("Unsupported", "the package \"redis\" is missing: npm install redis", "MISSING", true)
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
 * Duplicates a client that the program's function `make` creates, with the same settings but without a reconnect
 * strategy. An error in the first call of `make` is a permanent fault. Errors in later calls may be temporary.
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
        : unfit(`the function "client" threw: ${fault.message}`)
    }
  }
  return (_address, _settings, more) => {
    const client = made()
    hasMade = true
    const { options } = client as { readonly options?: { readonly socket?: object } }
    return client.duplicate({ ...ours, ...more, socket: { ...options?.socket, reconnectStrategy: false } })
  }
}

export const misconfigured = "CONFIG"

export const destroy = (client: Client): void => {
  try {
    client.destroy()
  } catch {
  }
}
