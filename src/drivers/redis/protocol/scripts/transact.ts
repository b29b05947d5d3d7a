/**
 * The Lua script of transactions. Its arguments are checks (a letter, a key's position and the expected value), then
 * steps (a letter, a key's position and three arguments). If the script refuses a transaction, it runs none of the
 * steps. On a cluster, the sequence of invalidations is in another slot, so a transaction cannot invalidate tags.
 */
import { counterOf, isOutOfRange, outOfRange } from "./counters.ts"
import { put } from "./entries.ts"
import { countInvalidation, indented, isForeign, keysOfWrite } from "./lua.ts"
import { foreign, type Sources } from "./script.ts"
import { invalidate } from "./tags.ts"

const before = (isCluster: boolean) => isCluster ? 0 : 2

const checks = (isCluster: boolean) => {
  const first = isCluster ? 3 : 4
  return `local at = ${first + 1}
local failed = {}
for c = 1, tonumber(ARGV[${first}]) do
  local have, want = redis.pcall("GET", KEYS[${before(isCluster)} + tonumber(ARGV[at + 1])]), ARGV[at + 2]
  local holds
  -- a read of another kind of value finds nothing
  if type(have) == "table" then have = false end
  if ARGV[at] == "h" then
    if want == "" then holds = not have else holds = have and string.sub(have, 1, #want) == want end
  elseif ARGV[at] == "t" then
    -- a read finds no version in less
    holds = (have and #have > 12 and string.sub(have, 1, 6) or "") == want
  else holds = (have or "") == want end
  if not holds then failed[#failed + 1] = c end
  at = at + 3
end
if #failed > 0 then return { 0, failed } end
`
}

const refusals = (isCluster: boolean) =>
  `${counterOf}local sums = {}
for s = at, #ARGV, 5 do
  local step, k = ARGV[s], KEYS[${before(isCluster)} + tonumber(ARGV[s + 1])]
  if step == "S" or step == "K" or step == "T" then
    local begin = redis.pcall("GETRANGE", k, 0, 2)
    if begin ~= "" and (${isForeign("begin")}) then
      return redis.status_reply("${foreign}")
    end
  elseif step == "N" then
    local value = sums[k]
    if not value then
      local stored, damage = counterOf(k)
      if damage then return damage end
      value = tonumber(stored or "0")
    end
    sums[k] = value + tonumber(ARGV[s + 2])
    if ${isOutOfRange("sums[k]")} then return redis.status_reply("${outOfRange}") end
  elseif step == "D" then
    sums[k] = 0
  end
end
`

const invalidations = `local s, seq, mode = KEYS[2], nil, nil
local function count()
  ${indented(countInvalidation.replace("local seq", "seq"))}
end
${invalidate}`

const stepOfTags = `  elseif step == "I" then
    if not seq then count() end
    mode = b
    invalidate(k, a)
`

const steps = (isCluster: boolean) => {
  const n = before(isCluster)
  const beside = keysOfWrite(isCluster).slice(1).map((_, i) => `KEYS[i + ${i + 1}]`).join(", ")
  return `local function put(k, frame, ttl)
  ${indented(put("k"))}
end
local refused, commits = {}, -1
for p = at, #ARGV, 5 do
  local step, i, a, b, c = ARGV[p], ${n} + tonumber(ARGV[p + 1]), ARGV[p + 2], ARGV[p + 3], ARGV[p + 4]
  local k = KEYS[i]
  if step == "S" then
    put(k, a, b)
    redis.call("UNLINK", ${beside})
  elseif step == "K" then
    commits = commits + 1
    if redis.pcall("HGET", KEYS[i + 1], "g") == c then
      put(k, a, b)
      redis.call("UNLINK", KEYS[i + 1], KEYS[i + 2])
    else
      refused[#refused + 1] = commits
    end
  elseif step == "T" then
    put(k, a, b)
  elseif step == "R" then
    redis.call("UNLINK", ${beside})
    if redis.pcall("GETRANGE", k, 0, 1) == "ec" then redis.call("UNLINK", k) end
${isCluster ? "" : stepOfTags}  elseif step == "N" then
    local value = redis.call("GET", k)
    local sum = string.format("%.0f", tonumber(value or "0") + tonumber(a))
    if a ~= "0" then
      if value then redis.call("SET", k, sum, "KEEPTTL")
      else
        redis.call("SET", k, sum)
        if b ~= "" then redis.call("PEXPIREAT", k, b) end
      end
    end
  elseif step == "P" then
    if redis.call("EXISTS", k) == 1 then
      if a == "" then redis.call("PERSIST", k) else redis.call("PEXPIREAT", k, a) end
    end
  elseif step == "D" then
    redis.call("UNLINK", k)
  end
end
return { 1, refused }
`
}

export const transact = (isCluster: boolean) => ({
  transact: {
    tells: `answer[1] == 1`,
    keys: [],
    args: [],
    body: checks(isCluster) + refusals(isCluster) + (isCluster ? "" : invalidations) + steps(isCluster)
  }
} satisfies Sources)
