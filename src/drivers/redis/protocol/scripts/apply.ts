/**
 * The Lua script that writes. Its arguments are groups, each of which is carried out whole or not at all, and has its
 * own answer. A group is one step (a letter and its arguments) and is answered by a value, or begins with `G`, has
 * checks (a letter and the expected value) and steps, and is answered by a list, or by 0 if a check fails. Keys and
 * values are in the order of the steps. Further keys are markers, which are deleted if anything changes.
 */
import * as Limits from "../../../../internal/defaults/redis.ts"
import { counterOf, isOutOfRange, outOfRange } from "./counters.ts"
import { countInvalidation, indented, isForeign, takeValue } from "./lua.ts"
import { foreign, type Source, type Sources } from "./script.ts"
import { isMarker } from "./tags.ts"

const check = `local have, want = redis.pcall("GET", k), ARGV[at + 1]
local holds
-- a read of another kind of value finds nothing
if type(have) == "table" then have = false end
if step == "h" then
  -- a read finds no entry in an empty text
  if want == "" then holds = (have or "") == "" else holds = have and string.sub(have, 1, #want) == want end
elseif step == "t" then
  -- a read finds no version in less
  holds = (have and #have > 12 and string.sub(have, 1, 6) or "") == want
else holds = (have or "") == want end
if not holds then refusal = 0 end
keyAt, at = keyAt + 1, at + 2
`

/** A touch needs no such look, because a check precedes it. */
const refuseForeign = `if looks and not refusal and step ~= "T" then
  local stored = redis.pcall("GET", k)
  if stored and (${isForeign("stored")}) then refusal = redis.status_reply("${foreign}") end
end
`

/** Writes a value. If the entry has ended, removes it at once: until Redis expires it, it would count as live. */
const put = `if ttl == "" or ttl == "0" then redis.call("SET", k, value) else redis.call("SET", k, value, "PX", ttl) end
if ttl == "0" then redis.call("UNLINK", k) end
`

/** The keys of an id that a set and a removal delete. */
const written = `KEYS[keyAt + 2], KEYS[keyAt + 3], KEYS[keyAt + 4]`

/** `S`: a set, `K`: a commit, which a generation that has ended refuses, `T`: a touch, which leaves a load alone. */
const write = `${refuseForeign}if writes then
  local value, ttl = packed, ARGV[at + 1]
  if values > 1 then
    ${indented(indented(takeValue("valueAt", "value"))).trimEnd()}
  end
  if not refusal then
    if step == "K" and ownOf("HGET", KEYS[keyAt + 2], "g") ~= ARGV[at + 2] then answer = 0
    else
      ${indented(indented(indented(put))).trimEnd()}
      if step == "S" then redis.call("UNLINK", ${written})
      elseif step == "K" then redis.call("UNLINK", KEYS[keyAt + 2], KEYS[keyAt + 3]) end
    end
  end
end
`

/** Keeps another program's value. If the entry has tags, answers with its bytes up to the last tag. */
const remove = `if writes and not refusal then
  local stored = redis.pcall("GET", k)
  changed = true
  if type(stored) ~= "string" or string.sub(stored, 1, 2) ~= "ec" then
    redis.call("UNLINK", ${written})
    answer = 0
  else
    redis.call("UNLINK", k, ${written})
    local high, low = string.byte(stored, 50, 51)
    local last = low and high + low > 0 and 51
    for _ = 1, last and high * 256 + low or 0 do
      local a, b, c, d = string.byte(stored, last + 1, last + 4)
      last = d and last + 16 + (a % 128) * 16777216 + b * 65536 + c * 256 + d
      if not d then break end
    end
    if last then answer = string.sub(stored, 1, last) end
  end
end
`

/** Acts like a commit of a result that cannot be stored: stores nothing in place of the former value. */
const discard = `${refuseForeign}if writes and not refusal then
  if ownOf("HGET", KEYS[keyAt + 2], "g") == ARGV[at + 1] then redis.call("UNLINK", k, KEYS[keyAt + 2], KEYS[keyAt + 3])
  else answer = 0 end
end
`

