/**
 * A small server of objects, as Amazon documents S3: buckets, conditions of writes, lists in pages, and signatures of
 * version 4, which it computes itself. Tests reach it without a network, or on the loopback.
 */
import { Effect } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { createHash, createHmac } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"

export interface Asked {
  readonly method: string
  /** The path and the query, as they were sent. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface Given {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

interface Stored {
  readonly body: Uint8Array
  readonly etag: string
  /** When it was written. Now, if a test has put it there. */
  readonly at?: number
}

export interface S3 {
  readonly bucket: string
  readonly objects: Map<string, Stored>
  /** The secrets of keys, by the names of the keys. A session token, if one is needed, follows after a colon. */
  readonly keys: Map<string, string>
  /** All that was asked, without the probe of a store that opens. */
  readonly asked: Array<string>
  /** Answers in place of the server, if it returns something. */
  before: (asked: Asked) => Given | undefined
  /** Replaces the answer to what was carried out, if it returns something. */
  after: (asked: Asked) => Given | undefined
  /** Whether conditions of writes are honoured, ignored or refused. */
  conditions: "honoured" | "ignored" | "refused"
  /** The same for those of deletions, which fewer servers know. */
  deletions: "honoured" | "ignored" | "refused"
  region: string
  /** How far its clock is ahead of `now`. */
  aheadMillis: number
  now: () => number
  pageSize: number
  readonly handle: (asked: Asked) => Given
}

