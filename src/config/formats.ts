/** The serializers that a URL or a variable can name. Each is imported when a layer is built. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Serializer from "../Serializer.ts"
import type { Format, formats } from "./readings.ts"

const modules: { readonly [Name in typeof formats[number]]: () => Promise<Serializer.Serializer> } = {
  json: async () => (await import("../serializers/Json.ts")).Json,
  indentedJson: async () => (await import("../serializers/IndentedJson.ts")).IndentedJson,
  yaml: async () => (await import("../serializers/Yaml.ts")).Yaml,
  cbor: async () => (await import("../serializers/Cbor.ts")).Cbor,
  binary: async () => (await import("../serializers/Binary.ts")).Binary,
  structured: async () => (await import("../serializers/Structured.ts")).Structured,
  text: async () => (await import("../serializers/Text.ts")).Text,
  bytes: async () => (await import("../serializers/Bytes.ts")).Bytes,
  csv: async () => (await import("../serializers/Csv.ts")).Csv,
  ndjson: async () => (await import("../serializers/Ndjson.ts")).Ndjson,
  parquet: async () => (await import("../serializers/Parquet.ts")).Parquet
}

/** The serializer of a format. Throws a `CacheConfigError` if it needs a package that is missing. */
export const serializerOf = async (format: string, compress?: Format["compress"]): Promise<Serializer.Serializer> => {
  const named = await modules[format as keyof typeof modules]()
  // Makes a codec only to find out whether a package is missing.
  if (format === "yaml" || format === "cbor" || format === "parquet") named.make(undefined)
  if (compress === undefined) return named
  const { make } = await import("../serializers/Compressed.ts")
  return make(named, { algorithm: compress })
}

/** The serializer of a layer, if one is named. Throws a `CacheConfigError` if it needs a package that is missing. */
export const formatted = async (
  { compress, format }: Format,
  isForPeople: boolean
): Promise<Layer.Layer<never> | undefined> => {
  if (compress === undefined && format === undefined) return undefined
  const named = format === undefined ? undefined : await serializerOf(format)
  if (compress === undefined) return Layer.succeed(Serializer.Serializer, named!)
  const { make } = await import("../serializers/Compressed.ts")
  const usual = isForPeople ? await modules.indentedJson() : undefined
  return Layer.effect(
    Serializer.Serializer,
    Effect.map(Serializer.Serializer, (provided) => {
      const inner = named ?? (provided === Serializer.Serializer.defaultValue() ? usual ?? provided : provided)
      return make(inner, { algorithm: compress })
    })
  )
}
