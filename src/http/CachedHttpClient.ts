/**
 * HTTP clients that obey caching headers (RFC 9111), over any cache.
 * @since 0.1.0
 */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { Caching } from "../Caching.ts"
import { toHex } from "../internal/codec/bytes.ts"
import { http } from "../internal/defaults/options.ts"
import { checkOptions, type Checks, isFlag, optional, refuseUnless, within } from "../internal/options/options.ts"
import type * as Token from "../internal/token.ts"
import { execute, type Whom } from "./client/execute.ts"
import type { CommonOptions } from "./client/options.ts"
import * as Parts from "./client/options.ts"
import { isHarmless, personalBy } from "./rules/anonymous.ts"

/**
 * The options of `layer` and `wrap`.
 * @category options
 * @since 0.1.0
 */
export interface Options extends CommonOptions {
  /**
   * `"private"`: reuses the responses of one user, as a browser does. The fields of a request that could name a user
   * (`Authorization`, `Cookie`, `X-Api-Key` …) and the user in its URL are part of its key. `"shared"`: reuses those
   * of all users, as a proxy does.
   */
  readonly mode: "private" | "shared"
  /**
   * Replaces the fields that could name a user: requests with different results share no responses. For private mode.
   * @default a digest of these fields
   */
  readonly partition?: ((request: HttpClientRequest) => string) | undefined
  /**
   * The key of that digest. Set it if a store should still serve private responses after a restart.
   * @default random bytes
   */
  readonly secret?: Redacted.Redacted<string> | undefined
}

const checks: Checks<Options> = {
  mode: (mode) => refuseUnless(mode === "private" || mode === "shared", "mode must be \"private\" or \"shared\""),
  partition: optional((partition, _, beside) => {
    refuseUnless(typeof partition === "function", "partition must be a function from a request to a string")
    refuseUnless(
      (beside as Options).mode === "private",
      "partition is for private mode: a shared cache has one for all"
    )
  }),
  secret: optional((secret) => refuseUnless(Redacted.isRedacted(secret), "secret must be Redacted: use Redacted.make")),
  ...Parts.checks,
  allowCookies: optional((allow, _, beside) => {
    isFlag("allowCookies")(allow, _, beside)
    refuseUnless((beside as Options).mode === "shared", "allowCookies is for shared mode: private mode stores cookies")
  })
}

/**
 * Makes a client obey caching headers, over the cache of the context.
 *
 * **When to use**
 *
 * Use if only one of several clients should be cached. For the client of a whole program, use `layer`.
 *
 * **Example** (Asking twice)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 * import { CacheLayer } from "effect-cached"
 * import { CachedHttpClient } from "effect-cached/http"
 *
 * let requests = 0
 * const origin = HttpClient.make((request) => Effect.sync(() => {
 *   const headers = { "cache-control": "max-age=60" }
 *   return HttpClientResponse.fromWeb(request, new Response(`answer ${++requests}`, { headers }))
 * }))
 * const program = Effect.gen(function*() {
 *   const client = yield* CachedHttpClient.wrap(origin, { mode: "private" })
 *   yield* client.get("http://example.com/")
 *   const second = yield* client.get("http://example.com/")
 *   return [yield* second.text, requests]
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["answer 1", 1]
 * ```
 *
 * @see {@link layer} for the client of a program
 * @category combinators
 * @since 0.1.0
 */
export const wrap: {
  (options: Options): (client: HttpClient.HttpClient) => Effect.Effect<HttpClient.HttpClient, never, Caching>
  (client: HttpClient.HttpClient, options: Options): Effect.Effect<HttpClient.HttpClient, never, Caching>
} = ((...args: readonly [Options] | readonly [HttpClient.HttpClient, Options]) => {
  const options = args[args.length - 1] as Options
  within("CachedHttpClient", () => checkOptions("it", options, checks))
  const { allowCookies = false, mode } = options
  const of = (client: HttpClient.HttpClient): Effect.Effect<HttpClient.HttpClient, never, Caching> =>
    Effect.map(
      Parts.clientOf(options, { ...ofClients, mode, scope: mode, storesCookies: mode === "private" || allowCookies }),
      (self) => {
        const whom = whomOf(options, self.tokens)
        return HttpClient.makeWith<never, never, HttpClientError, never>(
          Effect.flatMap((request) =>
            Effect.provideService(execute(self, whom, client, request), Caching, self.caching)
          ),
          Effect.succeed
        )
      }
    )
  return args.length === 2 ? of(args[0]) : of
}) as never

/**
 * Makes the program's HTTP client obey caching headers.
 *
 * **When to use**
 *
 * Use to cache what the origins of an HTTP client allow, without a line at its calls.
 *
 * **Details**
 *
 * - The layer needs an `HttpClient` and a cache, and provides an `HttpClient`.
 * - All requests of a resource that run at the same time wait for one response, if it may be shared.
 * - `Cache-Status` of each response says what the cache did (RFC 9211), and `Age` how old the response is.
 * - A request without `GET`, `HEAD` or another safe method makes the stored responses of its URL invalid.
 *
 * **Example** (One layer over another)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { FetchHttpClient, HttpClient } from "effect/http"
 * import { CacheLayer } from "effect-cached"
 * import { CachedHttpClient } from "effect-cached/http"
 *
 * const client = CachedHttpClient.layer({ mode: "private" }).pipe(
 *   Layer.provide([FetchHttpClient.layer, CacheLayer.memory({ capacity: 1000 })])
 * )
 * await Effect.runPromise(HttpClient.HttpClient.pipe(Effect.map(HttpClient.isHttpClient), Effect.provide(client))) // => true
 * ```
 *
 * @see {@link wrap} for one client
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient | Caching> => {
  const wrapped = wrap(options)
  return Layer.effect(HttpClient.HttpClient, Effect.flatMap(HttpClient.HttpClient, wrapped))
}

const ofClients = {
  failedAs: () => undefined,
  inherit: false,
  about: () => undefined,
  keyed: (href: string) => href
} as const

const whomOf = ({ mode, partition, secret }: Options, tokens: Token.Tokens): Whom => ({
  partition: mode === "shared" ? () => "" : partition ?? digests(secret, tokens),
  hidesCredentials: mode === "private" && partition === undefined
})

/** A keyed digest of what could name the user of a request, so that no store sees it. */
const digests = (secret: Redacted.Redacted<string> | undefined, tokens: Token.Tokens): Whom["partition"] => {
  const encoder = new TextEncoder()
  const key = encoder.encode(secret === undefined ? tokens.next(32) : Redacted.value(secret))
  const known = new Map<string, string>()
  return ({ headers }, { password, username }, harmless) => {
    if (username === "" && password === "" && personalBy(headers, [], harmless) === undefined) return ""
    const personal = Object.keys(headers).filter((name) => !isHarmless(name, harmless)).toSorted()
    const credentials = JSON.stringify([personal.map((name) => [name, headers[name]]), username, password])
    const before = known.get(credentials)
    if (before !== undefined) return before
    const digest = toHex(hmac(sha256, key, encoder.encode(credentials)), 0, 16)
    known.set(credentials, digest)
    if (known.size > http.mostDigests) known.delete(known.keys().next().value!)
    return digest
  }
}
