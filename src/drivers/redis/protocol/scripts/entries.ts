/** Lua scripts that write, touch and remove entries. */
import { keysOfWrite, requireWritable } from "./lua.ts"
import type { Sources } from "./script.ts"

/** Writes a value. If the entry has ended, removes it at once: until Redis expires it, it would count as live. */
export const put = (key: string) =>
  `if ttl == "" or ttl == "0" then redis.call("SET", ${key}, frame) else redis.call("SET", ${key}, frame, "PX", ttl) end
if ttl == "0" then redis.call("UNLINK", ${key}) end
`

const write = `${put("v")}redis.call("UNLINK", l, f)
`

const endMarkers = (isCluster: boolean) => isCluster ? `redis.call("UNLINK", d)\n` : `redis.call("UNLINK", d, g)\n`

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
  /** Acts like `commit` of a result that cannot be stored: stores nothing in place of the former value. */
  discard: {
    tells: `answer == 1`,
    keys: ["v", "l", "f"],
    args: ["generation"],
    whenFull: true,
    body: `if ownOf("HGET", l, "g") ~= generation then return 0 end
${requireWritable}redis.call("UNLINK", v, l, f)
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
   * Removes an entry. Keeps another program's value. If the entry has tags, returns its bytes up to the last tag, for a
   * validity check.
   */
  remove: {
    tells: `true`,
    keys: keysOfWrite(isCluster),
    args: [],
    whenFull: true,
    body: `local stored = redis.pcall("GET", v)
redis.call("UNLINK", l, f)
${endMarkers(isCluster)}if type(stored) ~= "string" or string.sub(stored, 1, 2) ~= "ec" then return 0 end
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
`
  },
  measure: {
    keys: ["v"],
    args: [],
    whenFull: true,
    body: `local stored = textOf(v) or ""
return { #stored, string.sub(stored, 1, 51) }
`
  }
} satisfies Sources)
