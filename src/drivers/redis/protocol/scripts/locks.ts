/** Lua scripts that acquire, renew, release and check locks. */
import { lockLifeMillis } from "../../../../internal/defaults/processes.ts"
import { nowMicros } from "./lua.ts"
import type { Sources } from "./script.ts"

export const locks = {
  /** Returns the new holder's fencing token, or how many milliseconds remain of the current holder's lease. */
  lock: {
    keys: ["k", "i"],
    args: ["lease"],
    withoutEra: true,
    body: `local left = redis.call("PTTL", k)
if left > 0 then return left end
${nowMicros}local token = string.format("%.0f", math.max(micros, tonumber(redis.call("GET", i) or "0") + 1))
redis.call("SET", i, token, "PX", math.max(${lockLifeMillis}, 2 * tonumber(lease)))
redis.call("SET", k, token, "PX", lease)
return { token }
`
  },
  renewLock: {
    keys: ["k"],
    args: ["token", "lease"],
    withoutEra: true,
    body: `if redis.call("GET", k) ~= token then return 0 end
return redis.call("PEXPIRE", k, lease)
`
  },
  unlock: {
    keys: ["k"],
    args: ["token"],
    withoutEra: true,
    whenFull: true,
    body: `if redis.call("GET", k) ~= token then return 0 end
redis.call("UNLINK", k)
redis.pcall("PUBLISH", k, "")
return 1
`
  },
  isLocked: { keys: ["k"], args: [], withoutEra: true, body: `return redis.call("EXISTS", k)\n` }
} satisfies Sources
