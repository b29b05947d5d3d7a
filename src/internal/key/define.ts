/** Defines key classes. */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Persistable from "effect/persistence/Persistable"
import * as PrimaryKey from "effect/PrimaryKey"
import * as Request from "effect/Request"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import type { Serializer } from "../../ports/serializer.ts"
import type * as Ttl from "../../Ttl.ts"
import { isSerializer } from "../codec/isSerializer.ts"
import { hasPart, isOpen } from "../codec/schemaParts.ts"
import { mistake, noOption, positiveMillis, requireObject, unknownOf } from "../options/options.ts"
import { type Fields, has } from "./canonical.ts"
import { isClass } from "./declaration.ts"
import { byteLength, limit } from "./id.ts"
import { type AnyCodec, type KeyInfo, optionsOfClass } from "./info.ts"
import { isKey, keyTypeId } from "./isKey.ts"
import { remembering } from "./knownIds.ts"
import { copyChecked, ownParts } from "./ownParts.ts"
import { compileFields, configError, encoder } from "./payload.ts"
import { noteClass } from "./sameIds.ts"
import { settling } from "./settle.ts"
import { fingerprint, opaqueType, walk } from "./structure.ts"
import { type Assign, checkTags, keyTags, type TagOptions } from "./tags.ts"
import { type Ids, idsOf } from "./template/templates.ts"

const follow = { suspended: "follow" } as const

interface Options extends TagOptions {
  readonly payload?: Schema.Struct.Fields | undefined
  readonly success: Schema.Constraint
  readonly error?: Schema.Constraint | undefined
  readonly ignore?: ReadonlyArray<PropertyKey> | undefined
  readonly version?: string | undefined
  readonly id?: unknown
  readonly serializer?: Serializer | undefined
  readonly maxLoad?: Ttl.Input | undefined
  readonly unambiguous?: boolean | undefined
}

interface Key {
  readonly "~id": string
}

