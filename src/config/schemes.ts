/** The schemes of URLs: the layer that each makes, from the parts of a URL. Modules are imported when it is built. */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../CacheError.ts"
import type { ObjectsOptions } from "../CacheLayer.ts"
import type * as Caching from "../Caching.ts"
import { missingSqlite } from "../internal/options/folder.ts"
import { mistake, refuseUnless } from "../internal/options/options.ts"
import type { Inspection, Store } from "../Store.ts"
import * as Readings from "./readings.ts"
import { accountIn, type CacheUrl, decode } from "./url.ts"

type Made = Promise<Layer.Layer<Caching.Caching, StoreError>>

/** The options of a layer, as they were read. Each layer checks them once more. */
type Given = Record<string, unknown>

export interface Scheme {
  /** A URL of this scheme. */
  readonly form: string
  readonly options: ReadonlyMap<string, Readings.Reading | "code">
  readonly open: (url: CacheUrl, options: Given) => Made
  /** The store of the layer. Absent if nothing is stored outside the program. */
  readonly store?: ((url: CacheUrl, options: Given) => Promise<StoreOf>) | undefined
}

/** The layer of a store, and its inspection if it has one of its own. */
export interface StoreOf {
  readonly layer: Layer.Layer<Store, StoreError>
  readonly inspect?: Effect.Effect<Inspection, StoreError, Scope.Scope>
}

const scheme = (
  form: string,
  readings: Readings.Readings<any>,
  open: Scheme["open"],
  store?: Scheme["store"]
): Scheme => ({ form, options: Readings.flatten(readings), open, store })

/** The options of a layer that its store has too. */
const ofStore = (options: Given, names: ReadonlyArray<string>): Given =>
  Object.fromEntries(names.flatMap((name) => options[name] === undefined ? [] : [[name, options[name]]]))

const redisStore = [
  "prefix",
  "username",
  "password",
  "tls",
  "connect",
  "maxValue",
  "replicas",
  "database",
  "sentinel",
  "storeTimeout"
]

const redisDriver = () => import("#node/drivers/redis/index")

const layers = () => import("../CacheLayer.ts")

const serverOf = (url: CacheUrl, options: Given) => {
  // A variable overrides the URL.
  const path = options["database"] === undefined ? url.path : ""
  return { ...options, url: Redacted.make(`${url.scheme}://${authorityOf(url)}${path}`) }
}

const redis = scheme(
  "redis://user@host:6379/0",
  Readings.redisOptions,
  async (url, options) => (await layers()).redis(serverOf(url, options)),
  async (url, options) => ({
    layer: (await redisDriver()).RedisStore.layer(serverOf(url, ofStore(options, redisStore)))
  })
)

const nodesOf = (url: CacheUrl, options: Given) => {
  const { account, hosts } = accountIn(authorityOf(url))
  refuseUnless(/^\/?$/.test(url.path), `The URL of a cluster must end after its hosts: ${cluster.form}`)
  refuseSecondUser(account)
  const [protocol] = url.scheme.split("+")
  const user = account === "" ? "" : `${account}@`
  return {
    ...options,
    nodes: hosts.split(",").map((host, i) => Redacted.make(`${protocol}://${i === 0 ? user : ""}${host}`))
  }
}

const cluster: Scheme = scheme(
  "redis+cluster://host1:6379,host2:6379",
  Readings.clusterOptions,
  async (url, options) => (await layers()).redis(nodesOf(url, options)),
  async (url, options) => ({
    layer: (await redisDriver()).RedisStore.layer(nodesOf(url, ofStore(options, redisStore)))
  })
)

/** Otherwise the hosts before the last user would count as a part of the password. */
const refuseSecondUser = (account: string): void =>
  refuseUnless(
    !account.includes("@"),
    "The URL of the cache has several @: name the user once, before the first host, and write an @ of a password as %40"
  )

const masterOf = (url: CacheUrl, options: Given) => {
  const { account, hosts, password, username } = accountIn(authorityOf(url))
  const name = decode("name of the master", url.path.slice(1))
  refuseUnless(
    /^[^/]+$/.test(name),
    `The URL of Sentinels must name the master in its path, and nothing else: ${sentinel.form}`
  )
  refuseSecondUser(account)
  const ofUrl = {
    ...username === "" ? {} : { username: decode("user", username) },
    ...password === "" ? {} : { password: Redacted.make(decode("password", password)) },
    ...url.scheme.startsWith("rediss") ? { tls: true } : {}
  }
  const watchers = options["sentinel"] as Given | undefined
  return { ...ofUrl, ...options, sentinel: { ...watchers, name, nodes: hosts.split(",") } }
}

const sentinel: Scheme = scheme(
  "redis+sentinel://host1:26379,host2:26379/master",
  Readings.sentinelOptions,
  async (url, options) => (await layers()).redis(masterOf(url, options)),
  async (url, options) => ({
    layer: (await redisDriver()).RedisStore.layer(masterOf(url, ofStore(options, redisStore)))
  })
)

