/** A Lua script that measures a value. */
import type { Sources } from "./script.ts"

export const entries = {
  measure: {
    keys: ["v"],
    args: [],
    whenFull: true,
    body: `local stored = textOf(v) or ""
return { #stored, string.sub(stored, 1, 51) }
`
  }
} satisfies Sources
