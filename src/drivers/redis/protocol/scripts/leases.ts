/** Lua scripts of leases. They follow the same rules as `src/internal/store/leases.ts`. */
import * as Frame from "../../../../internal/codec/frame.ts"
import { leaseLife, sharedFailures } from "../../../../internal/defaults/processes.ts"
import { indented, nowMillis, readSequence, takeValue } from "./lua.ts"
import type { Sources } from "./script.ts"

/** Answers 0 in the most frequent case, to save bytes: a lease under the generation `fresh`, without failure note. */
const granted = `local function granted(g)
  local note = textOf(f)
  if g == fresh and not note then return 0 end
  return { g, note or false }
end
`

const acquire = `local stored = redis.pcall("GET", v)
if type(stored) == "string" and string.sub(stored, 1, 2) == "ec" and string.byte(stored, 3) == ${Frame.format}
  and string.sub(stored, 5, 20) ~= rejected then return stored end
${granted}${nowMillis}local held = ownOf("HMGET", l, "g", "o", "u", "m", "j")
local ends, length = toCount(held[3]), toCount(held[4])
lease = tonumber(lease)
if not (held[1] and held[1] ~= "" and ends and length) then
  if held[5] then redis.call("HDEL", l, "j") end
  redis.call("HSET", l, "g", fresh, "o", owner, "u", now + lease, "m", lease)
  redis.call("PEXPIRE", l, life)
  return granted(fresh)
end
local left = math.max(0, math.min(ends - now, tonumber(length)))
if left == 0 or held[2] == owner then
  if held[2] ~= owner then redis.call("HDEL", l, "j") end
  redis.call("HSET", l, "o", owner, "u", now + lease, "m", lease)
  redis.call("PEXPIRE", l, life)
  return granted(held[1])
end
if tonumber(ends) > now + left then redis.call("HSET", l, "u", now + left) end
local joined = tonumber(toCount(held[5]) or "")
if joined and joined > now then
  joined = now
  redis.call("HSET", l, "j", now)
end
local wait = left
if join == "yes" then
  wait = 0
elseif join ~= "no" then
  local after = tonumber(join)
  wait = joined and math.min(left, math.max(0, math.min(joined + after - now, after))) or 0
end
if wait > 0 then
  textOf(f)
  return math.ceil(wait)
end
if join ~= "yes" then redis.call("HSET", l, "j", now) end
return granted(held[1])
`

/** The scripts for many ids. On a cluster, the ids are in one slot. */
export const leases = (isCluster: boolean) => ({
  acquire: {
    keys: isCluster ? [] : ["s"],
    args: ["owner", "fresh", "lease", "life", "join", "packed"],
    body: `${isCluster ? "" : readSequence}local function acquire(v, l, f, rejected)
  ${indented(acquire).trimEnd()}
end
local answers, at = {}, 1
for i = ${isCluster ? 1 : 3}, #KEYS, 3 do
  ${indented(takeValue("at", "local rejected")).trimEnd()}
  answers[#answers + 1] = acquire(KEYS[i], KEYS[i + 1], KEYS[i + 2], rejected)
end
${isCluster ? "" : "answers[#answers + 1] = seq\n"}return answers
`
  },
  renew: {
    keys: [],
    args: ["owner", "lease", "life"],
    body: `${nowMillis}local answers = {}
for i = ${isCluster ? 1 : 2}, #KEYS do
  local isOwn = ownOf("HGET", KEYS[i], "o") == owner
  if isOwn then
    redis.call("HSET", KEYS[i], "u", now + tonumber(lease), "m", lease)
    redis.call("PEXPIRE", KEYS[i], life)
  end
  answers[#answers + 1] = isOwn and 1 or 0
end
return answers
`
  },
  release: {
    tells: `answer == 1`,
    keys: ["l", "f"],
    args: ["owner", "hasNote", "note"],
    whenFull: true,
    body: `if ownOf("HGET", l, "o") ~= owner then return 0 end
local lease = tonumber(toCount(redis.call("HGET", l, "m")) or "0")
redis.call("HSET", l, "o", "", "u", 0)
redis.call("PEXPIRE", l, math.max(${leaseLife.times} * lease, ${sharedFailures.millis}))
if hasNote == "0" then
  redis.call("UNLINK", f)
else
  local before = tonumber(string.match(textOf(f) or "", "^(%d+) ") or "0")
  redis.call("SET", f, (before + 1) .. " " .. note, "PX", ${sharedFailures.millis})
end
return 1
`
  }
} satisfies Sources)
