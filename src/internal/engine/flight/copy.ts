/** Copies a value into the cache, and for each caller: the `copy` option. */
import type { AnyReadOptions } from "../../../cached/options.ts"
import { CacheConfigError } from "../../../CacheError.ts"
import { idOf, type Key } from "../../key/ofKey.ts"

export const copyOf = <A>(copy: NonNullable<AnyReadOptions["copy"]>, key: Key): (value: A) => A =>
  copy === "structured" ? (value) => structured(value, key) : copy as (value: A) => A

const structured = <A>(value: A, key: Key): A => {
  try {
    return structuredClone(value)
  } catch {
    // without the cause, whose message may quote the value
    throw new CacheConfigError({
      message:
        `copy: "structured" cannot copy the value of "${idOf(key)}": it is not plain data (it holds a function, ` +
        "for example). Give a function that copies it"
    })
  }
}
