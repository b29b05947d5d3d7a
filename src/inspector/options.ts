/** The options of an inspector, and their checks. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Redacted from "effect/Redacted"
import type * as Caching from "../Caching.ts"
import { inspector as limits } from "../internal/defaults/options.ts"
import { type Checks, isFlag, isListOfText, mistake, optional, refuseUnless } from "../internal/options/options.ts"

/**
 * The options of both layers.
 * @category options
 * @since 0.1.0
 */
export interface CommonOptions {
  /**
   * Services of further caches (`CacheLayer.named`), which the page shows beside the default cache.
   * @default none
   */
  readonly caches?: ReadonlyArray<Context.Key<any, Caching.Shape>> | undefined
  /** Whether invalidating and clearing are left out of the server. @default `false` */
  readonly readOnly?: boolean | undefined
  /** Whether the page shows values, which may be secrets. @default `false` */
  readonly values?: boolean | undefined
  /**
   * Changes a value before it is shown. If it throws or returns a promise, the value is hidden.
   * @default values are shown as they are, if at all
   */
  readonly redact?:
    | ((value: unknown, about: { readonly id: string; readonly keyClass: string | undefined }) => unknown)
    | undefined
}

/**
 * The options of `layerHttp`: one of `token` and `authorize` is required.
 * @category options
 * @since 0.1.0
 */
export interface HttpOptions<E = never, R = never> extends CommonOptions {
  /** The path of the page on the router, such as `/cache`. */
  readonly path: `/${string}`
  /** The names by which the page may be reached, without ports. Requests for other hosts are refused. */
  readonly hosts: ReadonlyArray<string>
  /** The secret that gives access: at least 32 characters. */
  readonly token?: string | Redacted.Redacted | undefined
  /** Decides about a request: fails, or returns the name of its user. There is no token then. */
  readonly authorize?: Effect.Effect<string, E, R | HttpServerRequest> | undefined
}

/**
 * The options of `layer`.
 * @category options
 * @since 0.1.0
 */
export interface ServerOptions extends CommonOptions {
  /** The port. With 0, the system chooses one. @default 0 */
  readonly port?: number | undefined
  /**
   * The address to listen on. One that is not of loopback needs `token` and `hosts`.
   * @default "127.0.0.1"
   */
  readonly host?: string | undefined
  /** Further names by which the page may be reached. @default the names of loopback */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** A token of your own, which is never printed. @default a random one, printed with the URL to stderr */
  readonly token?: string | Redacted.Redacted | undefined
  /** With `false`, a port in use is a warning, and the program runs without the page. @default `true` */
  readonly required?: boolean | undefined
}

const common: Checks<CommonOptions> = {
  caches: optional((caches, of) =>
    refuseUnless(
      Array.isArray(caches) && caches.every((key) => key?.key !== undefined),
      `caches of ${of} must be a list of services, as they are given to CacheLayer.named`
    )
  ),
  readOnly: isFlag("readOnly"),
  values: isFlag("values"),
  redact: optional((redact, of) =>
    refuseUnless(typeof redact === "function", `redact of ${of} must be a function of a value`)
  )
}

const token = optional<string | Redacted.Redacted>((given, of) => {
  const text: unknown = Redacted.isRedacted(given) ? Redacted.value(given) : given
  if (typeof text === "string" && text.length >= limits.shortestToken && /^[\x21-\x7e]*$/.test(text)) return
  throw mistake(
    `token of ${of} must have at least ${limits.shortestToken} characters of ASCII without spaces: make one with ` +
      "`openssl rand -hex 32`"
  )
})

const names = (hosts: unknown, of: string): void =>
  refuseUnless(
    isListOfText(hosts) && hosts.length > 0 && hosts.every((host) => /^[^/:\s]+$|^\[[\da-f:.]+\]$/i.test(host)),
    `hosts of ${of} must be a list of the names by which the page is reached, without scheme and port, like ` +
      "[\"shop.example\"]: a page of another origin could otherwise reach it (DNS rebinding)"
  )

export const httpChecks: Checks<HttpOptions<any, any>> = {
  ...common,
  path: (path, of) =>
    refuseUnless(
      typeof path === "string" && /^(\/[\w.~-]+)+$/.test(path),
      `path of ${of} must begin with a slash and end without one, like "/cache"`
    ),
  hosts: names,
  token,
  authorize: (authorize, of, beside) => {
    const isToken = (beside as HttpOptions).token !== undefined
    refuseUnless(
      (authorize === undefined) === isToken && (isToken || Effect.isEffect(authorize)),
      `${of} needs either token, a text of at least ${limits.shortestToken} characters, or authorize, an effect that ` +
        "fails or returns the name of the user"
    )
  }
}

export const loopback = ["localhost", "127.0.0.1", "[::1]"]

const isLoopback = (host: string): boolean => host === "::1" || loopback.includes(host)

export const serverChecks: Checks<ServerOptions> = {
  ...common,
  port: optional((port, of) =>
    refuseUnless(
      Number.isInteger(port) && port >= 0 && port < 65_536,
      `port of ${of} must be a whole number from 0 to 65535`
    )
  ),
  host: optional((host, of, beside) => {
    refuseUnless(typeof host === "string" && host !== "", `host of ${of} must be an address, like "127.0.0.1"`)
    const { hosts, token } = beside as ServerOptions
    refuseUnless(
      isLoopback(host) || (hosts !== undefined && token !== undefined),
      `${of} listens on ${host}, which others reach: give it a token of your own, and hosts, the names by which the ` +
        "page is reached"
    )
  }),
  hosts: optional(names),
  token,
  required: isFlag("required")
}
