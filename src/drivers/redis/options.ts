/** Defines and validates the connection options of the Redis store, locks and guards. */
import * as Redacted from "effect/Redacted"
import { CacheConfigError } from "../../CacheError.ts"
import * as OptionsDefaults from "../../internal/defaults/options.ts"
import * as Limits from "../../internal/defaults/redis.ts"
import { positiveMillis, refuseUndefined, requireObject } from "../../internal/options/options.ts"
import { bytesIn, type SizeInput } from "../../internal/options/size.ts"
import type * as Ttl from "../../Ttl.ts"
import type { Address, Client, Settings } from "./connection/client.ts"
import { type Scrub, scrubbing } from "./fault.ts"

interface CommonOptions {
  /**
   * The prefix of every key, so that several programs can share a server.
   * @default `"effect-cached"`
   */
  readonly prefix?: string | undefined
  /**
   * The ACL user name. It overrides the user in the URL.
   * @default none: the server's default user
   */
  readonly username?: string | undefined
  /**
   * The password. It overrides the password in the URL.
   * @default none
   */
  readonly password?: Redacted.Redacted<string> | undefined
  /**
   * `true`, or options of `node:tls` (`ca`, `cert`, `key`, `servername`). A `rediss:` URL implies `true`.
   * @default `false`
   */
  readonly tls?: boolean | Readonly<Record<string, unknown>> | undefined
  /**
   * `"required"`: the layer fails if the server is unreachable. `"eventually"`: the cache works without the server
   * until the server becomes reachable.
   * @default `"eventually"`
   */
  readonly connect?: "required" | "eventually" | undefined
  /**
   * The largest value to store. A large value delays the other commands on the same connection.
   * @default 1 MiB
   */
  readonly maxValue?: SizeInput | undefined
  /**
   * How many replicas must acknowledge a write before the write succeeds (`WAIT`).
   * @default 0
   */
  readonly replicas?: number | undefined
}

export interface ServerOptions extends CommonOptions {
  /**
   * The URL of the server: `redis://user:password@host:6379/0`, or `rediss:` for TLS.
   * @default the server on this machine, on the default port of Redis
   */
  readonly url?: string | Redacted.Redacted<string>
  /**
   * For a cluster, instead of `url`: URLs of some of its nodes. The store discovers the others. The first URL sets the
   * user, the password and TLS.
   * @default none: connects to `url`
   */
  readonly nodes?: ReadonlyArray<string | Redacted.Redacted<string>>
  /**
   * The number of the database. A cluster has only database 0.
   * @default the database in the URL
   */
  readonly database?: number | undefined
  /**
   * The Sentinels that monitor the master: the master's `name`, their `nodes` (`"host:26379"`) and their credentials.
   * @default none: connects to `url`
   */
  readonly sentinel?: SentinelOptions | undefined
  /**
   * A function that creates a client of the package `redis`, instead of `url`. The store does not connect this client,
   * but duplicates of it with the same settings.
   * @default none
   */
  readonly client?: (() => Client) | undefined
}

interface SentinelOptions {
  /** The master's name in the configuration of the Sentinels. */
  readonly name: string
  /** Addresses of some of the Sentinels, as `"host:26379"`. */
  readonly nodes: ReadonlyArray<string>
  /**
   * The user name for the connections to the Sentinels.
   * @default none
   */
  readonly username?: string | undefined
  /**
   * The password for the connections to the Sentinels.
   * @default none
   */
  readonly password?: Redacted.Redacted<string> | undefined
  /**
   * `true`, or options of `node:tls`, for the connections to the Sentinels.
   * @default `false`
   */
  readonly tls?: boolean | Readonly<Record<string, unknown>> | undefined
}

export interface Config {
  readonly prefix: string
  readonly name: string
  readonly settings: Settings
  readonly addresses: ReadonlyArray<Address>
  readonly isCluster: boolean
  readonly sentinel:
    | { readonly name: string; readonly addresses: ReadonlyArray<Address>; readonly settings: Settings }
    | undefined
  readonly client: (() => Client) | undefined
  readonly isRequired: boolean
  readonly maxValue: number
  readonly replicas: number
  readonly commandMillis: number
  readonly scrub: Scrub
}

