/** Lua scripts that read and change counters. */
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
  increment: {
    keys: ["n"],
    args: ["by", "expires"],
    body: `${counterOf}local value, damage = counterOf(n)
if damage then return damage end
local sum = tonumber(value or "0") + tonumber(by)
if ${isOutOfRange("sum")} then return redis.status_reply("${outOfRange}") end
sum = string.format("%.0f", sum)
if by == "0" then return { sum } end
if value then
  redis.call("SET", n, sum, "KEEPTTL")
else
  redis.call("SET", n, sum)
  if expires ~= "" then redis.call("PEXPIREAT", n, expires) end
end
return { sum }
`
  },
  counter: {
    keys: ["n"],
    args: [],
    body: `${counterOf}local value, damage = counterOf(n)
if damage then return damage end
return { value, redis.call("PEXPIRETIME", n) }
`
  },
  touchCounter: {
    keys: ["n"],
    args: ["expires"],
    body: `${counterOf}local value, damage = counterOf(n)
if damage then return damage end
if not value then return 0 end
if expires == "" then redis.call("PERSIST", n) else redis.call("PEXPIREAT", n, expires) end
return 1
`
  },
  removeCounter: { keys: ["n"], args: [], whenFull: true, body: `return redis.call("UNLINK", n)\n` }
} satisfies Sources
