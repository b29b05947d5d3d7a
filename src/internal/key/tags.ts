/** The tags of keys: that of their class, those of its indexes, and the class's own. */
import { type Fields, has, type Property } from "./canonical.ts"
import { idOfString, limit } from "./id.ts"
import type { KeyInfo } from "./info.ts"
import { configError, encoder } from "./payload.ts"

export interface TagOptions {
  readonly indexes?: ReadonlyArray<PropertyKey> | undefined
  readonly tags?: ReadonlyArray<string> | ((payload: never) => ReadonlyArray<string>) | undefined
}

export interface KeyTags {
  readonly info: Pick<KeyInfo, "tag" | "structuralTags" | "ownTags" | "indexTag">
  /** the tags of its indexes, then the class's own */
  readonly declared: TagsOf
}

type TagsOf = (key: object) => ReadonlyArray<string>

const always = (tags: ReadonlyArray<string>): TagsOf => {
  const frozen = Object.freeze(tags)
  return () => frozen
}

export const keyTags = (name: string, options: TagOptions, properties: ReadonlyArray<Property>): KeyTags => {
  // Without fingerprint: what is invalidated is invalidated in every version of the class.
  const tag = `~${name}`
  const indexes = options.indexes?.map(String) ?? []
  const indexTag = (field: string, value: unknown): string => {
    const index = indexes.includes(field) ? properties.find((property) => property.name === field) : undefined
    if (index === undefined) throw configError(name, `"${field}" is not one of its \`indexes\``)
    const fields = value === undefined && index.optional ? {} : { [field]: value }
    return limit(`~${name}:${field}=`, encoder(name, [index])(fields))
  }
  const ownTags = own(options)
  const indexTags: TagsOf = (key) => indexes.map((field) => indexTag(field, valueOf(key as Fields, field)))
  return {
    info: {
      tag,
      structuralTags: indexes.length === 0 ? always([tag]) : (key) => [tag, ...indexTags(key)],
      ownTags,
      indexTag
    },
    declared: indexes.length === 0 ? ownTags : (key) => [...indexTags(key), ...ownTags(key)]
  }
}

const own = ({ tags }: TagOptions): TagsOf =>
  typeof tags === "function"
    ? (key) => tags(key as never).map(idOfString)
    : always((tags ?? []).map(idOfString))

/** What every object inherits is no value of a field. */
const valueOf = (fields: Fields, name: string): unknown => has(fields, name) ? fields[name] : undefined
