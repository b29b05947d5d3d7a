/**
 * Compiles a Lua script: names its keys and arguments, and adds the check of the era. On a single server, a script
 * first compares the era, and returns `ERA` if the era has changed. On a cluster, the era is in another slot, so the
 * caller reads the era separately. Scripts that free memory are allowed to run on a full server.
 */
import { createHash } from "node:crypto"

export interface Script {
  readonly source: string
  readonly sha: string
  /** Whether the first key is the era's key and the first argument is the expected era. */
  readonly checksEra: boolean
  readonly tells: boolean
}

export interface Source {
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
  readonly body: string
  readonly whenFull?: boolean
  /** Set if the era needs no check: the key names do not contain the era, or the script reads the era itself. */
  readonly withoutEra?: boolean
  /** A condition on `answer` in Lua: if it holds, the script publishes the message that precedes its arguments. */
  readonly tells?: string
}

export type Sources = Readonly<Record<string, Source>>

export const otherEra = "ERA"

/** The answer of a write that did not replace a value which another program or a newer release had stored. */
export const foreign = "FOREIGN"

/** Lua that reads a string. A value of another type counts as missing. Other errors, such as `NOPERM`, are raised. */
const textOf = `local function textOf(k)
  local found = redis.pcall("GET", k)
  if type(found) ~= "table" then return found end
  if not string.find(found.err, "WRONGTYPE") then return redis.call("GET", k) end
end
`

/** Lua that runs a read command on an own key. A value of another type is removed first. Other errors are raised. */
const ownOf = `local function ownOf(command, k, ...)
  local found = redis.pcall(command, k, ...)
  if type(found) ~= "table" or not found.err then return found end
  if string.find(found.err, "WRONGTYPE") then redis.call("UNLINK", k) end
  return redis.call(command, k, ...)
end
`

/** Lua that returns a text if it is a non-negative safe integer, like `toCount` in `protocol/replies.ts`. */
const toCount = `local function toCount(text)
  if type(text) == "string" and #text <= 16 and string.find(text, "^%d+$") and tonumber(text) <= ${Number.MAX_SAFE_INTEGER} then
    return text
  end
end
`

export const compile = (
  { args, body, keys, tells, whenFull = false, withoutEra = false }: Source,
  isCluster: boolean
): Script => {
  const checksEra = !isCluster && !withoutEra
  const first = checksEra ? 2 : 1
  const names = (from: string, all: ReadonlyArray<string>) =>
    all.length === 0 ? "" : `local ${all.join(", ")} = ${all.map((_, i) => `${from}[${from === "ARGV" && tells !== undefined ? first + 2 + i : first + i}]`).join(", ")}\n`
  const source = `#!lua${whenFull ? " flags=allow-oom" : ""}\n` +
    (checksEra || body.includes("textOf(") ? textOf : "") + (body.includes("ownOf(") ? ownOf : "") +
    (body.includes("toCount(") ? toCount : "") +
    (checksEra ? `if textOf(KEYS[1]) ~= ARGV[1] then return redis.status_reply("${otherEra}") end\n` : "") +
    names("KEYS", keys) + names("ARGV", args) + (tells === undefined ? body : `local ended = 0
local function step()
${body}end
local answer = step()
if ARGV[${first + 1}] ~= "" and not (type(answer) == "table" and answer.ok) and (${tells}) then
  redis.call("PUBLISH", ARGV[${first}], ARGV[${first + 1}] .. (ended > 0 and 1 or 0))
end
return answer
`)
  return { source, sha: createHash("sha1").update(source).digest("hex"), checksEra, tells: tells !== undefined }
}
