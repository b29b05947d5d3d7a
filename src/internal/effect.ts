/** Recognizes values of Effect's types by brand, without loading the types' modules. A test checks the brands. */
import type * as BigDecimal from "effect/BigDecimal"
import type * as Chunk from "effect/Chunk"
import type * as DateTime from "effect/DateTime"
import type * as HashMap from "effect/HashMap"
import type * as HashSet from "effect/HashSet"

const isBranded = <A>(brand: string, tag?: string) => (value: unknown): value is A =>
  typeof value === "object" && value !== null && brand in value &&
  (tag === undefined || (value as { readonly _tag?: unknown })._tag === tag)

export const isChunk = isBranded<Chunk.Chunk<unknown>>("~effect/Chunk")
export const isHashMap = isBranded<HashMap.HashMap<unknown, unknown>>("~effect/HashMap")
export const isHashSet = isBranded<HashSet.HashSet<unknown>>("~effect/HashSet")
export const isBigDecimal = isBranded<BigDecimal.BigDecimal>("~effect/BigDecimal")
export const isUtc = isBranded<DateTime.Utc>("~effect/DateTime", "Utc")
export const isZoned = isBranded<DateTime.Zoned>("~effect/DateTime", "Zoned")
export const isTimeZone = isBranded<DateTime.TimeZone>("~effect/DateTime/TimeZone")
export const isTimeZoneNamed = isBranded<DateTime.TimeZone.Named>("~effect/DateTime/TimeZone", "Named")
export const isTimeZoneOffset = isBranded<DateTime.TimeZone.Offset>("~effect/DateTime/TimeZone", "Offset")

/** Gives a constructor a prototype that is made elsewhere. Bundlers drop this single call if its result is unused. */
export const withPrototype = <C>(constructor: (...fields: never) => void, prototype: object): C =>
  Object.defineProperty(constructor, "prototype", { value: prototype }) as unknown as C
