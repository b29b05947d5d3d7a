/** Lua scripts that write, touch and remove entries. */
import { indented, keysOfWrite, requireWritable, sendInvalidation, takeValue } from "./lua.ts"
import type { Sources } from "./script.ts"

/** Writes a value. If the entry has ended, removes it at once: until Redis expires it, it would count as live. */
export const put = (key: string) =>
  `if ttl == "" or ttl == "0" then redis.call("SET", ${key}, frame) else redis.call("SET", ${key}, frame, "PX", ttl) end
if ttl == "0" then redis.call("UNLINK", ${key}) end
`

const write = `${put("v")}redis.call("UNLINK", l, f)
`

const endMarkers = (isCluster: boolean) => `ended = ended + redis.call("UNLINK", ${isCluster ? "d" : "d, g"})\n`

export const entries = (isCluster: boolean) => ({
  commit: {
    tells: `answer == 1`,
    keys: ["v", "l", "f"],
    args: ["generation", "frame", "ttl"],
    body: `if ownOf("HGET", l, "g") ~= generation then return 0 end
${requireWritable}${write}return 1
`
  },
  set: {
    tells: `answer == 1`,
    keys: keysOfWrite(isCluster),
    args: ["frame", "ttl"],
    body: `${requireWritable}${write}${endMarkers(isCluster)}return 1
`
  },
  /**
   * Writes a mark (see `toMark`) in place of a value that could not be stored. Without a generation, acts like `set`.
   * With a generation, acts like `commit`, but does nothing if no value is stored. Also runs on a full server.
   */
  entomb: {
    tells: `answer == 1`,
    keys: keysOfWrite(isCluster),
    args: ["generation", "frame", "ttl"],
    whenFull: true,
    body: `if generation ~= "" and ownOf("HGET", l, "g") ~= generation then return 0 end
${requireWritable}if generation ~= "" and not stored then return 1 end
${write}if generation == "" then ${endMarkers(isCluster).trimEnd()} end
return 1
`
  },
  /** Acts like `set`, if the stored value still begins with `head`. An empty `head` requires that no value exists. */
  setIf: {
    tells: `answer == 1`,
    keys: keysOfWrite(isCluster),
    args: ["frame", "ttl", "head"],
    body: `${requireWritable}if string.sub(stored or "", 1, #head) ~= head or (head == "" and stored) then return 0 end
${write}${endMarkers(isCluster)}return 1
`
  },
  /** Changes an entry's deadlines if the stored value still begins with `head`. Does not end a load in progress. */
  touch: {
    tells: `answer == 1`,
    keys: ["v"],
    args: ["frame", "ttl", "head"],
    body: `local stored = redis.pcall("GET", v)
if type(stored) ~= "string" or string.sub(stored, 1, #head) ~= head then return 0 end
${put("v")}return 1
`
  },
  /**
   * Removes an entry. If none exists, writes and removes a value, so that the server sends an invalidation. Keeps
   * another program's value. If the entry has tags, returns its bytes up to the last tag, for a validity check.
   */
  remove: {
    tells: `true`,
    keys: keysOfWrite(isCluster),
    args: [],
    whenFull: true,
    body: `local stored = redis.pcall("GET", v)
redis.call("UNLINK", l, f)
${endMarkers(isCluster)}if stored and (type(stored) ~= "string" or string.sub(stored, 1, 2) ~= "ec") then
${sendInvalidation("v")}  return 0
end
if stored then
  redis.call("UNLINK", v)
  local high, low = string.byte(stored, 50, 51)
  if not low or high + low == 0 then return 1 end
  local last = 51
  for _ = 1, high * 256 + low do
    local a, b, c, d = string.byte(stored, last + 1, last + 4)
    if not d then return 1 end
    last = last + 16 + (a % 128) * 16777216 + b * 65536 + c * 256 + d
  end
  return string.sub(stored, 1, last)
end
redis.call("SET", v, "")
redis.call("UNLINK", v)
return 0
`
  },
  measure: {
    keys: ["v"],
    args: [],
    whenFull: true,
    body: `local stored = textOf(v) or ""
return { #stored, string.sub(stored, 1, 51) }
`
  },
  /** Returns the numbers of the keys whose values do not begin with the text that was packed for the key. */
  others: {
    keys: [],
    args: ["count", "packed"],
    withoutEra: true,
    whenFull: true,
    body: `local others, at = {}, 1
for i = 1, tonumber(count) do
  ${indented(takeValue)}if redis.pcall("GETRANGE", KEYS[i], 0, size - 1) ~= value then others[#others + 1] = i end
end
return others
`
  }
} satisfies Sources)