const common = ["prefix", "username", "password", "tls", "connect", "maxValue", "replicas"] as const

export const serverOptions: ReadonlyArray<string> = ["url", "nodes", "database", "sentinel", "client", ...common]

const address = "url names the server, like redis://127.0.0.1:6379."

export const homes = {
  host: address,
  port: address,
  socket: address,
  db: "database is its number.",
  keyPrefix: "use prefix."
}

interface Timed {
  readonly storeTimeout?: Ttl.Input | undefined
}

export const configOf = (what: string, options: ServerOptions & Timed): Config => {
  requireObject(what, options, `where the server is, like { url: "redis://127.0.0.1:6379" }`)
  refuseUndefined(what, options, "nodes")
  return options.nodes === undefined ? serverConfigOf(what, options) : clusterConfigOf(what, options, options.nodes)
}

const serverConfigOf = (what: string, options: ServerOptions & Timed): Config => {
  const { client, sentinel, url } = options
  if (client !== undefined) {
    if (typeof client !== "function") {
      refuse(what, "\"client\" must be a function that returns a client: () => createClient(…)")
    }
    for (const other of ["url", "sentinel", "username", "password", "tls", "database"] as const) {
      if (options[other] !== undefined) refuse(what, `"client" has its own "${other}": leave it out here`)
    }
  }
  if (sentinel !== undefined && url !== undefined) refuse(what, "\"sentinel\" finds the server: leave \"url\" out")
  if (client === undefined && sentinel === undefined) refuseUndefined(what, options, "url")
  const server = parse(what, "url", url ?? "redis://127.0.0.1:6379")
  const database = databaseOf(what, options.database, server.database)
  const settings = settingsOf(what, options, server, database)
  const sentinels = sentinel === undefined ? undefined : sentinelsOf(what, sentinel)
  return {
    ...shared(what, options, [settings, sentinels?.settings]),
    name: client !== undefined
      ? "Redis"
      : sentinels === undefined
      ? nameOf(server.address)
      : `the master "${sentinels.name}"`,
    settings,
    addresses: [server.address],
    isCluster: false,
    sentinel: sentinels,
    client: client && (() => checkedClient(what, client()))
  }
}

const databaseOf = (what: string, given: number | undefined, ofUrl: number | undefined): number => {
  if (given !== undefined && (!Number.isInteger(given) || given < 0)) {
    refuse(what, "\"database\" must be a whole number from 0")
  }
  if (given !== undefined && ofUrl !== undefined && ofUrl !== 0 && given !== ofUrl) {
    refuse(what, `"database" is ${given}, and the path of "url" says ${ofUrl}: leave one of them out`)
  }
  return given ?? ofUrl ?? 0
}

/** The functions that a client must have. Clients of other libraries or of older releases lack some of them. */
const functionsOfClient = ["connect", "destroy", "duplicate", "on", "sSubscribe", "sendCommand", "subscribe"] as const

const checkedClient = (what: string, made: unknown): Client => {
  const isPromise = made instanceof Promise
  // A promise is refused and never awaited. Without this handler, its rejection would be reported as unhandled.
  if (isPromise) made.catch(() => {})
  const missing = functionsOfClient.find((name) =>
    typeof (made as Partial<Client> | null | undefined)?.[name] !== "function"
  )
  if (missing === undefined) return made as Client
  return refuse(
    what,
    "\"client\" must return a client of the package redis: () => createClient(…). It returned " +
      (isPromise
        ? "a Promise: do not make it async, the store connects by itself"
        : `${made === null ? "null" : `a value of type ${typeof made}`}, which has no function "${missing}"`)
  )
}

