/** Lua scripts that read the era (the version in key names) or start a new one. */
import { indented, nowMicros, readSequence } from "./lua.ts"
import type { Sources } from "./script.ts"

export const era = {
  /** Returns the era and the sequence of invalidations. Recreates either of them if it is missing or damaged. */
  control: {
    keys: ["e", "s"],
    args: [],
    withoutEra: true,
    whenFull: true,
    body: `local era = toCount(textOf(e))
if not era then
  ${indented(nowMicros)}era = string.format("%.0f", micros)
  redis.call("SET", e, era)
end
${readSequence}return { era, seq }
`
  },
  clear: {
    tells: `true`,
    keys: ["e"],
    args: [],
    withoutEra: true,
    whenFull: true,
    body: `${nowMicros}local era = tonumber(toCount(textOf(e)) or "0")
local fresh = string.format("%.0f", math.max(micros, era + 1))
redis.call("SET", e, fresh)
return { fresh }
`
  }
} satisfies Sources