export const define = (name: string, options: Options): new(input: unknown) => Key => {
  checkOptions(name, options)
  const fields = options.payload ?? {}
  const success = options.success
  const error = options.error ?? Schema.Never
  const payload = Schema.Struct(fields)
  const relevant = Object.fromEntries(Object.entries(fields).filter(([field]) => !options.ignore?.includes(field)))
  const template = options.id === undefined ? undefined : idsBy(name, options.id, relevant)
  const properties = compileFields(name, template === undefined ? relevant : tagged(relevant, options))
  const parts = [...Object.entries(relevant), ["success", success], ["error", error]] as const
  if (options.version === undefined) refuseOpaque(name, parts, { suspended: "skip" })

  // Called lazily, because the fingerprint walks three schemas, which may refer to classes defined later (`suspend`).
  const prefixOf = (): string => {
    if (options.version === undefined) refuseOpaque(name, parts, follow)
    const version = fingerprint([Schema.Struct(relevant), success, error], options.version, template?.text)
    // `join` makes a flat string. A template literal would make a rope, which every id would flatten again.
    const text = ["~", name, "@", version, ":"].join("")
    noteClass(text, info)
    return text
  }
  let known: string | undefined
  const prefix = (): string => known ??= prefixOf()
  const encode = template?.encode ?? encoder(name, properties)
  const codecs = { success: success as AnyCodec, error: error as AnyCodec }
  const assign = assigner(name, fields, relevant)
  const tags = keyTags(name, options, properties, assign)
  let isUndescribed: boolean | undefined
  const info: KeyInfo = {
    name,
    prefix,
    definedAt: new Error(name),
    metBy: 0,
    payload,
    ...codecs,
    serializer: options.serializer,
    maxLoadMillis: options.maxLoad === undefined ? undefined : positiveMillis("maxLoad", options.maxLoad),
    unambiguous: options.unambiguous === true,
    isUndescribed: () =>
      isUndescribed ??= hasPart(success.ast, isOpen) || opaqueType(success.ast, follow) !== undefined,
    hasError: options.error !== undefined,
    ...tags.info
  }
  const decode = Schema.decodeUnknownEffect(payload)

  const makeId = (fields: Fields) => limit(prefix(), encode(fields))
  const idOf = template === undefined ? remembering(properties, makeId) : makeId
  const names = Object.keys(relevant)

  class KeyClass {
    #id: string | undefined
    #own: KeyClass | undefined
    static readonly keyName = name
    static readonly payload = payload
    static readonly success = success
    static readonly error = error
    // A getter, so that `Weather.decode` can be passed around as a function without losing its class.
    static get decode() {
      return (input: unknown, options?: SchemaAST.ParseOptions) =>
        Effect.map(decode(input, options), (fields) => new this(fields))
    }

    constructor(input: unknown) {
      if (input !== toCopy) assign(this as Record<string, unknown>, input)
    }

    get "~id"(): string {
      // A proxy of an instance, or an object derived from one, has no private field.
      return #id in this ? this.#id ??= idOf(this as never) : idOf(this as never)
    }
    /** The key with a payload of its own, which its caller cannot change. It stays the same once it has been read. */
    get "~own"(): KeyClass {
      if (!(#id in this)) return this
      return this.#own ??= copyChecked<KeyClass>(name, this, idOf)
    }
    /** A copy of the key. The key itself, if nothing in its payload is mutable. */
    "~copy"(): KeyClass {
      const parts = ownParts(names, this as never)
      if (parts === undefined) return this
      const copy = Object.assign(Object.setPrototypeOf(new KeyClass(toCopy), Object.getPrototypeOf(this)), this, parts)
      copy.#id = this["~id"]
      copy.#own = copy
      return Object.isFrozen(this) ? Object.freeze(copy) : copy
    }
    get "~tags"(): ReadonlyArray<string> {
      return tags.declared(this)
    }
    get "~class"(): KeyInfo {
      return info
    }
    [PrimaryKey.symbol](): string {
      return this["~id"]
    }
    [Equal.symbol](that: unknown): boolean {
      return isKey(that) && this["~id"] === that["~id"]
    }
    [Hash.symbol](): number {
      return Hash.string(this["~id"])
    }
  }
  addMembers(KeyClass.prototype, {
    [keyTypeId]: variance,
    [requestTypeId]: requestVariance,
    [Persistable.symbol]: { success, error }
  })
  return KeyClass
}

/** Keeps only the fields of the class's indexes: with an id template, no other field needs a canonical form. */
const tagged = (fields: Schema.Struct.Fields, { indexes = [] }: Options): Schema.Struct.Fields => {
  const used = new Set(indexes.flatMap((index) => Array.isArray(index) ? index.map(String) : [String(index)]))
  return Object.fromEntries(Object.entries(fields).filter(([field]) => used.has(field)))
}

const idsBy = (name: string, template: unknown, fields: Schema.Struct.Fields): Ids => {
  const make = idsOf(template)
  if (make === undefined) throw configError(name, "`id` is not a template: pass one from CacheKey.template")
  return make(name, Object.keys(fields))
}

/** The constructor's parameter for a key that gets the fields of another key. */
const toCopy = {}

const addMembers = (target: object, members: { readonly [name: string]: unknown }): void => {
  for (const [name, value] of Object.entries(members)) Object.defineProperty(target, name, { value })
}

const variance = { _A: (_: never) => _, _E: (_: never) => _, _R: (_: never) => _ }

const requestTypeId = "~effect/Request"
const requestVariance = (Request.RequestPrototype as unknown as Record<string, unknown>)[requestTypeId]

const namePattern = /^[\p{L}\p{N}_$./-]+$/u
const maxNameBytes = 100

const checkOptions = (name: string, options: Options): void => {
  if (typeof name !== "string") throw mistake("CacheKey.Class needs a name first, and then the options")
  if (!namePattern.test(name) || byteLength(name) > maxNameBytes) {
    throw configError(name, "a name has 1 to 100 bytes of letters, digits and _ $ . / -")
  }
  requireObject(`CacheKey.Class("${name}")`, options, "{ payload: { id: Schema.Int }, success: Schema.String }")
  const unknown = unknownOf(options, optionsOfClass)
  if (unknown !== undefined) throw configError(name, `there is ${noOption(unknown, optionsOfClass)}`)
  const fields = options.payload ?? {}
  if (typeof fields !== "object" || Schema.isSchema(fields)) {
    throw configError(name, "`payload` takes fields, like { id: Schema.Int } or the `.fields` of a struct")
  }
  if (options.version !== undefined && typeof options.version !== "string") {
    throw configError(name, "`version` is not a string")
  }
  if (!Array.isArray(options.ignore ?? [])) throw configError(name, "`ignore` is not a list of fields")
  for (const field of Reflect.ownKeys(fields)) checkField(name, field, fields[field])
  if (!Schema.isSchema(options.success)) throw configError(name, "`success` is not a schema")
  if (options.error !== undefined && !Schema.isSchema(options.error)) throw configError(name, "`error` is not a schema")
  if (options.serializer !== undefined && !isSerializer(options.serializer)) {
    throw configError(name, "`serializer` is not a serializer: pass one, like Csv")
  }
  if (typeof (options.unambiguous ?? false) !== "boolean") throw configError(name, "`unambiguous` is not a boolean")
  const stranger = options.ignore?.find((field) => !Object.hasOwn(fields, field))
  if (stranger !== undefined) throw configError(name, `\`ignore\` names "${String(stranger)}", which is not a field`)
  checkTags(name, options, fields)
}

const checkField = (name: string, field: PropertyKey, schema: unknown): void => {
  if (typeof field === "symbol") throw configError(name, `the field ${String(field)} must be named by a string`)
  const text = String(field)
  if (text.startsWith("~") || text === "__proto__") throw configError(name, `a field cannot be named "${text}"`)
  if (!Schema.isSchema(schema)) throw configError(name, `the field "${text}" is not a schema`)
}

const refuseOpaque = (
  name: string,
  parts: ReadonlyArray<readonly [part: string, schema: Schema.Constraint]>,
  options: { readonly suspended: "follow" | "skip" }
): void => {
  for (const [part, schema] of parts) {
    const type = opaqueType(schema.ast, options)
    if (type === undefined) continue
    throw configError(
      name,
      `"${part}" contains "${type}", a declared type without \`representation\`, so a change of it would not change ` +
        "the ids: annotate it with one, or raise the `version` of the class with every change"
    )
  }
}

/** Applies defaults, constructs class instances and normalizes fields: all, or only those that `of` has. */
const assigner = (name: string, fields: Schema.Struct.Fields, relevant: Schema.Struct.Fields): Assign => {
  const names = Object.keys(fields)
  // Created lazily, because schemas behind `suspend` may not be defined yet.
  let makers: ReadonlyArray<Maker> | undefined
  return (self, input, of) => {
    if (names.length === 0) return
    makers ??= names.map((field) => maker(name, field, fields[field]!, field in relevant))
    const given = (input ?? {}) as Fields
    for (let i = 0; i < makers.length; i++) if (of === undefined || has(of, names[i]!)) makers[i]!(self, given)
  }
}

type Maker = (self: Record<string, unknown>, input: Fields) => void

const maker = (name: string, field: string, schema: Schema.Constraint, isRelevant: boolean): Maker => {
  const { classes, defaults, transforms } = construction(schema.ast)
  const make = defaults ? made(name, field, schema) : classes ? instances(name, field, schema) : copied(field, schema)
  if (!transforms || !isRelevant) return make
  const settle = settling(name, field, schema)
  return (self, input) => {
    make(self, input)
    if (self[field] !== undefined) self[field] = settle(self[field])
  }
}

const copied = (field: string, schema: Schema.Constraint): Maker =>
  SchemaAST.isOptional(schema.ast)
    ? (self, input) => {
      if (has(input, field)) self[field] = input[field]
    }
    : (self, input) => {
      self[field] = input[field]
    }

/** Keeps a valid instance. Effect's constructor would convert it to an instance of the first class in a union. */
const instances = (name: string, field: string, schema: Schema.Constraint): Maker => {
  const is = SchemaParser.is(schema)
  const make = made(name, field, schema)
  return (self, input) => {
    if (has(input, field) && is(input[field])) self[field] = input[field]
    else make(self, input)
  }
}

const made = (name: string, field: string, schema: Schema.Constraint): Maker => {
  const make = SchemaParser.make(Schema.Struct({ [field]: schema }))
  return (self, input) => {
    // The object has no prototype, because Effect would take an inherited property for a field.
    const given = Object.create(null) as Record<string, unknown>
    if (has(input, field)) given[field] = input[field]
    try {
      Object.assign(self, make(given, { disableChecks: true }))
    } catch (error) {
      throw configError(name, `the field "${field}" cannot be made: ${issueOf(error)}`)
    }
  }
}

const formatIssue = SchemaIssue.makeFormatterDefault()

const issueOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined
  return SchemaIssue.isIssue(cause) ? formatIssue(cause) : String(error)
}

/** Finds what constructing a value of this schema involves: defaults, class instances, or transformations. */
const construction = (ast: SchemaAST.AST) => {
  const found = { defaults: false, classes: false, transforms: false }
  const visit = (node: SchemaAST.AST) => {
    const ofClass = node._tag === "Declaration" && isClass(node)
    found.defaults ||= node.context?.constructorDefault !== undefined
    found.classes ||= ofClass
    // A class alone does not count as a transformation, because it only creates instances.
    found.transforms ||= node.encoding !== undefined && !ofClass
  }
  walk(ast, { suspended: "follow", visit })
  return found
}
