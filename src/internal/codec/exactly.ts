/** Formats that refuse a value which they would change, for values without a schema. */
import * as Exit from "effect/Exit"
import { mistake } from "../options/options.ts"
import { otherIn } from "./jsonValue.ts"
import { placeOf } from "./place.ts"
import { fault, type Format } from "./throughSchema.ts"
import { sentence } from "./whatIs.ts"

type Rule = Parameters<typeof otherIn>[1]

export const exactly = (format: Format, rule: Rule): Format => ({
  ...format,
  pack: (value, id) => {
    const other = otherIn(value, rule)
    if (other === undefined) return format.pack(value, id)
    const { kind, path, what } = other
    const reason = what === undefined
      ? `${kind}, which this format cannot restore: give the key a schema`
      : sentence(what)
    return Exit.fail(fault(format.name, "encode", `the value${placeOf(path)} is ${reason}`))
  }
})

/** Throws a `CacheConfigError` if an optional package is missing. */
export const installed = <A>(library: A | undefined, serializer: string, name: string): A => {
  if (library !== undefined) return library
  const packages = name.split(" ").map((one) => `"${one}"`)
  throw mistake(
    `The serializer "${serializer}" needs the package${packages.length > 1 ? "s" : ""} ${
      packages.join(" and ")
    }: npm install ${name}`
  )
}