const databaseOf = (url: CacheUrl, { sslmode, ...options }: Given) => {
  const query = sslmode === undefined ? "" : `?sslmode=${String(sslmode)}`
  const { password, username } = accountIn(authorityOf(url))
  decode("user", username)
  decode("password", password)
  return { ...options, url: Redacted.make(`${url.scheme}://${authorityOf(url)}${url.path}${query}`) }
}

const postgres = scheme(
  "postgres://user@host:5432/database",
  Readings.postgresOptions,
  async (url, options) => (await layers()).postgres(databaseOf(url, options)),
  async (url, options) => {
    const { PgStore } = await import("../drivers/postgres/index.ts")
    return { layer: PgStore.layer(databaseOf(url, ofStore(options, postgresStore))) }
  }
)

const postgresStore = ["sslmode", "schema", "password", "maxConnections", "prepare", "maxValue", "maxSize"]

const bucketOf = (url: CacheUrl, options: Given) => {
  const { account, hosts } = accountIn(authorityOf(url))
  refuseUnless(account === "", `The URL of a bucket has no user: set its credentials as options`)
  const prefix = decode("path", url.path.replace(/^\/|\/$/g, ""))
  return { ...options as Given & ObjectsOptions, bucket: decode("bucket", hosts), ...prefix === "" ? {} : { prefix } }
}

const objects = scheme(
  "s3://bucket/prefix",
  Readings.objectsOptions,
  async (url, options) => (await layers()).objects(bucketOf(url, options)),
  async (url, options) => {
    const { ObjectStore } = await import("../drivers/objects/index.ts")
    const client = await import("effect/http/FetchHttpClient")
    return {
      layer: Layer.provide(ObjectStore.layer(bucketOf(url, ofStore(options, objectsStore))), client.layer)
    }
  }
)

const objectsStore = [
  "endpoint",
  "region",
  "credentials",
  "maxValue",
  "maxSize"
]

const sqliteDriver = () =>
  import("#node/drivers/sqlite/index").catch((error) => {
    const missing = missingSqlite(error)
    throw missing === undefined ? error : mistake(`The cache on disk cannot be opened: ${missing}`)
  })

const folderStore = ["maxSize", "maxValue", "trustFolder"]

/** A new store needs one line here, and the readings of its options. */
export const schemes: { readonly [scheme: string]: Scheme } = {
  memory: scheme("memory:", Readings.memoryOptions, async (url, options) => {
    refuseUnless(isBare(url), "The URL of a cache in memory must be memory:, with its options after a ?")
    return (await layers()).memory(options)
  }),
  disk: scheme(
    "disk:./cache",
    Readings.diskOptions,
    async (url, options) => (await layers()).disk({ ...options, directory: folderOf(url) }),
    async (url, options) => {
      const { SqliteStore } = await sqliteDriver()
      const directory = folderOf(url)
      return {
        layer: SqliteStore.layer({ ...ofStore(options, [...folderStore, "storeTimeout"]), directory }),
        inspect: SqliteStore.inspect({ ...ofStore(options, ["storeTimeout", "trustFolder"]), directory })
      }
    }
  ),
  files: scheme(
    "files:./cache",
    Readings.filesOptions,
    async (url, options) => (await layers()).files({ ...options, directory: folderOf(url) }),
    async (url, options) => {
      const { FilesStore } = await import("#node/drivers/files/index")
      const directory = folderOf(url)
      return {
        layer: FilesStore.layer({ ...ofStore(options, folderStore), directory }),
        inspect: FilesStore.inspect({ ...ofStore(options, ["trustFolder"]), directory })
      }
    }
  ),
  s3: objects,
  postgres,
  postgresql: postgres,
  redis,
  rediss: redis,
  "redis+cluster": cluster,
  "rediss+cluster": cluster,
  "redis+sentinel": sentinel,
  "rediss+sentinel": sentinel,
  disabled: scheme("disabled:", {}, async (url) => {
    refuseUnless(isBare(url), "The URL of a disabled cache must be disabled:")
    return (await layers()).disabled
  })
}

const isBare = ({ authority = "", path }: CacheUrl): boolean => authority === "" && /^\/?$/.test(path)

const authorityOf = ({ authority, scheme }: CacheUrl): string => {
  if (authority !== undefined && authority !== "") return authority
  throw mistake(`The URL of the cache needs the address of a server: ${schemes[scheme]!.form}`)
}

const folderOf = ({ authority, path, scheme }: CacheUrl): string => {
  refuseUnless(
    !/^~(\/|$)/.test(path),
    `The URL of the cache has a ~, which only a shell replaces: write the path of the home folder, or ${scheme}:./~`
  )
  const folder = decode("path", path)
  if (!authority && folder !== "" && !folder.includes("\0")) return folder
  throw mistake(
    `The URL of the cache needs a folder: ${scheme}:./cache, relative to the working directory, or ${scheme}:/var/cache`
  )
}
