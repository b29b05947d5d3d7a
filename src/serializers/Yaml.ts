/**
 * YAML for people to read and edit. It needs the package `yaml`.
 * @since 0.1.0
 */
import type * as YamlLibrary from "yaml"
import { exactly, installed } from "../internal/codec/exactly.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Serializer } from "../Serializer.ts"

type Library = typeof YamlLibrary
type Parsed = ReturnType<Library["parseDocument"]>

let loaded: Library | undefined
// Bundlers leave out a missing package whose import is in `try`: it is optional.
try {
  loaded = await import("yaml")
} catch {}

const name = "yaml"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

/** A document can choose neither another schema than `core`, whose tags are those of JSON, nor merge keys (`<<`). */
const options = {
  schema: "core",
  merge: false,
  resolveKnownTags: false,
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: "error"
} as const

/** Text of other characters is quoted, because YAML or UTF-8 would change it. */
const plainText = /^[\x20-\x7e\xa0-\u1fff\u2030-\ud7ff\ue000-\ufefe\uff00-\ufffc\n]*$/

// The library loses the space before the first of several lines.
const isPlain = (text: string): boolean => plainText.test(text) && !(text.includes("\n") && /^\s/.test(text))

/** Whether a document has no anchors, hence no aliases, and no collections as keys: they can be costly to read. */
const isTree = ({ isCollection, visit }: Library, document: Parsed): boolean => {
  let isOne = true
  const refuse = () => {
    isOne = false
    return visit.BREAK
  }
  visit(document, {
    Pair: (_, { key }) => isCollection(key) ? refuse() : undefined,
    Node: (_, node) => "anchor" in node && node.anchor !== undefined ? refuse() : undefined
  })
  return isOne
}

const formatOf = (library: Library): throughSchema.Format => ({
  name,
  id: 6,
  holds: "json",
  pack: (value) =>
    throughSchema.attempt(name, "encode", () => {
      const document = new library.Document(value, { ...options, aliasDuplicateObjects: false })
      library.visit(document, {
        Scalar(_, node) {
          if (typeof node.value === "string" && !isPlain(node.value)) node.type = "QUOTE_DOUBLE"
        }
      })
      return encoder.encode(document.toString({ lineWidth: 0, doubleQuotedAsJSON: true }))
    }, () => "the value has no YAML form, or is nested too deeply"),
  unpack: (bytes) =>
    throughSchema.attempt(name, "decode", () => {
      const document = library.parseDocument(decoder.decode(bytes), options)
      const { contents, errors, warnings } = document
      if (contents === null || errors.length + warnings.length > 0 || !isTree(library, document)) {
        throw new Error("other YAML")
      }
      return document.toJS() as unknown
    }, () => "these bytes are not YAML of JSON values")
})

const format = loaded && formatOf(loaded)

/**
 * The YAML serializer. With a schema, values are converted to the schema's JSON form. Without one, only JSON values and
 * the numbers that JSON lacks (`NaN`, `Infinity`, `-0`) are stored; any other value fails with a `SerializerError`.
 *
 * **Example** (Encoding a struct)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Yaml } from "effect-cached/serializers/Yaml"
 * const codec = Yaml.make(Schema.Struct({ city: Schema.String, zip: Schema.String }))
 * const bytes = Effect.runSync(codec.encode({ city: "Berlin", zip: "10115" }, "report"))
 * new TextDecoder().decode(bytes) // => 'city: Berlin\nzip: "10115"\n'
 * ```
 *
 * @category serializers
 * @since 0.1.0
 */
export const Yaml: Serializer = {
  name,
  contentType: "application/yaml",
  extension: ".yaml",
  make(schema) {
    const yaml = installed(format, name, "yaml")
    if (schema !== undefined) return throughSchema.make(yaml, schema)
    const rule = { number: () => true, prototype: (prototype: unknown) => prototype === Object.prototype }
    return throughSchema.withoutSchema(exactly(yaml, rule))
  }
}
