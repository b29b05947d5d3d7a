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
  /** Whether a channel and a message precede the script's own arguments. */
  readonly tells: boolean
}

export interface Source {
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
  readonly body: string
  readonly whenFull?: boolean
  /** Set if the era needs no check: the key names do not contain the era, or the script reads the era itself. */
  readonly withoutEra?: boolean
  /**
   * A condition on the results `answer` and `changed` of the body, for scripts that change something. If it holds, the
   * script publishes, in the same step, the second of its arguments on the channel that the first one names. They
   * precede `args`.
   */
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

export const publish = (isCluster: boolean): string => isCluster ? "SPUBLISH" : "PUBLISH"

export const compile = (
  { args, body, keys, tells, whenFull = false, withoutEra = false }: Source,
  isCluster: boolean
): Script => {
  const checksEra = !isCluster && !withoutEra
  const first = checksEra ? 2 : 1
  const names = (from: string, first: number, all: ReadonlyArray<string>) =>
    all.length === 0 ? "" : `local ${all.join(", ")} = ${all.map((_, i) => `${from}[${first + i}]`).join(", ")}\n`
  const source = `#!lua${whenFull ? " flags=allow-oom" : ""}\n` +
    (checksEra || body.includes("textOf(") ? textOf : "") + (body.includes("ownOf(") ? ownOf : "") +
    (body.includes("toCount(") ? toCount : "") +
    (checksEra ? `if textOf(KEYS[1]) ~= ARGV[1] then return redis.status_reply("${otherEra}") end\n` : "") +
    names("KEYS", first, keys) + names("ARGV", tells === undefined ? first : first + 2, args) +
    (tells === undefined ? body : telling(body, { tells, first, command: publish(isCluster) }))
  return { source, sha: createHash("sha1").update(source).digest("hex"), checksEra, tells: tells !== undefined }
}

interface Telling {
  readonly tells: string
  readonly first: number
  readonly command: string
}

/** Lua that publishes what the body has changed. A body that refuses something answers with a status. */
const telling = (body: string, { command, first, tells }: Telling): string =>
  `local function change()
${body}end
local answer, changed = change()
if ARGV[${first + 1}] ~= "" and not (type(answer) == "table" and answer.ok) and ${tells} then
  redis.call("${command}", ARGV[${first}], ARGV[${first + 1}])
end
return answer
`
