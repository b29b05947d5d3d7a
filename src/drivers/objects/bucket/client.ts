/** Signs requests to a bucket, sends them, and repeats those that the server could not take. Counts every request. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/objects.ts"
import type { Tokens } from "../../../internal/token.ts"
import type { Config, Credentials } from "../options.ts"
import { codeOf, faultOf, isExpired, refusal, storeName } from "./fault.ts"
import * as ServerClock from "./serverClock.ts"
import * as Signing from "./sign.ts"
import { type Refused, refused } from "./xml.ts"

export interface Bucket {
  readonly config: Config
  readonly client: HttpClient.HttpClient
  readonly clock: ServerClock.ServerClock
  readonly tokens: Tokens
  readonly signing: Signing.Signing
  key: Credentials | undefined
  /** Whether the server writes an object only in the state that a condition names. If not, one process may use it. */
  guardsWrites: boolean
  /** The same for deletions. */
  guardsDeletes: boolean
  /** The shortest time that the server took to answer. */
  nearestMillis: number
}

export const make = (
  config: Config,
  client: HttpClient.HttpClient,
  tokens: Tokens,
  signing: Signing.Signing
): Bucket => ({
  config,
  client,
  clock: ServerClock.make(),
  tokens,
  signing,
  key: undefined,
  guardsWrites: true,
  guardsDeletes: false,
  nearestMillis: Infinity
})

/** The state that an object must have to be written or deleted: absent, or as it was with this ETag. */
export type Condition = { readonly etag: string | undefined }

interface Request {
  readonly operation: string
  readonly method: "DELETE" | "GET" | "PUT"
  /** The name of the object below the prefix. Empty for the bucket itself. */
  readonly name: string
  readonly query?: Readonly<Record<string, string>> | undefined
  readonly body?: Uint8Array | undefined
  readonly condition?: Condition | undefined
}

interface Reply {
  readonly status: number
  readonly etag: string | undefined
  /** When the object was written, by the clock of the server. `NaN` if it does not say so. */
  readonly modifiedAt: number
  readonly body: Uint8Array
  readonly refused: Refused
  /** Whether an earlier attempt may have been carried out already. */
  readonly isRepeated: boolean
}

const requests = Metric.counter("effect_cached_object_requests_total", {
  description: "Requests to buckets, which cost money",
  incremental: true
})

const encodeName = (name: string): string =>
  encodeURIComponent(name).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)

const urlOf = ({ prefix, url }: Config, { name, query }: Request): string => {
  const path = name === "" ? "" : `/${`${prefix}/${name}`.split("/").map(encodeName).join("/")}`
  const search = Object.entries(query ?? {}).map(([key, value]) => `${key}=${encodeName(value)}`).join("&")
  return `${url}${path}${search === "" ? "" : `?${search}`}`
}

/** Signs a request. A body that is sent without TLS is signed too, so that it cannot be changed on the way. */
const signed = async (
  { config, signing }: Bucket,
  { body, condition, method, ...request }: Request,
  key: Credentials,
  now: number
): Promise<HttpClientRequest.HttpClientRequest> => {
  const asked: Record<string, string> = {}
  if (condition !== undefined) {
    if (condition.etag === undefined) asked["if-none-match"] = "*"
    else asked["if-match"] = condition.etag
  }
  if (config.url.startsWith("http:")) asked["x-amz-content-sha256"] = await Signing.digest(body)
  const { headers, url } = await Signing.sign(signing, key, {
    method,
    url: urlOf(config, { method, ...request }),
    headers: asked,
    region: config.region,
    now
  })
  const made = HttpClientRequest.make(method)(url, { headers })
  return body === undefined ? made : HttpClientRequest.bodyUint8Array(made, body, "application/octet-stream")
}

const keyOf = (self: Bucket, operation: string): Effect.Effect<Credentials, StoreError> =>
  Effect.suspend(() => {
    if (self.key !== undefined) return Effect.succeed(self.key)
    const { config } = self
    return Effect.flatMap(
      Effect.mapError(config.credentials, () => refusal(operation, "Denied", "credentials failed to read a key")),
      (key) => {
        if (!isKey(key)) {
          return refusal(operation, "Denied", "credentials must give accessKeyId, and secretAccessKey as Redacted")
        }
        Signing.clear(self.signing)
        self.key = key
        return Effect.succeed(key)
      }
    )
  })

const isKey = (key: unknown): key is Credentials => {
  const { accessKeyId, secretAccessKey, sessionToken } = (key ?? {}) as Partial<Credentials>
  return typeof accessKeyId === "string" && accessKeyId !== "" && Redacted.isRedacted(secretAccessKey) &&
    (sessionToken === undefined || Redacted.isRedacted(sessionToken))
}

const always = () => true
const nothing = new Uint8Array(0)
const isFailed = (status: number): boolean => status >= 300