const increment = `${counterOf}local value, damage = counterOf(k)
local by, expires = ARGV[at + 1], ARGV[at + 2]
if looks and not refusal then
  if damage and not sums[k] then refusal = damage end
  sums[k] = (sums[k] or tonumber(value or "0")) + tonumber(by)
  if ${isOutOfRange("sums[k]")} then refusal = redis.status_reply("${outOfRange}") end
end
if writes and not refusal then
  answer = string.format("%.0f", tonumber(value or "0") + tonumber(by))
  if value and by ~= "0" then redis.call("SET", k, answer, "KEEPTTL")
  elseif by ~= "0" then
    redis.call("SET", k, answer)
    if expires ~= "" then redis.call("PEXPIREAT", k, expires) end
  end
end
`

const touchCounter = `${counterOf}local value, damage = counterOf(k)
if looks and damage and not sums[k] and not refusal then refusal = damage end
if writes and not refusal then
  if not value then answer = 0
  elseif ARGV[at + 1] == "" then redis.call("PERSIST", k)
  else redis.call("PEXPIREAT", k, ARGV[at + 1]) end
end
`

const removeCounter = `if looks then sums[k] = 0 end
if writes and not refusal then answer = redis.call("UNLINK", k) end
`

/**
 * A marker never expires if an entry with its tag never does. A damaged key always gets an expiry. On a cluster, the
 * sequence of invalidations is in another slot, so the step has it as an argument.
 */
const invalidateTag = `if writes and not refusal then
  local version, mode, s = ARGV[at + 1], ARGV[at + 2], KEYS[2]
  if ARGV[at + 3] ~= "" then seq = ARGV[at + 3] end
  if not seq then
    ${indented(indented(countInvalidation.replace("local seq", "seq"))).trimEnd()}
  end
  local left = redis.call("PTTL", k)
  local found = (mode == "soft" or left == -1) and redis.pcall("GET", k)
  local known = ${isMarker("found")}
  if known and mode == "soft" then version = string.sub(found, 1, 6) .. string.sub(version, 7) end
  if known and left == -1 then redis.call("SET", k, version .. seq)
  else redis.call("SET", k, version .. seq, "PX", math.max(left, ${Limits.markerMillis})) end
end
`

const body = (isCluster: boolean) => {
  const steps = [
    [`step == "S" or step == "K" or step == "T"`, write],
    [`step == "R"`, remove],
    [`step == "I"`, invalidateTag],
    [`step == "N"`, increment],
    [`step == "D"`, discard],
    [`step == "P"`, touchCounter],
    [`step == "X"`, removeCounter]
  ]
  const branches = steps.map(([is, lua]) => `if ${is} then\n  ${indented(lua!).trimEnd()}\n`).join("else")
  return `local keyAt, at, valueAt = ${isCluster ? "0, 6" : "2, 7"}, 1
local answers, changed, seq = {}, false, nil
groups, values = tonumber(groups), tonumber(values)
for n = 1, groups do
  local isWhole, checks, steps = ARGV[at] == "G", 0, 1
  if isWhole then
    checks, steps = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    at = at + 3
  end
  local refusal
  for _ = 1, checks do
    local step, k = ARGV[at], KEYS[keyAt + 1]
    ${indented(indented(check)).trimEnd()}
  end
  local firstKey, firstArg, answered, sums = keyAt, at, isWhole and {}, {}
  -- the first of two passes only looks whether a step is refused
  for pass = isWhole and 1 or 2, 2 do
    local looks, writes = pass == 1 or not isWhole, pass == 2
    keyAt, at = firstKey, firstArg
    for i = 1, steps do
      local step, k, answer = ARGV[at], KEYS[keyAt + 1], 1
      ${indented(indented(indented(branches))).trimEnd()}
      end
      if isWhole then answered[i] = answer else answered = answer end
      if writes and not refusal and answer ~= 0 then changed = true end
      keyAt = keyAt + ((step == "S" or step == "R") and 4 or (step == "K" or step == "D") and 3 or 1)
      at = at + (step == "I" and 4 or (step == "K" or step == "N") and 3 or (step == "R" or step == "X") and 1 or 2)
    end
  end
  answers[n] = refusal or answered
end
if changed and keyAt < #KEYS then redis.call("UNLINK", unpack(KEYS, keyAt + 1)) end
if groups == 1 then answers = answers[1] end
return answers, changed
`
}

const source = (isCluster: boolean): Source => ({
  tells: `changed`,
  keys: [],
  args: ["groups", "values", "packed"],
  body: body(isCluster)
})

export const apply = (isCluster: boolean) => ({
  apply: source(isCluster),
  /** For steps that only free memory. */
  free: { ...source(isCluster), whenFull: true }
} satisfies Sources)
