/** Lua scripts of guards. */
import type { Sources } from "./script.ts"

/**
 * Replaces a state that still has the version `before`; a version ends before the first blank. Otherwise, or if `sent`
 * is too far from the server's time, answers what is there. In tests, `at` is the time, and no state expires. The
 * server removes a key after the given millisecond.
 */
const swapGuard = `local now = tonumber(at)
if not now then
  local time = redis.call("TIME")
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local stored = ownOf("GET", g) or ""
if string.match(stored, "^[^ ]*") ~= before or math.abs(now - tonumber(sent)) > tonumber(tolerance) then
  return { string.format("%.0f", now), stored }
end
if after == "" then redis.call("UNLINK", g)
elseif at == "" then redis.call("SET", g, after, "PXAT", string.format("%.0f", expires - 1))
else redis.call("SET", g, after) end
return { string.format("%.0f", now) }
`

const mergeBits = `local merged = {}
for i = 1, #ARGV, 2 do
  redis.call("SET", a, ownOf("HGET", g, ARGV[i]) or "")
  redis.call("SET", b, ARGV[i + 1])
  redis.call("BITOP", "OR", a, a, b)
  merged[#merged + 1] = redis.call("GET", a)
  redis.call("HSET", g, ARGV[i], merged[#merged])
end
redis.call("UNLINK", a, b)
return merged
`

export const guards = {
  swapGuard: {
    keys: ["g"],
    args: ["at", "before", "sent", "tolerance", "after", "expires"],
    withoutEra: true,
    body: swapGuard
  },
  readBits: { keys: ["g"], args: [], withoutEra: true, body: `return ownOf("HMGET", g, unpack(ARGV))\n` },
  mergeBits: { keys: ["g", "a", "b"], args: [], withoutEra: true, body: mergeBits },
  removeBits: { keys: ["g"], args: [], withoutEra: true, whenFull: true, body: `return redis.call("UNLINK", g)\n` }
} satisfies Sources