const clusterConfigOf = (
  what: string,
  options: ServerOptions & Timed,
  nodes: NonNullable<ServerOptions["nodes"]>
): Config => {
  for (const other of ["url", "sentinel", "client"] as const) {
    if (options[other] !== undefined) refuse(what, `"nodes" finds the cluster: leave "${other}" out`)
  }
  if (options.database !== undefined && options.database !== 0) {
    refuse(what, "\"nodes\" are those of a cluster, which has database 0 only: leave \"database\" out")
  }
  if (!Array.isArray(nodes) || nodes.length === 0) refuse(what, "\"nodes\" must be a list of at least one URL")
  const servers = nodes.map((url) => parse(what, "nodes", url))
  const first = servers[0]!
  if (servers.some(({ database = 0 }) => database !== 0)) {
    refuse(what, "\"nodes\" name a database, and a cluster has database 0 only: leave it out")
  }
  const settings = settingsOf(what, options, first, 0)
  return {
    ...shared(what, options, [settings]),
    name: `the cluster of ${nameOf(first.address)}`,
    settings,
    addresses: servers.map(({ address }) => address),
    isCluster: true,
    sentinel: undefined,
    client: undefined
  }
}

const shared = (what: string, options: CommonOptions & Timed, all: ReadonlyArray<Settings | undefined>) => {
  const { connect, prefix, replicas } = options
  if (connect !== undefined && connect !== "required" && connect !== "eventually") {
    refuse(what, "\"connect\" must be \"required\" or \"eventually\"")
  }
  if (replicas !== undefined && (!Number.isInteger(replicas) || replicas < 0)) {
    refuse(what, "\"replicas\" must be a whole number from 0")
  }
  return {
    prefix: prefixOf(what, prefix),
    isRequired: (connect ?? Limits.connect) === "required",
    maxValue: bytesOf(what, options.maxValue),
    replicas: replicas ?? Limits.replicas,
    commandMillis: Math.min(
      longestMillis,
      positiveMillis(`storeTimeout of ${what}`, options.storeTimeout ?? OptionsDefaults.layer.storeTimeoutMillis)
    ),
    scrub: scrubbing(all.flatMap((settings) => settings?.password === undefined ? [] : secretsOf(settings.password)))
  }
}

const longestMillis = 2 ** 30

// Half of a surrogate pair cannot be encoded.
const secretsOf = (password: string): ReadonlyArray<string> => [
  password,
  encodeURIComponent(password.replaceAll(/\p{Surrogate}/gu, "\ufffd"))
]

const longestPrefix = 200

const prefixOf = (what: string, prefix: unknown = Limits.prefix): string => {
  if (typeof prefix !== "string" || prefix === "") {
    refuse(what, "\"prefix\" must be a string that is not empty: without one, the keys would mix with all others")
  }
  // eslint-disable-next-line no-control-regex
  if (prefix.length > longestPrefix || /[\u0000-\u001f]|\p{Surrogate}/u.test(prefix)) {
    refuse(what, `"prefix" must have at most ${longestPrefix} characters, and no control characters`)
  }
  return prefix
}

const bytesOf = (what: string, given: SizeInput | undefined): number => {
  if (given === undefined) return Limits.maxValue
  return bytesIn(given) || refuse(what, `"maxValue" must be a size above zero, not ${shown(given)}: ${sizes}`)
}

const sizes = "a number of bytes, or one with a unit (B, kB, MB, GB, KiB, MiB, GiB), like \"100 kB\""

const shown = (given: unknown): string =>
  typeof given === "string"
    ? JSON.stringify(given.slice(0, 50))
    : typeof given === "object" && given !== null
    ? "an object"
    : String(given)

interface Parsed {
  readonly address: Address
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number | undefined
  readonly isTls: boolean
}

