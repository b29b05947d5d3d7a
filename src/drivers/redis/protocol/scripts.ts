/**
 * The steps that are atomic, in Lua. `src/internal/store/leases.ts` has the rules of leases in TypeScript.
 *
 * On a single server every script looks at the era first, and answers `ERA` in another one. On a cluster the era is in
 * another slot, and asked beside the script. Those that make room or take things away run on a full server too.
 */
import { createHash } from "node:crypto"
import * as Frame from "../../../internal/codec/frame.ts"
import { leaseLife, lockLifeMillis, sharedFailureMillis } from "../../../internal/defaults/processes.ts"
import { redisMarkerMillis } from "../../../internal/defaults/redis.ts"
import { guardScripts } from "../guards/guardScripts.ts"

export interface Script {
  readonly source: string
  readonly sha: string
  /** the era is its first key and first argument */
  readonly checksEra: boolean
}

/** What a script answers in another era. */
export const otherEra = "ERA"

/** What a write answers where something is stored that this release does not know: it is left alone. */
export const foreign = "FOREIGN"

interface Parts {
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
  readonly body: string
  /** runs on a server that is full */
  readonly whenFull?: boolean
  /** has to do with the era itself */
  readonly ofEra?: boolean
}

/** The text under a key: none where that is another kind of value. Any other error, like a right that is missing, is one. */
const textOf = `local function textOf(k)
  local found = redis.pcall("GET", k)
  if type(found) ~= "table" then return found end
  if not string.find(found.err, "WRONGTYPE") then return redis.call("GET", k) end
end
`

/** As `toCount` of `redisReplies.ts`: what is no safe integer from 0 on counts as missing. */
const toCount = `local function toCount(text)
  if type(text) == "string" and #text <= 16 and string.find(text, "^%d+$") and tonumber(text) <= ${Number.MAX_SAFE_INTEGER} then
    return text
  end
end
`

const compile = ({ args, body, keys, ofEra = false, whenFull = false }: Parts, isCluster: boolean): Script => {
  const checksEra = !isCluster && !ofEra
  const first = checksEra ? 2 : 1
  const names = (from: string, all: ReadonlyArray<string>) =>
    all.length === 0 ? "" : `local ${all.join(", ")} = ${all.map((_, i) => `${from}[${first + i}]`).join(", ")}\n`
  const source = `#!lua${whenFull ? " flags=allow-oom" : ""}\n` +
    (checksEra || body.includes("textOf(") ? textOf : "") + (body.includes("toCount(") ? toCount : "") +
    (checksEra ? `if textOf(KEYS[1]) ~= ARGV[1] then return redis.status_reply("${otherEra}") end\n` : "") +
    names("KEYS", keys) + names("ARGV", args) + body
  return { source, sha: createHash("sha1").update(source).digest("hex"), checksEra }
}

const now = `local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

const micros = `local time = redis.call("TIME")
local micros = time[1] * 1000000 + time[2]
`

/** Whether what begins so is of another program or a newer release. The beginning of a frame, cut off, is ours. */
const isForeign = (begin: string) =>
  `type(${begin}) ~= "string" or string.sub(${begin}, 1, 2) ~= "ec" or (string.byte(${begin}, 3) or 0) > ${Frame.format}`

/** Whether this release may write over what is stored: nothing, or a frame that is not of a newer one. */
const writable = `local stored = redis.pcall("GET", v)
if stored and (${isForeign("stored")}) then
  return redis.status_reply("${foreign}")
end
`

/** Others who have a copy of what is not ours are told as if it had changed: the very deadline that it has is set again. */
const tell = (v: string) =>
  `  local deadline = redis.call("PEXPIRETIME", ${v})
  if deadline > 0 then redis.call("PEXPIREAT", ${v}, deadline)
  else
    redis.call("PEXPIRE", ${v}, 60000)
    redis.call("PERSIST", ${v})
  end
`

const write = `if ttl == "" then redis.call("SET", v, frame) else redis.call("SET", v, frame, "PX", ttl) end
redis.call("UNLINK", l, f)
`

/** The keys of what is written by hand, or removed: what derives from it ends with the markers of its id. */
const withMarkers = (isCluster: boolean) => ["v", "l", "f", "d", ...isCluster ? [] : ["g"]]

/** Where the others of those keys are beside the first one. */
const keysBeside = (isCluster: boolean) => withMarkers(isCluster).slice(1).map((_, i) => i + 1)

const endMarkers = (isCluster: boolean) => isCluster ? `redis.call("UNLINK", d)\n` : `redis.call("UNLINK", d, g)\n`

/** Makes the counter of invalidations where it is missing or none: larger than it ever was, as clocks go forward. */
const sequence = `local seq = toCount(textOf(s))
if not seq then
  ${micros.replaceAll("\n", "\n  ")}seq = string.format("%.0f", micros)
  redis.call("SET", s, seq)
