/** The bodies of stored responses: beside their fields, or as streams that are stored while they arrive. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { DecodeError, HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cached from "../../Cached.ts"
import type { StreamCut, StreamLagged } from "../../CacheError.ts"
import { readingAll } from "../../CachePolicy.ts"
import { Caching } from "../../Caching.ts"
import { http } from "../../internal/defaults/options.ts"
import { lagMillis } from "../../internal/options/lagMillis.ts"
import { type Fields, secondsOf } from "../rules/fields.ts"
import { usableMillis } from "../rules/freshness.ts"
import { type Arrival, type Call, empty, isRedirected } from "./call.ts"
import { Body, type Variant } from "./record.ts"
import * as Response from "./response.ts"

export const contentOf = (call: Call, variant: Variant): Response.Content => {
  const bytes = bytesOf(call, variant)
  if (bytes !== undefined) return bytes
  // The arrival is referred to from here on: its body must arrive, even if its own caller has dropped it.
  const arrival = call.self.arriving.get(variant.id)
  const body = orAgain(call, variant, bodyStream(call, variant, arrival))
  return arrival === undefined ? body : held(arrival, body)
}

/**
 * The bytes of a body that lies in one piece. Now and then it is read through the cache all the same: so its eviction
 * policy sees that it is used.
 */
export const bytesOf = ({ clock, self: { wholes } }: Call, { body, id }: Variant): Uint8Array | undefined => {
  const whole = body === null ? wholes.get(id) : undefined
  return whole === undefined || clock.currentTimeMillisUnsafe() > whole.until ? body ?? undefined : whole.bytes
}

/** Remembers the bytes of a body for a while. The oldest ones go first. */
const hold = ({ clock, self: { wholes } }: Call, { id }: Variant, bytes: Uint8Array): void => {
  wholes.delete(id)
  wholes.set(id, { bytes, until: clock.currentTimeMillisUnsafe() + http.wholeMillis })
  let left = http.wholeBytes
  for (const [id, { bytes }] of Array.from(wholes).reverse()) if ((left -= bytes.length) < 0) wholes.delete(id)
}

/** The cause of the failure of a body that is neither stored nor arriving. */
export const gone = new Error("the body is neither stored nor arriving")

/**
 * Loads the resource again if its body has gone before a reader has begun, or if the others have not waited longer for
 * its reader. All such readers share the load. The new response must have the fields that the caller has, and begin
 * with the bytes that it has.
 */
const orAgain = (call: Call, variant: Variant, body: Response.Body): Response.Body =>
  Stream.suspend(() => {
    let at = 0
    let sum = basis
    const begun = Stream.map(body, (chunk) => {
      at += chunk.length
      sum = summed(sum, chunk)
      return chunk
    })
    return Stream.catch(begun, (error) => {
      const { cause } = error.reason as { readonly cause?: unknown }
      if (!(cause === gone && at === 0) && (cause as Partial<StreamLagged>)?._tag !== "StreamLagged") {
        return Stream.fail(error)
      }
      // A range is taken out of the whole body.
      const request = HttpClientRequest.removeHeader(HttpClientRequest.removeHeader(call.request, "range"), "if-range")
      return Stream.unwrap(
        Effect.map(againOf(call, request), (response) => {
          const isPart = call.request.headers["range"] !== undefined
          if (!isRedirected(call, response) && isSame(variant, response, isPart)) {
            return restOf(Response.bodyOf(response), at, sum, error)
          }
          discard(call, response)
          return Stream.fail(error)
        })
      )
    })
  })

const basis = 0x811c9dc5

/** A checksum of what a reader has received: without a validator, only the bytes tell that two bodies are the same. */
const summed = (before: number, chunk: Uint8Array): number => {
  let sum = before
  for (const byte of chunk) sum = Math.imul(sum ^ byte, 16_777_619)
  return sum
}