/** Parses a URL. Errors do not quote the URL, because it may contain a password. */
const parse = (what: string, option: string, given: unknown, usualPort = 6379): Parsed => {
  const text = Redacted.isRedacted(given) ? Redacted.value(given) : given
  const form = `"${option}" of ${what} is not a URL like redis://user:password@host:6379/0 (or rediss: for TLS)`
  if (typeof text !== "string") return refuse(what, form)
  // A URL parser would take an unencoded `/`, `?` or `#` in the password for the end of the host.
  if (/^rediss?:\/\/[^]*[/?#][^]*@/.test(text)) {
    refuse(
      what,
      `"${option}" has a user or password with a /, ? or # that is not encoded: encodeURIComponent(password)`
    )
  }
  if (!URL.canParse(text)) return refuse(what, form)
  const { hash, hostname, password, pathname, port, protocol, search, username } = new URL(text)
  if ((protocol !== "redis:" && protocol !== "rediss:") || hostname === "") return refuse(what, form)
  if (search !== "" || hash !== "") {
    const database = option === "url"
      ? "pass the number of the database as \"database\", or as the path (/3)"
      : "use the options"
    refuse(
      what,
      `"${option}" has a ${search === "" ? "#" : "?"}, and the part after it has no meaning here: ${database}`
    )
  }
  const database = pathname === "" || pathname === "/" ? undefined : Number(pathname.slice(1))
  if (database !== undefined && (!Number.isInteger(database) || database < 0)) {
    refuse(what, `the path of "${option}" must be the number of a database`)
  }
  return {
    address: { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? usualPort : Number(port) },
    username: username === "" ? undefined : decode(what, option, username),
    password: password === "" ? undefined : decode(what, option, password),
    database,
    isTls: protocol === "rediss:"
  }
}

const decode = (what: string, option: string, text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return refuse(
      what,
      `"${option}" has a user or password with a % that is not encoded: encodeURIComponent(password)`
    )
  }
}

const settingsOf = (what: string, options: CommonOptions, server: Parsed, database: number): Settings => {
  const { password, tls, username } = options
  if (password !== undefined && !Redacted.isRedacted(password)) {
    refuse(what, "\"password\" must be redacted: Redacted.make(…), or Config.redacted(…)")
  }
  if (username !== undefined && typeof username !== "string") refuse(what, "\"username\" must be a string")
  return {
    username: username ?? server.username,
    password: password === undefined ? server.password : Redacted.value(password),
    database,
    tls: tlsOf(what, tls, server.isTls)
  }
}

const tlsOf = (what: string, tls: CommonOptions["tls"], isTls: boolean): Settings["tls"] => {
  if (tls !== undefined && typeof tls !== "boolean" && (typeof tls !== "object" || tls === null)) {
    refuse(what, "\"tls\" must be true, false, or options of node:tls")
  }
  if (tls === false && isTls) {
    refuse(what, "\"tls\" is false, and the URL begins with rediss:, which says true: leave \"tls\" out, or use redis:")
  }
  if (typeof tls === "object") return tls
  return tls ?? isTls ? {} : undefined
}

const sentinelsOf = (what: string, options: SentinelOptions): NonNullable<Config["sentinel"]> => {
  const of = `sentinel of ${what}`
  requireObject(of, options)
  if (typeof options.name !== "string" || options.name === "") refuse(of, "\"name\" must be the name of the master")
  if (!Array.isArray(options.nodes) || options.nodes.length === 0) {
    refuse(of, "\"nodes\" must be a list of at least one \"host:26379\"")
  }
  const nodes = options.nodes.map((node: unknown) => {
    // The message does not quote the node, because the node may contain a password.
    if (typeof node !== "string" || !/^[^\s/?#]+$/.test(node) || !URL.canParse(`redis://${node}`)) {
      return refuse(of, "each of \"nodes\" must be \"host:26379\", without redis:// or a path")
    }
    return parse(of, "nodes", `redis://${node}`, 26_379)
  })
  return {
    name: options.name,
    addresses: nodes.map(({ address }) => ({ host: address.host, port: address.port })),
    settings: settingsOf(of, options, nodes[0]!, 0)
  }
}

export const nameOf = ({ host, port }: Address): string => `${host.includes(":") ? `[${host}]` : host}:${port}`

const refuse: (what: string, message: string) => never = (what, message) => {
  throw new CacheConfigError({ message: message.includes(what) ? message : `${what}: ${message}` })
}

/** Whether an option concerns the connection. Locks and guards do not accept the options about stored values. */
export const isOfConnection = (option: string): boolean => option !== "maxValue" && option !== "replicas"