export const key = { accessKeyId: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" }

const hex = (body: Uint8Array | string) => createHash("sha256").update(body).digest("hex")
const hmac = (secret: Uint8Array | string, text: string) => createHmac("sha256", secret).update(text).digest()

const escapeXml = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

const strict = (text: string) =>
  Array.from(new TextEncoder().encode(text), (byte) => {
    const char = String.fromCharCode(byte)
    return /[\w.~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
  }).join("")

export const refuse = (status: number, code: string, more = "", headers: Record<string, string> = {}): Given => ({
  status,
  headers,
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message>${more}</Error>`
})

/** Checks a signature as its documentation says, from what was sent. */
const signatureFault = (s3: S3, { body, headers, method, target }: Asked): Given | undefined => {
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
      .exec(headers["authorization"] ?? "")
  if (parts === null) return refuse(403, "AccessDenied")
  const [, id, day, region, names, signature] = parts as unknown as [string, string, string, string, string, string]
  if (region !== s3.region) return refuse(400, "AuthorizationHeaderMalformed", `<Region>${s3.region}</Region>`)
  const [secret, token] = (s3.keys.get(id) ?? "").split(":")
  if (!secret) return refuse(403, "InvalidAccessKeyId", `<AWSAccessKeyId>${id}</AWSAccessKeyId>`)
  if (secret === "expired") return refuse(400, "ExpiredToken")
  if ((headers["x-amz-security-token"] ?? undefined) !== token) return refuse(400, "InvalidToken")
  const date = headers["x-amz-date"] ?? ""
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)!.map(Number)
  const at = Date.UTC(y!, mo! - 1, d, h, mi, s)
  const signed = names.split(";")
  const needed = ["host", "x-amz-content-sha256", "x-amz-date"]
  for (const name of Object.keys(headers)) if (name.startsWith("x-amz-") || name.startsWith("if-")) needed.push(name)
  if (!needed.every((name) => signed.includes(name)) || !date.startsWith(day)) return refuse(403, "AccessDenied")
  const [path, query = ""] = target.split("?") as [string, string?]
  const search = query.split("&").filter((one) => one !== "").map((one) => {
    const [name, value = ""] = one.split("=").map(decodeURIComponent) as [string, string?]
    return [strict(name), strict(value)]
  }).sort(([a], [b]) => a! < b! ? -1 : 1).map((one) => one.join("=")).join("&")
  const hash = headers["x-amz-content-sha256"]!
  if (hash !== "UNSIGNED-PAYLOAD" && hash !== hex(body)) return refuse(400, "XAmzContentSHA256Mismatch")
  const canonical = [
    method,
    path.split("/").map((name) => strict(decodeURIComponent(name))).join("/"),
    search,
    ...signed.map((name) => `${name}:${headers[name]!.trim()}`),
    "",
    signed.join(";"),
    hash
  ].join("\n")
  const scope = `${day}/${region}/s3/aws4_request`
  const signing = ["s3", "aws4_request"].reduce(hmac, hmac(hmac(`AWS4${secret}`, day), region) as Uint8Array)
  const expected = hmac(signing, ["AWS4-HMAC-SHA256", date, scope, hex(canonical)].join("\n")).toString("hex")
  if (expected !== signature) {
    return refuse(403, "SignatureDoesNotMatch", `<StringToSign>${escapeXml(canonical)}</StringToSign>`)
  }
  return Math.abs(at - s3.now() - s3.aheadMillis) > 15 * 60_000 ? refuse(403, "RequestTimeTooSkewed") : undefined
}

/** The names of a list, in their order, as they were when its first page was asked for: sorting them takes long. */
const sorted = new WeakMap<S3["objects"], Map<string, ReadonlyArray<string>>>()

const namesFor = (objects: S3["objects"], prefix: string, isFirst: boolean): ReadonlyArray<string> => {
  const lists = sorted.get(objects) ?? new Map<string, ReadonlyArray<string>>()
  sorted.set(objects, lists)
  const known = isFirst ? undefined : lists.get(prefix)
  const names = known ?? Array.from(objects.keys()).filter((name) => name.startsWith(prefix)).sort()
  lists.set(prefix, names)
  return names
}

/** The place of the first name that is greater. */
const placeAfter = (names: ReadonlyArray<string>, name: string): number => {
  let [low, high] = [0, names.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (names[middle]! <= name) low = middle + 1
    else high = middle
  }
  return low
}

const list = ({ now, objects, pageSize }: S3, query: URLSearchParams): Given => {
  const prefix = query.get("prefix") ?? ""
  const after = query.get("continuation-token") ?? ""
  const names = namesFor(objects, prefix, after === "")
  const from = placeAfter(names, after)
  const page = names.slice(from, from + pageSize)
  const more = names.length > from + page.length
  const contents = page.filter((name) => objects.has(name)).map((name) => {
    const { at = now(), body, etag } = objects.get(name)!
    return `<Contents><Key>${escapeXml(name)}</Key><LastModified>${new Date(at).toISOString()}</LastModified>` +
      `<ETag>${escapeXml(etag)}</ETag><Size>${body.length}</Size></Contents>`
  }).join("")
  const next = more ? `<NextContinuationToken>${escapeXml(page.at(-1)!)}</NextContinuationToken>` : ""
  return {
    status: 200,
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
      `<IsTruncated>${more}</IsTruncated>${next}${contents}</ListBucketResult>`
  }
}

const write = (s3: S3, name: string, { body, headers }: Asked): Given => {
  const ifMatch = headers["if-match"]
  const ifNoneMatch = headers["if-none-match"]
  if (s3.conditions === "refused" && (ifMatch ?? ifNoneMatch) !== undefined) return refuse(501, "NotImplemented")
  const present = s3.objects.get(name)
  if (s3.conditions === "honoured") {
    if (ifMatch !== undefined && present === undefined) return refuse(404, "NoSuchKey")
    if (ifMatch !== undefined && present?.etag !== ifMatch) return refuse(412, "PreconditionFailed")
    if (ifNoneMatch === "*" && present !== undefined) return refuse(412, "PreconditionFailed")
  }
  // Equal content has an equal ETag, as at Amazon.
  const etag = `"${createHash("md5").update(body).digest("hex")}"`
  s3.objects.set(name, { body: body.slice(), etag, at: s3.now() + s3.aheadMillis })
  return { status: 200, headers: { etag } }
}

const remove = ({ deletions, objects }: S3, name: string, { headers }: Asked): Given => {
  const ifMatch = headers["if-match"]
  if (deletions === "refused" && ifMatch !== undefined) return refuse(501, "NotImplemented")
  if (deletions === "honoured" && ifMatch !== undefined) {
    const present = objects.get(name)
    if (present === undefined) return refuse(404, "NoSuchKey")
    if (present.etag !== ifMatch) return refuse(412, "PreconditionFailed")
  }
  objects.delete(name)
  return { status: 204 }
}

const answer = (s3: S3, asked: Asked): Given => {
  const [path, query = ""] = asked.target.split("?") as [string, string?]
  const [, bucket, ...rest] = path.split("/").map(decodeURIComponent)
  const fault = signatureFault(s3, asked)
  if (fault !== undefined) return fault
  if (bucket !== s3.bucket) return refuse(404, "NoSuchBucket")
  const name = rest.join("/")
  if (name === "" && asked.method === "GET") return list(s3, new URLSearchParams(query))
  const present = s3.objects.get(name)
  switch (asked.method) {
    case "GET":
      if (present === undefined) return refuse(404, "NoSuchKey")
      return {
        status: 200,
        headers: { etag: present.etag, "last-modified": new Date(present.at ?? s3.now()).toUTCString() },
        body: present.body
      }
    case "PUT":
      return write(s3, name, asked)
    case "DELETE":
      return remove(s3, name, asked)
    default:
      return refuse(405, "MethodNotAllowed")
  }
}

export const make = (): S3 => {
  const s3: S3 = {
    bucket: "cache",
    objects: new Map(),
    keys: new Map([[key.accessKeyId, key.secret]]),
    asked: [],
    before: () => undefined,
    after: () => undefined,
    conditions: "honoured",
    deletions: "honoured",
    region: "us-east-1",
    aheadMillis: 0,
    now: Date.now,
    pageSize: 1000,
    handle: (asked) => {
      const isProbe = asked.target.includes("/probe/")
      if (!isProbe) s3.asked.push(`${asked.method}${asked.target.includes("list-type") ? " list" : ""}`)
      const given = s3.before(asked) ?? answer(s3, asked)
      return s3.after(asked) ?? given
    }
  }
  return s3
}

/** A client that reaches the server without a network. */
export const clientOf = (s3: S3): HttpClient.HttpClient =>
  HttpClient.make((request, url) =>
    Effect.sync(() => {
      const body = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array(0)
      const given = s3.handle({
        method: request.method,
        target: url.pathname + url.search,
        headers: { ...request.headers, host: url.host },
        body
      })
      const isEmpty = given.body === undefined || given.status === 204
      return HttpClientResponse.fromWeb(
        request,
        new Response(isEmpty ? null : given.body as BodyInit, { status: given.status, headers: { ...given.headers } })
      )
    })
  )

export interface Listening {
  readonly endpoint: string
  readonly port: number
  /** Cuts all connections. */
  readonly cut: () => void
  /** Cuts all connections, and refuses new ones until `start`. */
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
}

/**
 * Sees each request before it is handled. Returns `true` if it has answered it, has cut its connection, or calls
 * `handle` itself.
 */
export type Meddle = (
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
  handle: () => void
) => boolean

/** Serves on the loopback, on a free port. `cuts` says which connections end in the middle of a body. */
export const listen = async (
  s3: S3,
  meddle: Meddle = () => false,
  cuts?: (request: IncomingMessage) => boolean
): Promise<Listening> => {
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    const parts: Array<Buffer> = []
    request.on("error", () => {})
    request.on("data", (part: Buffer) => {
      parts.push(part)
      if (cuts?.(request) === true) request.socket.destroy()
    })
    request.on("end", () => {
      const body = new Uint8Array(Buffer.concat(parts))
      const handle = () => {
        const headers = Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name, String(value)])
        )
        const given = s3.handle({ method: request.method!, target: request.url!, headers, body })
        const date = new Date(s3.now() + s3.aheadMillis).toUTCString()
        response.writeHead(given.status, { date, ...given.headers })
        response.end(given.body)
      }
      if (!meddle(request, response, body, handle)) handle()
    })
  })
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  const start = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen(port, "127.0.0.1", resolve)
    })
  await start(0)
  const { port } = server.address() as AddressInfo
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    cut,
    endpoint: `http://127.0.0.1:${port}`,
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        cut()
      }),
    start: () => start(port)
  }
}
