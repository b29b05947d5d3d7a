/** Refuses what is given in place of a serializer, and says what is right. */
import type { Serializer } from "../../ports/serializer.ts"
import { kindOf } from "../options/given.ts"
import { mistake } from "../options/options.ts"
import { isSerializer } from "./isSerializer.ts"

export const requireSerializer: (what: string, given: unknown) => asserts given is Serializer = (what, given) => {
  if (isSerializer(given)) return
  throw mistake(`${what} needs a serializer, like Json of effect-cached/serializers/Json, not ${insteadOf(given)}`)
}

const insteadOf = (given: unknown): string => {
  // Does not quote a text, which may be a secret that stands at the wrong place.
  if (typeof given === "string") return "a text"
  if (typeof given === "function") return "a function: pass its result"
  if (typeof given !== "object" || given === null) return kindOf(given)
  const { decode, encode, make } = given as { readonly [name: string]: unknown }
  if (typeof encode === "function" && typeof decode === "function") {
    return "a codec: pass the serializer whose `make` returned it"
  }
  const member = Object.keys(given).find((name) => isSerializer((given as { readonly [name: string]: unknown })[name]))
  if (member !== undefined) return `the module that exports it: pass its \`${member}\``
  return typeof make === "function"
    ? "an object with `make` but no `name` and `extension`: if it is a module, pass what its `make` returns"
    : kindOf(given)
}
