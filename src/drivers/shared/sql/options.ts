/** Checks the options of stores, locks and guard stores on SQL databases. Imports no client, as layers use it too. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { isWellFormed } from "../../../internal/codec/bytes.ts"
import * as Defaults from "../../../internal/defaults/sql.ts"
import { refuseUnless } from "../../../internal/options/options.ts"
import { sizeAboveZero, type SizeInput, wholeNumber } from "../../../internal/options/size.ts"

export interface SchemaOptions {
  /**
   * The schema of the database with the tables. It is created if it does not exist. Caches with the same schema share
   * their entries. No other program may use it. In SQLite, the first part of the names of all tables.
   * @default `effect_cached`
   */
  readonly schema?: string | undefined
}

export interface StoreOptions extends SchemaOptions {
  /**
   * The largest value to store.
   * @default 8 MiB
   */
  readonly maxValue?: SizeInput | undefined
  /**
   * How many bytes all entries may take together. Above it, those are removed that were not read for the longest time.
   * All processes with the same schema should have the same limit.
   * @default no limit
   */
  readonly maxSize?: SizeInput | undefined
}

export const storeOptions = ["schema", "maxValue", "maxSize"] as const

export interface Config {
  readonly schema: string
  readonly maxValue: number
  /** `Infinity` if there is no limit. */
  readonly maxSize: number
}

/** PostgreSQL cuts longer names. */
const longestName = 63

export const configOf = (what: string, { maxSize, maxValue, schema = Defaults.schema }: StoreOptions): Config => {
  const isName = typeof schema === "string" && schema !== "" && !/[.\0]/.test(schema) && isWellFormed(schema) &&
    new TextEncoder().encode(schema).length <= longestName && !schema.startsWith("pg_")
  refuseUnless(
    isName,
    `${what} needs a "schema" of 1 to ${longestName} bytes without a dot, that does not begin with pg_`
  )
  const most = maxSize === undefined ? Infinity : sizeAboveZero("maxSize", maxSize)
  const largest = maxValue === undefined ? Math.min(Defaults.maxValue, most) : sizeAboveZero("maxValue", maxValue)
  refuseUnless(largest <= most, `${what}: "maxValue" must be at most "maxSize", which is ${most} bytes`)
  return { schema, maxValue: largest, maxSize: most }
}

export interface ConnectionOptions {
  /** The URL of the database: `postgres://user:password@host:5432/database`, with `?sslmode=require` for TLS. */
  readonly url: string | Redacted.Redacted<string>
  /**
   * The password, if the URL has none. An effect is run for each connection, so that the password may change.
   * @default that of the URL
   */
  readonly password?: Redacted.Redacted<string> | Effect.Effect<Redacted.Redacted<string>> | undefined
  /**
   * How many connections are open at most. One of them listens for changes, if there are three or more.
   * @default 10
   */
  readonly maxConnections?: number | undefined
  /**
   * Whether statements are prepared. `false` for poolers that give each statement another connection.
   * @default `true`
   */
  readonly prepare?: boolean | undefined
}

export const connectionOptions = ["url", "password", "maxConnections", "prepare"] as const

export interface Connection {
  readonly url: Redacted.Redacted<string>
  readonly password: ConnectionOptions["password"]
  readonly maxConnections: number
  readonly prepare: boolean
}

/** Messages do not quote the URL, because it may contain a password. */
export const connectionOf = (what: string, options: ConnectionOptions): Connection => {
  const { maxConnections = Defaults.maxConnections, password, prepare = true, url } = options
  const text: unknown = Redacted.isRedacted(url) ? Redacted.value(url) : url
  refuseUnless(
    typeof text === "string" && /^postgres(ql)?:\/\/./.test(text) && URL.canParse(text),
    `${what} needs a "url" like "postgres://user@host:5432/database", or Redacted.make(url)`
  )
  refuseUnless(
    password === undefined || Redacted.isRedacted(password) || Effect.isEffect(password),
    `${what}: "password" must be Redacted.make(password), or an effect that gives it`
  )
  const isFlag: boolean = typeof prepare === "boolean"
  refuseUnless(isFlag, `${what}: "prepare" must be true or false`)
  return {
    url: Redacted.make(text as string),
    password,
    maxConnections: wholeNumber(`${what}: "maxConnections"`, maxConnections),
    prepare
  }
}
