/** Recognizes serializers: those of this package, and those that users implement. */
import type { Serializer } from "../../ports/serializer.ts"

export const isSerializer = (given: unknown): given is Serializer => {
  const { extension, make, name } = Object(given) as Partial<Serializer>
  return typeof make === "function" && typeof name === "string" && typeof extension === "string"
}
