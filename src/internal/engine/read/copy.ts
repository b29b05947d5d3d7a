/** A copy of the value for each caller. */
import type { AnyReadOptions } from "../../../cached/options.ts"
import { CacheConfigError } from "../../../CacheError.ts"
import { idOf, type Key } from "../../key/ofKey.ts"

export const copyOf = <A>(copy: NonNullable<AnyReadOptions["copy"]>, key: Key): (value: A) => A =>
  copy === "structured" ? (value) => structured(value, key) : copy as (value: A) => A

const structured = <A>(value: A, key: Key): A => {
  try {
    return structuredClone(value)
  } catch {
    // its reason quotes the value, and that is nobody's to see
    throw new CacheConfigError({
      message:
        `copy: "structured" cannot copy the value of "${idOf(key)}", which is no plain data (it holds a function, ` +
        "for example): give a function that copies it"
    })
  }
}
