/** Encodes the fields of a key class as text. Its errors name the class and the field. */
import type * as Schema from "effect/Schema"
import type { CacheConfigError } from "../../CacheError.ts"
import { mistake } from "../options/options.ts"
import { byName, type Fields, join, makeCompile, type Property, property } from "./canonical.ts"
import { Mismatch, Refused } from "./text.ts"

export const configError = (name: string, problem: string): CacheConfigError =>
  mistake(`The key class "${name}": ${problem}`)

export const compileFields = (name: string, fields: Schema.Struct.Fields): ReadonlyArray<Property> => {
  const compile = makeCompile()
  const compileField = ([field, schema]: [string, Schema.Constraint]): Property => {
    try {
      return property(field, schema.ast, compile)
    } catch (error) {
      throw located(name, field, error)
    }
  }
  return Object.entries(fields).map(compileField).sort(byName)
}

export const encoder = (name: string, properties: ReadonlyArray<Property>): (fields: Fields) => string => {
  const encode = join(properties)
  return (fields) => {
    try {
      return encode(fields)
    } catch (error) {
      throw locate(name, properties, fields, error)
    }
  }
}

/** Finds the invalid field by encoding the fields one by one, because the encoder for all fields cannot name it. */
const locate = (name: string, properties: ReadonlyArray<Property>, fields: Fields, error: unknown): unknown => {
  for (const property of properties) {
    try {
      property.encode(fields)
    } catch (cause) {
      return located(name, property.name, cause)
    }
  }
  return error
}

const located = (name: string, field: string, cause: unknown): unknown => {
  if (cause instanceof Mismatch) return configError(name, `in the field "${field}" ${cause.message}`)
  if (cause instanceof Refused) return configError(name, `the field "${field}" cannot be in an id: ${cause.message}`)
  if (cause instanceof RangeError) {
    return configError(name, `the field "${field}" is nested too deeply, or contains itself`)
  }
  return cause
}
