/** The `copy` option: copies a value when it enters the cache and for each caller, or freezes it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AnyReadOptions } from "../../../cached/options.ts"
import { CacheConfigError } from "../../../CacheError.ts"
import { idOf, type Key } from "../../key/ofKey.ts"

type Copy = NonNullable<AnyReadOptions["copy"]>

export const copyOf = <A>(copy: Copy, key: Key): (value: A) => A =>
  copy === "structured" ? (value) => structured(value, key) : copy === "freeze" ? freeze : copy as (value: A) => A

export const copied = <A, E>(answer: Effect.Effect<A, E>, copy: Copy, key: Key): Effect.Effect<A, E> =>
  copy === "freeze" && Exit.isExit(answer) && Exit.isSuccess(answer) && frozen.has(answer.value as object)
    ? answer
    : Effect.map(answer, copyOf<A>(copy, key))

const structured = <A>(value: A, key: Key): A => {
  try {
    return structuredClone(value)
  } catch {
    // The cause is omitted, because its message may quote the value.
    throw new CacheConfigError({
      message: `copy: "structured" cannot copy the value of "${idOf(key)}": it is not plain data. ` +
        "Give a function that copies it"
    })
  }
}

/** Objects that `freeze` has frozen, including their parts. `Object.isFrozen` would ignore nested objects. */
const frozen = new WeakSet<object>()

/** Freezes plain objects and arrays in place, each only once. Leaves other objects inside the value unfrozen. */
const freeze = <A>(value: A): A => {
  const waiting: Array<unknown> = [value]
  while (waiting.length > 0) {
    const one = waiting.pop()
    if (!isPlain(one) || frozen.has(one)) continue
    Object.freeze(one)
    frozen.add(one)
    // Property descriptors are read instead of values, because getters may have side effects.
    for (const name of Reflect.ownKeys(one)) waiting.push(Object.getOwnPropertyDescriptor(one, name)!.value)
  }
  return value
}

const plain: ReadonlySet<unknown> = new Set([Object.prototype, Array.prototype, null])

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && plain.has(Object.getPrototypeOf(value))