end
`

const granted = (isCluster: boolean) =>
  isCluster
    ? `local function granted(g) return { g, redis.call("GET", f) } end\n`
    : `local function granted(g)
  ${sequence.replaceAll("\n", "\n  ")}
  return { g, redis.call("GET", f), seq }
end
`

const acquire = (isCluster: boolean): Parts => ({
  keys: isCluster ? ["v", "l", "f"] : ["s", "v", "l", "f"],
  args: ["owner", "fresh", "lease", "life", "rejected", "join"],
  body: `local stored = redis.pcall("GET", v)
if type(stored) == "string" and string.sub(stored, 1, 2) == "ec" and string.byte(stored, 3) == ${Frame.format}
  and string.sub(stored, 5, 20) ~= rejected then return stored end
${granted(isCluster)}${now}local held = redis.call("HMGET", l, "g", "o", "u", "m", "j")
lease = tonumber(lease)
if not held[1] then
  redis.call("HSET", l, "g", fresh, "o", owner, "u", now + lease, "m", lease)
  redis.call("PEXPIRE", l, life)
  return granted(fresh)
end
local left = math.max(0, math.min(tonumber(held[3]) - now, tonumber(held[4])))
if left == 0 or held[2] == owner then
  if held[2] ~= owner then redis.call("HDEL", l, "j") end
  redis.call("HSET", l, "o", owner, "u", now + lease, "m", lease)
  redis.call("PEXPIRE", l, life)
  return granted(held[1])
end
if tonumber(held[3]) > now + left then redis.call("HSET", l, "u", now + left) end
local joined = tonumber(held[5] or "")
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
if wait > 0 then return math.ceil(wait) end
if join ~= "yes" then redis.call("HSET", l, "j", now) end
return granted(held[1])
`
})

/**
 * Checks, each of a letter, a key and what is expected; then steps, each of a letter, a key and three arguments. All that
 * can be refused is refused before the first step. On a cluster all keys are in one slot, and the count of invalidations
 * is in another.
 */
const transact = (isCluster: boolean): Parts => {
  const first = isCluster ? 1 : 2
  /** the keys before those of checks and steps */
  const before = isCluster ? 0 : 2
  const beside = keysBeside(isCluster).map((n) => `KEYS[i + ${n}]`).join(", ")
  const invalidations = `local s, seq, mode = KEYS[2], nil, nil
local function count()
  ${bump.replace("local seq", "seq").replaceAll("\n", "\n  ")}
end
${invalidate}`
  const stepOfTags = `  elseif step == "I" then
    if not seq then count() end
    mode = b
    invalidate(k, a)
`
  return {
    keys: [],
    args: [],
    body: `local at = ${first + 1}
local failed = {}
for c = 1, tonumber(ARGV[${first}]) do
  local have, want = redis.pcall("GET", KEYS[${before} + tonumber(ARGV[at + 1])]), ARGV[at + 2]
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
local sums = {}
for s = at, #ARGV, 5 do
  local step, k = ARGV[s], KEYS[${before} + tonumber(ARGV[s + 1])]
  if step == "S" or step == "K" or step == "T" then
    local begin = redis.pcall("GETRANGE", k, 0, 2)
    if begin ~= "" and (${isForeign("begin")}) then
      return redis.status_reply("${foreign}")
    end
  elseif step == "N" then
    local value = sums[k]
    if not value then
      value = redis.pcall("GET", k)
      if value and (type(value) ~= "string" or not tonumber(value)) then return redis.status_reply("${foreign}") end
      value = tonumber(value or "0")
    end
    sums[k] = value + tonumber(ARGV[s + 2])
    if sums[k] > ${Number.MAX_SAFE_INTEGER} or sums[k] < -${Number.MAX_SAFE_INTEGER} then return redis.status_reply("RANGE") end
  elseif step == "D" then
    sums[k] = 0
  end
end
${isCluster ? "" : invalidations}local function put(k, frame, ttl)
  if ttl == "" then redis.call("SET", k, frame) else redis.call("SET", k, frame, "PX", ttl) end
end
local refused, commits = {}, -1
for p = at, #ARGV, 5 do
  local step, i, a, b, c = ARGV[p], ${before} + tonumber(ARGV[p + 1]), ARGV[p + 2], ARGV[p + 3], ARGV[p + 4]
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
    local begin = redis.pcall("GETRANGE", k, 0, 1)
    if begin == "" then redis.call("SET", k, "") end
    if begin == "" or begin == "ec" then redis.call("UNLINK", k)
    else
