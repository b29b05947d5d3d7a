/**
 * Test laws as values that any test framework can run, and the comparison that laws use.
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/**
 * A test law: a name and a check. `run` succeeds if the law holds, and fails otherwise, usually with `LawBroken`.
 *
 * **Example** (Running one law)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { storeLaws } from "effect-cached/testing"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const laws = storeLaws(Effect.sync(() => MemoryStore.make()))
 * await Effect.runPromise(laws[0]!.run)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Law {
  readonly name: string
  readonly run: Effect.Effect<void, unknown>
}

/** The error of a broken law: what was expected, and the values that differ. */
export class LawBroken extends Data.TaggedError("LawBroken")<{
  readonly message: string
  readonly actual: unknown
  readonly expected: unknown
}> {}

/**
 * Fails with `LawBroken` unless two values are the same in every way a program can observe: `-0` differs from `0`,
 * `NaN` equals `NaN`, a hole in a list differs from `undefined`, and objects of different classes differ.
 */
export const same = (actual: unknown, expected: unknown, message: string): Effect.Effect<void, LawBroken> =>
  isSame(actual, expected) ? Effect.void : Effect.fail(new LawBroken({ message, actual, expected }))

/** Whether two values are the same in every way a program can observe. */
export const isSame = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (isList(a)) return sameItems(a, b as typeof a)
  return sameContent(a, b) && sameProperties(a, b)
}

type List = ArrayLike<unknown>

const isList = (value: object): value is List => ArrayBuffer.isView(value) && !(value instanceof DataView)

const sameItems = (a: List, b: List): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false
  return true
}

const sameContent = (a: object, b: object): boolean => {
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime())
  if (a instanceof RegExp) return String(a) === String(b) && a.lastIndex === (b as RegExp).lastIndex
  if (a instanceof Map) return isSame([...a], [...(b as Map<unknown, unknown>)])
  if (a instanceof Set) return isSame([...a], [...(b as Set<unknown>)])
  if (a instanceof ArrayBuffer) return isSame(new Uint8Array(a), new Uint8Array(b as ArrayBuffer))
  if (a instanceof DataView) return isSame(bytesOf(a), bytesOf(b as DataView))
  return true
}

const bytesOf = (view: DataView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

const sameProperties = (a: object, b: object): boolean => {
  const keys = Reflect.ownKeys(a)
  return keys.length === Reflect.ownKeys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(Reflect.get(a, key), Reflect.get(b, key)))
}
