/**
 * Lua scripts of locks. A lock's key holds its token, the end and the length of its lease, and its owner. It has no
 * expiry on the server, because a server that is full may evict keys with an expiry. `sweepLock` removes it instead.
 */
import { lockLifeMillis } from "../../../../internal/defaults/processes.ts"
import { nowMicros } from "./lua.ts"
import type { Sources } from "./script.ts"

/** Reads the lock. A value of another form counts as missing. If the clock was set back, `left` is at most `length`. */
const readLock = `${nowMicros}local now = math.floor(micros / 1000)
local token, ends, length, owner = string.match(textOf(k) or "", "^(%d+) (%d+) (%d+) (%w+)$")
local left = 0
if toCount(token) and toCount(ends) and toCount(length) then
  left = math.min(tonumber(ends) - now, tonumber(length))
end
local function keep(ends)
  redis.call("SET", k, string.format("%s %.0f %s %s", token, ends, length, owner))
end
`

export const locks = {
  /** Returns the new holder's fencing token, or how many milliseconds remain of the current holder's lease. */
  lock: {
    keys: ["k", "i"],
    args: ["lease", "by"],
    withoutEra: true,
    body: `${readLock}if left > 0 then
  if tonumber(ends) > now + left then keep(now + left) end
  return left
end
local last = tonumber(toCount(textOf(i)) or "0")
if last >= ${Number.MAX_SAFE_INTEGER} then last = 0 end
token, length, owner = string.format("%.0f", math.max(micros, last + 1)), lease, by
redis.call("SET", i, token, "PX", math.max(${lockLifeMillis}, 2 * tonumber(lease)))
keep(now + tonumber(lease))
return { token }
`
  },
  renewLock: {
    keys: ["k"],
    args: ["held", "lease"],
    withoutEra: true,
    body: `${readLock}if left <= 0 or token ~= held then return 0 end
length = lease
keep(now + tonumber(lease))
return 1
`
  },
  /** Releases a lock by its token, or by its owner if the answer with the token was lost. */
  unlock: {
    keys: ["k", "i"],
    args: ["held", "by", "forgets"],
    withoutEra: true,
    whenFull: true,
    body: `${readLock}if not token or token ~= held and owner ~= by then return 0 end
redis.call("UNLINK", k)
if forgets == "1" then redis.call("UNLINK", i) end
redis.pcall("PUBLISH", string.match(k, "^[^:]*:k"), k)
return 1
`
  },
  sweepLock: {
    keys: ["k"],
    args: [],
    withoutEra: true,
    whenFull: true,
    body: `${readLock}if token and left <= 0 then redis.call("UNLINK", k) end
return 1
`
  },
  isLocked: { keys: ["k"], args: [], withoutEra: true, body: `${readLock}return left > 0 and 1 or 0\n` }
} satisfies Sources