${tell("k")}    end
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
}

const all = (isCluster: boolean) => ({
  ...guardScripts,
  /** the era and the counter of invalidations, made where they are missing or none */
  control: {
    keys: ["e", "s"],
    args: [],
    ofEra: true,
    whenFull: true,
    body: `local era = toCount(textOf(e))
if not era then
  ${micros.replaceAll("\n", "\n  ")}era = string.format("%.0f", micros)
  redis.call("SET", e, era)
end
${sequence}return { era, seq }
`
  },
  /** begins another era */
  clear: {
    keys: ["e"],
    args: [],
    ofEra: true,
    whenFull: true,
    body: `${micros}local era = tonumber(toCount(textOf(e)) or "0")
local fresh = string.format("%.0f", math.max(micros, era + 1))
redis.call("SET", e, fresh)
return { fresh }
`
  },
  acquire: acquire(isCluster),
  commit: {
    keys: ["v", "l", "f"],
    args: ["generation", "frame", "ttl"],
    body: `if redis.call("HGET", l, "g") ~= generation then return 0 end
${writable}${write}return 1
`
  },
  set: {
    keys: withMarkers(isCluster),
    args: ["frame", "ttl"],
    body: `${writable}${write}${endMarkers(isCluster)}return 1
`
  },
  /**
   * A mark in place of a value that the server does not take: as `commit` of a generation, if there is an older one, or as
   * `set` without one. It is smaller than any entry, so it is written where the server is full, too.
   */
  entomb: {
    keys: withMarkers(isCluster),
    args: ["generation", "frame", "ttl"],
    whenFull: true,
    body: `if generation ~= "" and redis.call("HGET", l, "g") ~= generation then return 0 end
${writable}if generation ~= "" and not stored then return 1 end
${write}if generation == "" then ${endMarkers(isCluster).trimEnd()} end
return 1
`
  },
  /** `set`, if what is stored is still what was looked at: its beginning, or nothing */
  setIf: {
    keys: withMarkers(isCluster),
    args: ["frame", "ttl", "head"],
    body: `${writable}if string.sub(stored or "", 1, #head) ~= head or (head == "" and stored) then return 0 end
${write}${endMarkers(isCluster)}return 1
`
  },
  /** other deadlines, if what is stored is still what was looked at; no generation ends */
  touch: {
    keys: ["v"],
    args: ["frame", "ttl", "head"],
    body: `local stored = redis.pcall("GET", v)
if type(stored) ~= "string" or string.sub(stored, 1, #head) ~= head then return 0 end
if ttl == "" then redis.call("SET", v, frame) else redis.call("SET", v, frame, "PX", ttl) end
return 1
`
  },
  /** what is missing is written and removed, so that others who have a copy of it are told; what is not ours stays */
  remove: {
    keys: withMarkers(isCluster),
    args: [],
    whenFull: true,
    body: `local stored = redis.pcall("GET", v)
redis.call("UNLINK", l, f)
${endMarkers(isCluster)}if stored and (type(stored) ~= "string" or string.sub(stored, 1, 2) ~= "ec") then
${tell("v")}  return 0
end
if stored then
  redis.call("UNLINK", v)
  return 1
end
redis.call("SET", v, "")
redis.call("UNLINK", v)
return 0
`
  },
  renew: {
    keys: ["l"],
    args: ["owner", "lease", "life"],
    body: `if redis.call("HGET", l, "o") ~= owner then return 0 end
${now}redis.call("HSET", l, "u", now + tonumber(lease), "m", lease)
redis.call("PEXPIRE", l, life)
return 1
`
  },
  release: {
    keys: ["l", "f"],
    args: ["owner", "hasNote", "note"],
    whenFull: true,
    body: `if redis.call("HGET", l, "o") ~= owner then return 0 end
local lease = tonumber(redis.call("HGET", l, "m"))
redis.call("HSET", l, "o", "", "u", 0)
redis.call("PEXPIRE", l, math.max(${leaseLife.times} * lease, ${sharedFailureMillis}))
if hasNote == "0" then
  redis.call("UNLINK", f)
else
  local before = tonumber(string.match(redis.call("GET", f) or "", "^(%d+) ") or "0")
  redis.call("SET", f, (before + 1) .. " " .. note, "PX", ${sharedFailureMillis})
end
return 1
`
  },
  /** markers of tags, made where they are missing or none; on a cluster of one tag */
  markers: isCluster
    ? { keys: ["t"], args: ["seq", "version"], body: `${marker}return { marker(t, version) }\n` }
    : {
      keys: ["s"],
      args: [],
      body: `${sequence}${marker}local markers = { seq }
for i = 3, #KEYS do markers[i - 1] = marker(KEYS[i], ARGV[i - 1]) end
return markers
`
    },
  /** counts an invalidation */
  count: { keys: ["s"], args: [], whenFull: true, body: `${bump}return { seq }\n` },
  invalidate: isCluster
    ? {
      keys: ["t"],
      args: ["mode", "seq", "version"],
      whenFull: true,
      body: `${invalidate}invalidate(t, version)\nreturn 1\n`
    }
    : {
      keys: ["s"],
      args: ["mode"],
      whenFull: true,
      body: `${bump}${invalidate}for i = 3, #KEYS do invalidate(KEYS[i], ARGV[i]) end\nreturn 1\n`
    },
  increment: {
    keys: ["n"],
    args: ["by", "expires"],
    body: `local value = redis.pcall("GET", n)
if value and (type(value) ~= "string" or not tonumber(value)) then return redis.status_reply("${foreign}") end
local sum = tonumber(value or "0") + tonumber(by)
if sum > ${Number.MAX_SAFE_INTEGER} or sum < -${Number.MAX_SAFE_INTEGER} then return redis.status_reply("RANGE") end
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
  transact: transact(isCluster),
  counter: { keys: ["n"], args: [], body: `return { redis.call("GET", n), redis.call("PEXPIRETIME", n) }\n` },
  touchCounter: {
    keys: ["n"],
    args: ["expires"],
    body: `if redis.call("EXISTS", n) == 0 then return 0 end
if expires == "" then redis.call("PERSIST", n) else redis.call("PEXPIREAT", n, expires) end
return 1
`
  },
  /** the token of the new holder, or how long another one holds it still */
  lock: {
    keys: ["k", "i"],
    args: ["lease"],
    ofEra: true,
    body: `local left = redis.call("PTTL", k)
if left > 0 then return left end
${micros}local token = string.format("%.0f", math.max(micros, tonumber(redis.call("GET", i) or "0") + 1))
redis.call("SET", i, token, "PX", math.max(${lockLifeMillis}, 2 * tonumber(lease)))
redis.call("SET", k, token, "PX", lease)
return { token }
`
  },
  renewLock: {
    keys: ["k"],
    args: ["token", "lease"],
    ofEra: true,
    body: `if redis.call("GET", k) ~= token then return 0 end
return redis.call("PEXPIRE", k, lease)
`
  },
  /** those who wait are told */
  unlock: {
    keys: ["k"],
    args: ["token"],
    ofEra: true,
    whenFull: true,
    body: `if redis.call("GET", k) ~= token then return 0 end
redis.call("UNLINK", k)
redis.pcall("PUBLISH", k, "")
return 1
`
  },
  isLocked: {
    keys: ["k"],
    args: [],
    ofEra: true,
    body: `return redis.call("EXISTS", k)
`
  },
  removeCounter: { keys: ["n"], args: [], whenFull: true, body: `return redis.call("UNLINK", n)\n` }
} satisfies Record<string, Parts>)

/** Whether a value is a marker: a version and, as digits, the invalidation that wrote it. Another one counts as missing. */
const isMarker = (found: string) => `type(${found}) == "string" and toCount(string.sub(${found}, 13))`

const marker = `local function marker(t, version)
  local found = textOf(t)
  if ${isMarker("found")} then
    local left = redis.call("PTTL", t)
    if left >= 0 and left < ${redisMarkerMillis / 2} then redis.call("PEXPIRE", t, ${redisMarkerMillis}) end
    return found
  end
  redis.call("SET", t, version .. seq, "PX", ${redisMarkerMillis})
  return version .. seq
end
`

const bump = `${micros}local seq = string.format("%.0f", math.max(micros, tonumber(toCount(textOf(s)) or "0") + 1))
redis.call("SET", s, seq)
`

const invalidate = `local function invalidate(t, version)
  local found = mode == "soft" and redis.pcall("GET", t)
  if ${isMarker("found")} then version = string.sub(found, 1, 6) .. string.sub(version, 7) end
  local left = redis.call("PTTL", t)
  if left == -1 then redis.call("SET", t, version .. seq)
  else redis.call("SET", t, version .. seq, "PX", math.max(left, ${redisMarkerMillis})) end
end
`

export type Name = keyof ReturnType<typeof all>

export type Scripts = Readonly<Record<Name, Script>>

const compileAll = (isCluster: boolean): Scripts =>
  Object.fromEntries(
    Object.entries(all(isCluster)).map(([name, parts]) => [name, compile(parts, isCluster)])
  ) as Scripts

export const make = (isCluster: boolean): Scripts => compileAll(isCluster)
