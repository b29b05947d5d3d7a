/** How each option of a layer is read from text. An option of a layer without its reading does not compile. */
import * as Redacted from "effect/Redacted"
import type * as CacheLayer from "../CacheLayer.ts"
import type * as CacheProfiles from "../CacheProfiles.ts"
import { mistake } from "../internal/options/options.ts"
import { bytesIn } from "../internal/options/size.ts"
import * as Ttl from "../Ttl.ts"

/** Reads an option from text. */
export interface Reading<out A = unknown> {
  /** The form that the text must have, for messages and for the documentation. */
  readonly form: string
  readonly example: string
  /** Returns `undefined` for a text that is not of this form. */
  readonly read: (text: string) => A | undefined
  /** A secret has a variable of its own, and is refused as an option in a URL. */
  readonly isSecret?: true
}

/** For each option its reading, the readings of its own options, or how a program sets it (`"code"`). */
export type Readings<O> = {
  readonly [Name in keyof O]-?: Reading<O[Name]> | Readings<any> | "code"
}

const text = (example: string): Reading<string> => ({ form: "a text", example, read: (text) => text })

const number = (form: string, example: string, isValid: (given: number) => boolean): Reading<number> => ({
  form,
  example,
  read: (text) => /^\d+(\.\d+)?$/.test(text) && isValid(Number(text)) ? Number(text) : undefined
})

const whole = number("a whole number", "2", Number.isSafeInteger)

const positive = (example: string) =>
  number("a whole number above 0", example, (given) => Number.isSafeInteger(given) && given > 0)

const share = number("a number from 0 to 1", "0.1", (given) => given <= 1)

const flag: Reading<boolean> = {
  form: "`true` or `false`",
  example: "true",
  read: (text) => isOn(text) ? true : isOff(text) ? false : undefined
}

export const isOn = (text: string): boolean => /^(true|1)$/i.test(text)
export const isOff = (text: string): boolean => /^(false|0)$/i.test(text)

const duration: Reading<Ttl.Input> = {
  form: "a duration",
  example: "90s",
  read: (text) => {
    try {
      return Ttl.parse(text)
    } catch {
      return undefined
    }
  }
}

const size = (example: string): Reading<number> => ({
  form: "a size",
  example,
  read: (text) => bytesIn(/^\d+$/.test(text) ? Number(text) : text) || undefined
})

const oneOf = <A>(choices: { readonly [name: string]: A }): Reading<A> => ({
  form: Object.keys(choices).map((name) => `\`${name}\``).join(", "),
  example: Object.keys(choices)[0]!,
  read: (text) => Object.hasOwn(choices, text) ? choices[text] : undefined
})

const names = <const Name extends string>(...names: ReadonlyArray<Name>): Reading<Name> =>
  oneOf(Object.fromEntries(names.map((name) => [name, name])) as { readonly [name: string]: Name })

const secret: Reading<Redacted.Redacted<string>> = {
  form: "a secret",
  example: "secret",
  read: (text) => Redacted.make(text),
  isSecret: true
}

const inherit = oneOf({ life: "life", changes: "changes", age: "age", refuse: "refuse", false: false } as const)

type Defaults = NonNullable<CacheLayer.MemoryOptions["defaults"]>

export const memoryOptions: Readings<CacheLayer.MemoryOptions> = {
  capacity: positive("50000"),
  maxWeight: size("100MB"),
  weigher: "code",
  eviction: names("adaptive", "s3Fifo", "wTinyLfu", "lru", "fifo", "leastRecentlyUpdated"),
  curve: flag,
  refresh: { concurrency: positive("4"), timeout: duration, retry: "code" } satisfies Readings<
    NonNullable<CacheLayer.MemoryOptions["refresh"]>
  >,
  inherit,
  strategy: "code",
  defaults: {
    retryAfter: duration,
    jitter: share,
    softTimeout: duration,
    fallbackOn: {
      form: "names, separated by commas, or `all`",
      example: "TimeoutError,HttpError",
      read: (text) => {
        if (text === "all") return text
        const names = text.split(",").map((name) => name.trim())
        return names.includes("") ? undefined : names
      }
    },
    copy: names("structured", "freeze"),
    memoryTtl: duration,
    minLoad: duration,
    shareLoad: flag,
    waitForWrite: flag
  } satisfies Readings<Defaults>,
  maxLoad: duration,
  shutdownTimeout: duration,
  flights: names("shared", "private")
}

const layerOptions: Readings<CacheLayer.LayerOptions> = {
  ...memoryOptions,
  memory: flag,
  storeTimeout: duration,
  lease: duration,
  wait: duration,
  maxStaleness: duration
}

/** How values are stored. These two are not options of the layers, which get a serializer. */
export interface Format {
  readonly format?: string | undefined
  readonly compress?: "gzip" | "brotli" | "zstd" | undefined
}

