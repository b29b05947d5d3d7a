/** Decodes stored values whose format needs no schema. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Meta, Stored } from "../CacheEntry.ts"
import type { Codec, Serializer } from "../Serializer.ts"
import { type Failure, misused } from "./failure.ts"

interface Format {
  readonly name: string
  readonly extension: string
  readonly isText?: true
  readonly load?: () => Promise<Serializer>
}

/** The formats by their numbers. Those without `load` need the schema of the value. */
const formats: { readonly [number: number]: Format } = {
  1: {
    name: "json",
    extension: ".json",
    isText: true,
    load: async () => (await import("../serializers/Json.ts")).Json
  },
  2: {
    name: "structured",
    extension: ".bin",
    load: async () => (await import("../serializers/Structured.ts")).Structured
  },
  3: { name: "binary", extension: ".bin" },
  4: { name: "stream", extension: ".json" },
  5: { name: "bytes", extension: ".bin", load: async () => (await import("../serializers/Bytes.ts")).Bytes },
  6: {
    name: "yaml",
    extension: ".yaml",
    isText: true,
    load: async () => (await import("../serializers/Yaml.ts")).Yaml
  },
  7: { name: "cbor", extension: ".cbor", load: async () => (await import("../serializers/Cbor.ts")).Cbor },
  8: { name: "csv", extension: ".csv", isText: true },
  9: { name: "ndjson", extension: ".ndjson", isText: true },
  10: { name: "parquet", extension: ".parquet" },
  11: {
    name: "text",
    extension: ".txt",
    isText: true,
    load: async () => (await import("../serializers/Text.ts")).Text
  },
  64: { name: "compressed", extension: ".bin" },
  65: { name: "signed", extension: ".signed" },
  66: { name: "encrypted", extension: ".enc" }
}

export const formatName = (number: number): string => formats[number]?.name ?? `serializer ${number}`

const tables = new Set([8, 9, 10])

/** The extension of a file with this payload. A page of a stream has the format of its elements if that has tables. */
export const extensionOf = ({ outcome, serializer }: Meta, isPage = false): string => {
  const isOther = isPage ? serializer < 64 && !tables.has(serializer) : serializer === 4 && outcome === "failure"
  return isOther ? ".bin" : formats[serializer]?.extension ?? ".bin"
}

/** Whether the payload is protected together with the versions of its tags, which another store does not have. */
export const isSealed = (number: number): boolean => number === 65 || number === 66

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The payload as text, if its format is a text and it is well-formed. */
export const textOf = ({ meta, payload }: Stored): string | undefined => {
  if (formats[meta.serializer]?.isText !== true) return undefined
  try {
    return utf8.decode(payload)
  } catch {
    return undefined
  }
}

export const keyFlag = Flag.String("key").pipe(
  Flag.withMetavar("ID=VARIABLE"),
  Flag.withDescription("The id of a key, and the environment variable with its secret, to read encrypted values"),
  Flag.atLeast(0)
)

type Keys = { readonly [id: string]: Redacted.Redacted<string> }

const keysOf = Effect.fnUntraced(function*(given: ReadonlyArray<string>): Effect.fn.Return<Keys, Failure> {
  const keys: Record<string, Redacted.Redacted<string>> = {}
  for (const text of given) {
    const at = text.lastIndexOf("=")
    const secret = process.env[text.slice(at + 1)]
    // The argument is not quoted: it may be the secret itself.
    if (at < 1 || secret === undefined) {
      return yield* Effect.fail(
        misused("--key needs the id of a key and the name of a variable that is set, like --key may=CACHE_KEY")
      )
    }
    const id = text.slice(0, at)
    if (Object.hasOwn(keys, id)) return yield* Effect.fail(misused(`--key names the key "${id}" twice`))
    keys[id] = Redacted.make(secret)
  }
  return keys
})

export type Decoded = { readonly _tag: "Value"; readonly value: unknown } | {
  readonly _tag: "No"
  readonly why: string
}

/** Decodes a value, or says why it is only shown in its stored form. */
export const decode = Effect.fnUntraced(function*(id: string, { meta, payload }: Stored, given: ReadonlyArray<string>) {
  const keys = yield* keysOf(given)
  const codec = yield* codecFor(meta.serializer, keys)
  if (typeof codec === "string") return { _tag: "No", why: codec } as Decoded
  return yield* codec.decode(payload, id, meta).pipe(
    Effect.map((value): Decoded => ({ _tag: "Value", value })),
    Effect.catch((error) => Effect.succeed<Decoded>({ _tag: "No", why: error.message }))
  )
})

const codecFor = Effect.fnUntraced(
  function*(number: number, keys: Keys): Effect.fn.Return<Codec<unknown> | string, Failure> {
    const [current] = Object.keys(keys)
    if (isSealed(number) && current === undefined) {
      return `it is ${formatName(number)}: give its key with --key ID=VARIABLE`
    }
    if (number === 4) return "it is a stream, whose elements are in pages"
    if (number < 64 && formats[number]?.load === undefined) {
      return `the format ${formatName(number)} needs the schema of the value`
    }
    if (number > 66) return "a serializer of the program wrote it"
    return yield* Effect.tryPromise({
      try: async () => {
        if (number < 64) return (await formats[number]!.load!()).make<unknown, never>(undefined)
        const Compressed = await import("../serializers/Compressed.ts")
        const inner = Compressed.make(await anyFormat())
        if (number === 64) return inner.make<unknown, never>(undefined)
        const options = { keys, current: current!, prolongable: true }
        return (number === 65
          ? (await import("../serializers/Signed.ts")).make(inner, options)
          : (await import("../serializers/Encrypted.ts")).make(inner, options)).make<unknown, never>(undefined)
      },
      catch: (error) => misused((error as Error).message)
    })
  }
)

/** A serializer that reads all formats without a schema whose packages are there. */
const anyFormat = async (): Promise<Serializer> => {
  const codecs = new Map<number, Codec<any, any>>()
  for (const { load } of Object.values(formats)) {
    try {
      const codec = (await load?.())?.make(undefined)
      if (codec !== undefined) codecs.set(codec.id, codec)
    } catch {
      // The package of this format is missing.
    }
  }
  return {
    name: "any",
    contentType: "application/octet-stream",
    extension: ".bin",
    make: () => ({ ...codecs.get(1)!, reads: (number) => codecs.get(number) })
  }
}