/** Sends a request once. */
const attempt = Effect.fnUntraced(function*(
  self: Bucket,
  request: Request,
  fiber: Fiber.Fiber<any, any>
): Effect.fn.Return<Omit<Reply, "isRepeated"> & { readonly retryAfter: number | undefined }, StoreError> {
  const { client, config } = self
  const key = yield* keyOf(self, request.operation)
  const clock = fiber.getRef(Clock.Clock)
  const sentAt = clock.currentTimeMillisUnsafe()
  const made = yield* Effect.tryPromise({
    try: () => signed(self, request, key, sentAt),
    catch: () => refusal(request.operation, "Unsupported", "the request could not be signed")
  })
  const kind = request.query === undefined ? request.method : "LIST"
  requests.updateUnsafe(
    1,
    Context.add(fiber.context, Metric.CurrentMetricAttributes, {
      ...fiber.getRef(Metric.CurrentMetricAttributes),
      bucket: config.bucket,
      method: kind
    })
  )
  const response = yield* client.execute(made).pipe(
    // A span would show a session token, and names of objects, which are ids.
    Effect.provideService(HttpClient.TracerDisabledWhen, always),
    Effect.flatMap((response) =>
      Effect.map(response.arrayBuffer, (body) => ({ response, body: new Uint8Array(body) }))
    ),
    Effect.mapError((error) => {
      const code = codeOf(error)
      return refusal(
        request.operation,
        "Unavailable",
        `the server cannot be reached${code === undefined ? "" : `: ${code}`}`
      )
    }),
    Effect.timeoutOrElse({
      duration: config.requestMillis,
      orElse: () => Effect.fail(new StoreError({ store: storeName, operation: request.operation, reason: "Timeout" }))
    })
  )
  const { body, response: { headers, status } } = response
  const receivedAt = clock.currentTimeMillisUnsafe()
  const date = Date.parse(headers["date"] ?? "")
  if (!Number.isNaN(date)) self.clock.note(date, sentAt, receivedAt)
  self.nearestMillis = Math.min(self.nearestMillis, Math.max(0, receivedAt - sentAt))
  const seconds = headers["retry-after"]
  return {
    status,
    etag: headers["etag"],
    modifiedAt: Date.parse(headers["last-modified"] ?? ""),
    body: isFailed(status) ? nothing : body,
    refused: isFailed(status) ? refused(body) : { code: "", region: undefined },
    retryAfter: seconds !== undefined && /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : undefined
  }
})

const isBusy = ({ refused: { code }, status }: Pick<Reply, "refused" | "status">): boolean =>
  status === 429 || status >= 500 && status !== 501 && status !== 507 || code === "RequestTimeout"

/** A pause of random length, so that processes that were refused together do not come back together. */
export const pauseOf = ({ tokens }: Bucket, millis: number): number => millis * (0.5 + (tokens.word() >>> 0) / 2 ** 33)

/**
 * Sends a request, and repeats it while the server is busy or unreachable, or after its key has expired. Answers with
 * any status below 300, and with those in `expected`; fails with all others.
 */
export const send = (
  self: Bucket,
  request: Request,
  expected: ReadonlyArray<number> = []
): Effect.Effect<Reply, StoreError> =>
  Effect.withFiber((fiber) => {
    const { firstMillis, longestWaitMillis, mostMillis, times } = Defaults.repeats
    const ask = (tries: number, hasRenewed: boolean): Effect.Effect<Reply, StoreError> => {
      const again = (millis: number) =>
        Effect.andThen(Effect.sleep(millis), Effect.suspend(() => ask(tries + 1, hasRenewed)))
      const pause = pauseOf(self, Math.min(mostMillis, firstMillis * 2 ** tries))
      return Effect.matchEffect(attempt(self, request, fiber), {
        onFailure: (error) => error.reason === "Unavailable" && tries < times ? again(pause) : Effect.fail(error),
        onSuccess: ({ retryAfter, ...reply }) => {
          if (!isFailed(reply.status) || expected.includes(reply.status) && reply.refused.code !== "NoSuchBucket") {
            return Effect.succeed({ ...reply, isRepeated: tries > 0 })
          }
          if (isBusy(reply)) {
            const millis = Math.max(pause, retryAfter ?? 0)
            if (tries < times && millis <= longestWaitMillis) return again(millis)
          }
          if (isExpired(reply.refused) && self.config.isRenewable && !hasRenewed) {
            self.key = undefined
            return Effect.suspend(() => ask(tries, true))
          }
          return Effect.fail(
            faultOf(self.config, request.operation, { ...reply, skewMillis: self.clock.aheadMillis() })
          )
        }
      })
    }
    return ask(0, false)
  })

/** The time by the clock of the server. */
export const serverNow = ({ clock }: Bucket, local: number): number => local + clock.aheadMillis()