export const formats = [
  "json",
  "indentedJson",
  "yaml",
  "cbor",
  "binary",
  "structured",
  "text",
  "bytes",
  "csv",
  "ndjson",
  "parquet"
] as const

const format: Readings<Format> = { format: names(...formats), compress: names("gzip", "brotli", "zstd") }

export const profileOptions = {
  ttl: duration,
  softTtl: duration,
  refreshAfter: duration,
  idle: duration,
  jitter: share,
  inherit,
  ...format as { readonly [Name in keyof Format]-?: Reading }
} satisfies { readonly [Name in keyof (CacheProfiles.Profile & Format)]-?: Reading }

// The folder is the path of the URL.
export const diskOptions: Readings<Omit<CacheLayer.DiskOptions, "directory"> & Format> = {
  ...layerOptions,
  ...format,
  maxSize: size("1GiB"),
  maxValue: size("8MiB"),
  trustFolder: flag
}

export const filesOptions: Readings<Omit<CacheLayer.FilesOptions, "directory" | "serializer"> & Format> = diskOptions

// A cluster has neither a database nor a client of its own.
export const clusterOptions: Readings<
  Omit<CacheLayer.RedisOptions, "url" | "nodes" | "sentinel" | "database" | "client"> & Format
> = {
  ...layerOptions,
  ...format,
  prefix: text("shop"),
  username: text("cache"),
  password: secret,
  tls: flag,
  connect: names("eventually", "required"),
  maxValue: size("1MiB"),
  replicas: whole
}

// The servers are the hosts of the URL, and the scheme says whether they are Sentinels.
export const redisOptions: Readings<Omit<CacheLayer.RedisOptions, "url" | "nodes" | "sentinel"> & Format> = {
  ...clusterOptions,
  database: whole,
  client: "code"
}

type Sentinel = NonNullable<CacheLayer.RedisOptions["sentinel"]>

export const sentinelOptions: Readings<Omit<CacheLayer.RedisOptions, "url" | "nodes"> & Format> = {
  ...redisOptions,
  sentinel: { username: text("watcher"), password: secret, tls: flag } satisfies Readings<
    Omit<Sentinel, "name" | "nodes">
  >
}

// The server is the host of the URL.
export const postgresOptions: Readings<
  Omit<CacheLayer.PostgresOptions, "url"> & Format & { readonly sslmode?: string | undefined }
> = {
  ...layerOptions,
  ...format,
  sslmode: names("disable", "prefer", "require", "verify-full"),
  schema: text("cache"),
  password: secret,
  maxConnections: positive("10"),
  prepare: flag,
  maxValue: size("8MiB"),
  maxSize: size("1GB")
}

/** Reads a text. `what` names the option or the variable in the error. */
export const read = (what: string, text: string, { example, form, read }: Reading): unknown => {
  const value = read(text)
  if (value !== undefined) return value
  throw mistake(`${what} must be ${form.replaceAll("`", "\"")}, like ${example}`)
}

// The bucket is the host of the URL, and the prefix its path.
export const objectsOptions: Readings<Omit<CacheLayer.ObjectsOptions, "bucket" | "prefix"> & Format> = {
  ...layerOptions,
  ...format,
  endpoint: text("https://s3.example.org"),
  region: text("eu-central-1"),
  credentials: { accessKeyId: text("AKIAEXAMPLE"), secretAccessKey: secret, sessionToken: secret } satisfies Readings<
    Extract<CacheLayer.ObjectsOptions["credentials"], { readonly accessKeyId: string }>
  >,
  maxValue: size("4MiB")
}

const isReading = (given: Reading | object): given is Reading => "read" in given && typeof given.read === "function"

/** All readings by the names of their options, like `capacity` and `refresh.timeout`. */
export const flatten = (readings: Readings<any>, prefix = ""): ReadonlyMap<string, Reading | "code"> =>
  new Map(
    Object.entries(readings).flatMap(([name, given]: [string, Reading | Readings<any> | "code"]) =>
      given === "code" || isReading(given)
        ? [[`${prefix}${name}`, given] as const]
        : [...flatten(given, `${prefix}${name}.`)]
    )
  )

/** The end of the variable for an option: `MAX_SIZE` for `maxSize`, `REFRESH_TIMEOUT` for `refresh.timeout`. */
export const variableOf = (option: string): string =>
  option.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).replaceAll(".", "_").toUpperCase()

/** The object that a layer expects, from values by the names of their options. */
export const nested = (values: ReadonlyMap<string, unknown>): Record<string, unknown> => {
  const options: Record<string, any> = {}
  for (const [name, value] of values) {
    const [first, second] = name.split(".") as [string, string?]
    if (second === undefined) options[first] = value
    else options[first] = { ...options[first], [second]: value }
  }
  return options
}
