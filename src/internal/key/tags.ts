/** Derives the tags of a key: those of its class and of the class's indexes, and those that the class declares. */
import { isListOfText } from "../options/options.ts"
import { type Fields, has, type Property } from "./canonical.ts"
import { escapeGiven, idOfString, limit } from "./id.ts"
import type { KeyInfo } from "./info.ts"
import { configError, encoder } from "./payload.ts"
import { string } from "./text.ts"

export interface TagOptions {
  readonly indexes?: ReadonlyArray<PropertyKey | ReadonlyArray<PropertyKey>> | undefined
  readonly tags?: ReadonlyArray<string> | ((payload: never) => ReadonlyArray<string>) | undefined
}

interface KeyTags {
  readonly info: Pick<KeyInfo, "tag" | "structuralTags" | "ownTags" | "indexTagOf">
  readonly declared: TagsOf
}

type TagsOf = (key: object) => ReadonlyArray<string>

const always = (tags: ReadonlyArray<string>): TagsOf => {
  const frozen = Object.freeze(tags)
  return () => frozen
}

/** Copies the fields of `input` to `self`. If `of` is given, copies only the fields that `of` has. */
export type Assign = (self: Record<string, unknown>, input: unknown, of?: object) => void

export const keyTags = (
  name: string,
  options: TagOptions,
  properties: ReadonlyArray<Property>,
  assign: Assign
): KeyTags => {
  // The tag omits the fingerprint, because an invalidation must reach every version of the class.
  const tag = `~${name}`
  const indexes = (options.indexes ?? []).map((index) => makeIndex(name, fieldsOf(index), properties))
  const ownTags = own(name, options)
  const indexTags: TagsOf = (key) => indexes.map((index) => index.tag(key as Fields))
  return {
    info: {
      tag,
      structuralTags: indexes.length === 0 ? always([tag]) : (key) => [tag, ...indexTags(key)],
      ownTags,
      indexTagOf: tagOfWhere(name, indexes, assign)
    },
    declared: indexes.length === 0 ? ownTags : (key) => [...indexTags(key), ...ownTags(key)]
  }
}

const own = (name: string, { tags }: TagOptions): TagsOf => {
  if (typeof tags !== "function") return always((tags ?? []).map(idOfString))
  const of = ` of ${name}`
  return (key) => escapeGiven(tags(key as never), of)
}

interface Index {
  readonly fields: ReadonlyArray<string>
  readonly tag: (values: Fields) => string
}

const fieldsOf = (index: PropertyKey | ReadonlyArray<PropertyKey>): ReadonlyArray<string> =>
  (Array.isArray(index) ? index : [index]).map(String).sort()

/** Encodes a list of field names. Each is preceded by its length, because a name may contain any character. */
const setText = (fields: ReadonlyArray<string>): string => fields.map(string).join("")

const makeIndex = (name: string, fields: ReadonlyArray<string>, properties: ReadonlyArray<Property>): Index => {
  const texts = fields.map((field) => valueText(name, properties.find((property) => property.name === field)!))
  const [first, ...others] = texts
  // No field name begins with `~`, so the tag of a combination never equals that of a single field.
  if (others.length === 0) return { fields, tag: (values) => limit(`~${name}:${fields[0]}=`, first!(values)) }
  const set = setText(fields)
  return { fields, tag: (values) => limit(`~${name}:~`, `${set}=${texts.map((text) => text(values)).join("")}`) }
}

const valueText = (name: string, property: Property): (values: Fields) => string => {
  const encode = encoder(name, [property])
  return (values) => {
    // Ignores a property that every object inherits, because it is not a field's value.
    const value = has(values, property.name) ? values[property.name] : undefined
    return encode(value === undefined && property.optional ? {} : { [property.name]: value })
  }
}

const tagOfWhere = (name: string, indexes: ReadonlyArray<Index>, assign: Assign): KeyInfo["indexTagOf"] => {
  const bySet = new Map(indexes.map((index) => [setText(index.fields), index]))
  return (where) => {
    const fields = Object.keys(where).sort()
    if (fields.length === 0) {
      throw configError(name, "no field is given. To invalidate every key of the class use { all }")
    }
    const index = bySet.get(setText(fields))
    if (index !== undefined) {
      const values = {}
      assign(values, where, where)
      return index.tag(values)
    }
    const declared = indexes.map((index) => listed(index.fields)).join(", ")
    throw configError(
      name,
      `there is no index over exactly ${listed(fields)}; it declares ${declared || "none"}: ` +
        `add ${JSON.stringify(fields)} to its \`indexes\``
    )
  }
}

const listed = (fields: ReadonlyArray<string>): string =>
  fields.length === 1 ? JSON.stringify(fields[0]) : JSON.stringify(fields)

export const checkTags = (
  name: string,
  options: TagOptions & { readonly ignore?: ReadonlyArray<PropertyKey> | undefined },
  fields: object
): void => {
  const tags: unknown = options.tags ?? []
  if (typeof tags !== "function" && !isListOfText(tags)) {
    throw configError(name, "`tags` is neither a list of strings nor a function that returns one")
  }
  const indexes: unknown = options.indexes ?? []
  if (!Array.isArray(indexes)) throw configError(name, "`indexes` is not a list of fields")
  const ignored = options.ignore?.map(String) ?? []
  const seen = new Set<string>()
  for (const index of indexes.map(fieldsOf)) {
    const stranger = index.find((field) => !Object.hasOwn(fields, field))
    const both = index.find((field) => ignored.includes(field))
    const twice = index.find((field, i) => index.indexOf(field) !== i)
    const set = setText(index)
    if (index.length === 0) throw configError(name, "`indexes` names a combination of no fields")
    if (stranger !== undefined) throw configError(name, `\`indexes\` names "${stranger}", which is not a field`)
    if (both !== undefined) throw configError(name, `the field "${both}" cannot be both ignored and an index`)
    if (twice !== undefined) throw configError(name, `\`indexes\` names "${twice}" twice in one combination`)
    if (seen.has(set)) {
      throw configError(name, `\`indexes\` declares ${listed(index)} twice`)
    }
    seen.add(set)
  }
}