/** The rest of a body of which `length` bytes with this checksum have been received. */
const restOf = (body: Response.Body, length: number, sum: number, error: HttpClientError): Response.Body =>
  length === 0 ? body : Stream.suspend(() => {
    let left = length
    let found = basis
    return Stream.mapEffect(body, (chunk) => {
      const known = chunk.subarray(0, left)
      left -= known.length
      found = summed(found, known)
      return left === 0 && found !== sum ? Effect.fail(error) : Effect.succeed(chunk.subarray(known.length))
    })
  })

const againOf = (
  call: Call,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<HttpClientResponse, HttpClientError> => {
  const { clock, head, renew, self: { caching } } = call
  const { "if-range": _, range: __, ...fields } = head.fields
  const anew = {
    ...call,
    request,
    head: { ...head, fields },
    startedAt: clock.currentTimeMillisUnsafe(),
    own: undefined
  }
  return Effect.provideService(renew(anew), Caching, caching)
}

/** Without a validator, a part could be one of another version than the parts that its caller has already. */
const isSame = ({ fields, status }: Variant, response: HttpClientResponse, isPart: boolean): boolean =>
  response.status === status &&
  !(isPart && fields["etag"] === undefined && fields["last-modified"] === undefined) &&
  ["etag", "last-modified", "content-type", "content-encoding", "content-length"].every((name) =>
    response.headers[name] === fields[name]
  )

/** Ends a body that no one reads, so that its connection is free. That of a handler has not begun. */
export const discard = (
  { self: { context, maxLoadMillis: patience = http.maxLoadMillis, scope } }: Call,
  response: HttpClientResponse
): void => {
  if (scope === "server") return
  // The connection can be used again if the end is among these chunks.
  const first = Stream.take(Response.bodyOf(response), 16)
  Effect.runForkWith(context)(Effect.exit(Effect.timeoutOption(Stream.runDrain(first), patience)))
}

const held = (arrival: Arrival, body: Response.Body): Response.Body => {
  let isWaiting = true
  arrival.waiting++
  if (arrival.hasBegun) arrival.readOn()
  return Stream.suspend(() => {
    if (isWaiting) arrival.waiting--
    isWaiting = false
    return body
  })
}

/** Registers a body that arrives, and forgets those that no caller has begun to read for too long. */
export const arrive = (call: Call, variant: Variant, response: HttpClientResponse): Arrival => {
  const { clock, self: { arriving, context, maxBody, maxLoadMillis, timeoutMillis } } = call
  const patience = timeoutMillis ?? maxLoadMillis ?? http.maxLoadMillis
  const now = clock.currentTimeMillisUnsafe()
  let isRead = false
  let left = maxBody
  const arrival: Arrival = {
    response,
    until: now + patience,
    hasBegun: false,
    waiting: 0,
    readOn: (toEnd = false) => {
      const isWanted = () => left >= 0 && (toEnd || arrival.waiting > 0)
      if (isRead || !isWanted()) return
      isRead = true
      const rest = Stream.takeWhile(bodyStream(call, variant, arrival), ({ length }) => {
        left -= length
        return isRead = isWanted()
      })
      // `Stream.timeout` would join the body a turn later, when the reader that starts this one may have left.
      const hanging: Effect.Effect<void> = Effect.suspend(() => {
        const before = left
        return Effect.flatMap(Effect.sleep(patience), () => left === before ? Effect.void : hanging)
      })
      Effect.runForkWith(context)(Effect.raceFirst(Effect.ignore(Stream.runDrain(rest)), hanging))
    }
  }
  arriving.set(variant.id, arrival)
  // The oldest is first.
  for (const [id, one] of arriving) {
    if (now < one.until) break
    arriving.delete(id)
    if (!one.hasBegun) discard(call, one.response)
  }
  return arrival
}

/** Reads a body whose caller has got a `304` in its place. That of a handler need not be read. */
export const readAlone = ({ self: { arriving, scope } }: Call, { id }: Variant): void => {
  if (scope !== "server") arriving.get(id)?.readOn(true)
}

/** Whether the body of a stored response can be served, if there is one: it lies there, or it is arriving. */
export const isComplete = (call: Call, variant: Variant | undefined): Effect.Effect<boolean, never, Caching> =>
  variant === undefined || bytesOf(call, variant) !== undefined || call.head.method === "HEAD" ||
    call.self.arriving.has(variant.id)
    ? complete
    : Effect.map(Effect.exit(Stream.runHead(bodyStream(call, variant, undefined))), (exit) => {
      if (Exit.isFailure(exit)) return false
      const first = Option.getOrUndefined(exit.value)
      if (first !== undefined && first.length === lengthOf(variant.fields)) hold(call, variant, first)
      return true
    })

const complete = Effect.succeed(true)

/** The announced length. An encoded body may have been decoded by the client, so its length says nothing. */
export const lengthOf = (fields: Fields): number | undefined =>
  fields["content-encoding"] === undefined ? secondsOf(fields["content-length"]) : undefined

/** The body as one run for all that read it, stored once it has arrived completely. */
export const bodyStream = (
  { request, self }: Call,
  variant: Variant,
  arrival: Arrival | undefined
): Response.Body => {
  const failed = (cause: unknown, description = "the body cannot be read"): HttpClientError => {
    const parts = { request, url: "", status: variant.status, fields: {}, cookies: [] }
    const response = arrival?.response ?? Response.make(parts, empty)
    return new HttpClientError({ reason: new DecodeError({ request: response.request, response, cause, description }) })
  }
  const origin = arrival === undefined
    ? Stream.suspend(() => Stream.fail(failed(gone, "the stored body is gone")))
    : measured(once(arrival, failed), lengthOf(variant.fields), () => failed(undefined, "the body was cut short"))
  const ended = Effect.sync(() => void self.arriving.delete(variant.id))
  const cached: Stream.Stream<Uint8Array, HttpClientError | StreamCut | StreamLagged, Caching> = Cached.stream(
    Stream.ensuring(origin, ended),
    new Body({ id: variant.id }),
    {
      ttl: Math.max(1, usableMillis(variant, self.keepMillis)),
      maxTtl: Infinity,
      maxBytes: self.maxBody,
      // It then loads the resource itself.
      ...{ [lagMillis]: http.lagMillis },
      // Each part of a body is waited for as long as for the fields.
      maxLoad: self.timeoutMillis ?? self.maxLoadMillis,
      shareLoad: false,
      inherit: self.inherit
    }
  )
  const body = cached.pipe(
    Stream.mapError((error) => error._tag === "HttpClientError" ? error : failed(error)),
    Stream.provideService(Caching, self.caching)
  )
  // A body that cannot be loaded again is read whatever the policy. It never changes.
  return Stream.suspend(() => arrival === undefined || arrival.hasBegun ? readingAll(body) : body)
}

/** The body of a response, which can be read only once: a second run would find a part of it, or nothing. */
const once = (
  arrival: Arrival,
  failed: (cause: unknown, description: string) => HttpClientError
): Response.Body =>
  Stream.suspend(() => {
    if (arrival.hasBegun) return Stream.fail(failed(gone, "the reader of the body has left before its end"))
    arrival.hasBegun = true
    arrival.readOn()
    return Response.bodyOf(arrival.response)
  })

/** Fails unless the stream has the length that was announced. */
const measured = <E>(
  stream: Stream.Stream<Uint8Array, E>,
  length: number | undefined,
  short: () => E
): Stream.Stream<Uint8Array, E> =>
  length === undefined ? stream : Stream.suspend(() => {
    let left = length
    const counted = Stream.map(stream, (chunk) => {
      left -= chunk.length
      return chunk
    })
    return Stream.concat(counted, Stream.suspend(() => left === 0 ? Stream.empty : Stream.fail(short())))
  })
