/** The schemes of URLs: the layer that each makes, from the parts of a URL. Modules are imported when it is built. */
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { mistake, refuseUnless } from "../internal/options/options.ts"
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
}

const scheme = (form: string, readings: Readings.Readings<any>, open: Scheme["open"]): Scheme => ({
  form,
  options: Readings.flatten(readings),
  open
})

const layers = () => import("../CacheLayer.ts")

const redis = scheme("redis://user@host:6379/0", Readings.redisOptions, async (url, options) => {
  const { redis } = await layers()
  // A variable overrides the URL.
  const path = options["database"] === undefined ? url.path : ""
  return redis({ ...options, url: Redacted.make(`${url.scheme}://${authorityOf(url)}${path}`) })
})

const cluster = scheme("redis+cluster://host1:6379,host2:6379", Readings.clusterOptions, async (url, options) => {
  const { account, hosts } = accountIn(authorityOf(url))
  refuseUnless(/^\/?$/.test(url.path), `The URL of a cluster must end after its hosts: ${cluster.form}`)
  const { redisCluster } = await layers()
  const [protocol] = url.scheme.split("+")
  const user = account === "" ? "" : `${account}@`
  return redisCluster({
    ...options,
    nodes: hosts.split(",").map((host, i) => Redacted.make(`${protocol}://${i === 0 ? user : ""}${host}`))
  })
})

const sentinel = scheme(
  "redis+sentinel://host1:26379,host2:26379/master",
  Readings.sentinelOptions,
  async (url, options) => {
    const { hosts, password, username } = accountIn(authorityOf(url))
    const name = decode("name of the master", url.path.slice(1))
    refuseUnless(name !== "", `The URL of Sentinels must name the master in its path: ${sentinel.form}`)
    const { redis } = await layers()
    const ofUrl = {
      ...username === "" ? {} : { username: decode("user", username) },
      ...password === "" ? {} : { password: Redacted.make(decode("password", password)) },
      ...url.scheme.startsWith("rediss") ? { tls: true } : {}
    }
    const watchers = options["sentinel"] as Given | undefined
    return redis({ ...ofUrl, ...options, sentinel: { ...watchers, name, nodes: hosts.split(",") } })
  }
)

const postgres = scheme("postgres://user@host:5432/database", Readings.postgresOptions, async (url, options) => {
  const { postgres } = await layers()
  const { sslmode, ...others } = options
  const query = sslmode === undefined ? "" : `?sslmode=${String(sslmode)}`
  return postgres({ ...others, url: Redacted.make(`${url.scheme}://${authorityOf(url)}${url.path}${query}`) })
})

/** A new store needs one line here, and the readings of its options. */
export const schemes: { readonly [scheme: string]: Scheme } = {
  memory: scheme("memory:", Readings.memoryOptions, async (url, options) => {
    refuseUnless(isBare(url), "The URL of a cache in memory must be memory:, with its options after a ?")
    return (await layers()).memory(options)
  }),
  disk: scheme(
    "disk:./cache",
    Readings.diskOptions,
    async (url, options) => (await layers()).disk({ ...options, directory: folderOf(url) })
  ),
  files: scheme(
    "files:./cache",
    Readings.filesOptions,
    async (url, options) => (await layers()).files({ ...options, directory: folderOf(url) })
  ),
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
  const folder = decode("path", path)
  if (!authority && folder !== "" && !folder.includes("\0")) return folder
  throw mistake(
    `The URL of the cache needs a folder: ${scheme}:./cache, relative to the working directory, or ${scheme}:/var/cache`
  )
}
