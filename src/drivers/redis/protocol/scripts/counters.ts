/** A Lua script that reads a counter, and Lua for scripts that change counters. */
import { noInteger } from "../../fault.ts"
import type { Sources } from "./script.ts"

export const outOfRange = "RANGE"

const most = Number.MAX_SAFE_INTEGER

export const isOutOfRange = (sum: string): string => `${sum} > ${most} or ${sum} < -${most}`

/** Lua that reads a counter. If another kind of value is stored, the second result is the error that `INCR` returns. */
export const counterOf = `local function counterOf(k)
  local value = redis.pcall("GET", k)
  if type(value) == "table" then return nil, value end
  local number = tonumber(value or "0")
  if value and (#value > 17 or not string.find(value, "^-?%d+$") or ${isOutOfRange("number")}) then
    return nil, redis.error_reply("${noInteger}")
  end
  return value
end
`

export const counters = {
  counter: {
    keys: ["n"],
    args: [],
    body: `${counterOf}local value, damage = counterOf(n)
if damage then return damage end
return { value, redis.call("PEXPIRETIME", n) }
`
  }
} satisfies Sources
