/** The options that clients and servers have in common, and the state that they begin with. */
import * as Effect from "effect/Effect"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import { boundBytes, Caching } from "../../Caching.ts"
import { http } from "../../internal/defaults/options.ts"
import {
  type Checks,
  isFlag,
  isListOfText,
  millisOrZero,
  optional,
  positiveCount,
  positiveMillis,
  refuseUnless
} from "../../internal/options/options.ts"
import { sizeAboveZero, type SizeInput } from "../../internal/options/size.ts"
import * as Token from "../../internal/token.ts"
import type * as Ttl from "../../Ttl.ts"
import { credentials, harmlessWith } from "../rules/anonymous.ts"
import type { Client } from "./call.ts"

/**
 * The options that `CachedHttpClient` and `HttpCacheMiddleware` have in common.
 * @category options
 * @since 0.1.0
 */
export interface CommonOptions {
  /**
   * Names of fields that cannot name a user, beside those of the list, such as `["X-Client-Version"]`.
   * @default none
   */
  readonly harmless?: ReadonlyArray<string> | undefined
  /** Whether a shared cache stores responses with cookies. Private mode stores them. @default `false` */
  readonly allowCookies?: boolean | undefined
  /** Tags for a stored response, beside those that a handler gives it. @default none */
  readonly tags?: ((request: HttpClientRequest, response: HttpClientResponse) => ReadonlyArray<string>) | undefined
  /** Fields that replace `Cache-Control` for this cache, the most specific first (RFC 9213). @default none */
  readonly targets?: ReadonlyArray<string> | undefined
  /** The largest body that is stored. Larger ones pass. @default 8 MiB */
  readonly maxBody?: SizeInput | undefined
  /**
   * How many bytes of responses lie in memory, over a layer that does not weigh its entries (`maxWeight`). The least
   * recently used go first. Of several that share a cache, the first one sets it.
   * @default 64 MiB
   */
  readonly maxMemory?: SizeInput | undefined
  /** How many variants of a resource are stored (`Vary`). @default 16 */
  readonly maxVariants?: number | undefined
  /** How long a stale response is kept, so that it can be validated, or served in a failure. @default 1 day */
  readonly keep?: Ttl.Input | undefined
  /**
   * How long a request waits for the load of another one. It then asks the origin, or runs the handler, itself, and
   * the load runs again once another request joins it.
   * @default 5 seconds
   */
  readonly wait?: Ttl.Input | undefined
  /**
   * How long a request waits for the status and headers of its response. It then gets a stale response, if one may be
   * served. If not, a client fails with a `TransportError` whose cause is `LoadTimeout`, and a server answers 504. A
   * load without progress for this time runs again.
   * @default no limit
   */
  readonly timeout?: Ttl.Input | undefined
  /**
   * Without `timeout`: after how long without progress a load runs again. Callers continue to wait.
   * @default the `maxLoad` of the layer: 1 minute
   */
  readonly maxLoad?: Ttl.Input | undefined
}

const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const size = (name: string) => optional((given: SizeInput) => void sizeAboveZero(name, given))

const millis = (name: string, toMillis = positiveMillis) => optional((given: Ttl.Input) => void toMillis(name, given))

export const checks: Checks<CommonOptions> = {
  harmless: optional((names) => {
    refuseUnless(
      isListOfText(names) && names.every((name) => fieldName.test(name) && !name.includes("*")),
      "harmless must be a list of exact field names, such as [\"X-Client-Version\"]"
    )
    const named = names.find((name) => credentials.includes(name.toLowerCase()))
    refuseUnless(named === undefined, `harmless must not contain ${named}, which names a user`)
  }),
  allowCookies: isFlag("allowCookies"),
  tags: optional((tags) => refuseUnless(typeof tags === "function", "tags must be a function of request and response")),
  targets: optional((targets) =>
    refuseUnless(isListOfText(targets), "targets must be a list of field names, such as [\"CDN-Cache-Control\"]")
  ),
  maxBody: size("maxBody"),
  maxMemory: size("maxMemory"),
  maxVariants: positiveCount("maxVariants"),
  keep: millis("keep", millisOrZero),
  wait: millis("wait"),
  timeout: millis("timeout"),
  maxLoad: millis("maxLoad")
}

type Own = Pick<Client, "mode" | "scope" | "storesCookies" | "failedAs" | "inherit" | "about" | "keyed">

/** The client with these options over the cache of the context. They have been checked. */
export const clientOf = (
  { harmless = [], maxBody = http.maxBody, maxMemory = http.maxMemory, ...others }: CommonOptions,
  own: Own
): Effect.Effect<Client, never, Caching> =>
  Effect.withFiber((fiber) =>
    Effect.map(Caching, (caching) => {
      boundBytes(caching, ["HttpResource", "HttpBody"], sizeAboveZero("maxMemory", maxMemory))
      const { keep = http.keepMillis, maxLoad, maxVariants, tags, targets = [], timeout, wait } = others
      return {
        ...own,
        caching,
        context: fiber.context,
        tokens: Token.make(fiber.getRef(Token.Seed)),
        harmless: harmlessWith(harmless),
        tags: tags ?? (() => []),
        targets: targets.map((target) => target.toLowerCase()),
        maxVariants: maxVariants ?? http.maxVariants,
        maxBody: sizeAboveZero("maxBody", maxBody),
        keepMillis: millisOrZero("keep", keep),
        waitMillis: positiveMillis("wait", wait ?? http.waitMillis),
        timeoutMillis: timeout === undefined ? undefined : positiveMillis("timeout", timeout),
        maxLoadMillis: maxLoad === undefined ? undefined : positiveMillis("maxLoad", maxLoad),
        arriving: new Map(),
        wholes: new Map(),
        known: new Map(),
        unshared: new Map(),
        waiting: new Map()
      }
    })
  )
