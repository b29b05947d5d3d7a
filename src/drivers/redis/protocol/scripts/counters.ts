/** Lua scripts that read and change counters. */
import { foreign, type Sources } from "./script.ts"

export const outOfRange = "RANGE"

const most = Number.MAX_SAFE_INTEGER

export const isOutOfRange = (sum: string): string => `${sum} > ${most} or ${sum} < -${most}`

export const isNoCounter = `value and (type(value) ~= "string" or not tonumber(value))`

export const counters = {
  increment: {
    keys: ["n"],
    args: ["by", "expires"],
    body: `local value = redis.pcall("GET", n)
if ${isNoCounter} then return redis.status_reply("${foreign}") end
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
  counter: { keys: ["n"], args: [], body: `return { redis.call("GET", n), redis.call("PEXPIRETIME", n) }\n` },
  touchCounter: {
    keys: ["n"],
    args: ["expires"],
    body: `if redis.call("EXISTS", n) == 0 then return 0 end
if expires == "" then redis.call("PERSIST", n) else redis.call("PEXPIREAT", n, expires) end
return 1
`
  },
  removeCounter: { keys: ["n"], args: [], whenFull: true, body: `return redis.call("UNLINK", n)\n` }
} satisfies Sources
