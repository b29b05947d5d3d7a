/**
 * How a script is made of its source: names for its keys and arguments, and the check of the era.
 *
 * On a single server every script compares the era first, and answers `ERA` in another one. On a cluster the era is in
 * another slot, so it is asked for beside the script. Scripts that free memory also run on a full server.
 */
import { createHash } from "node:crypto"

/** A script as the server gets it. */
export interface Script {
  readonly source: string
  readonly sha: string
  /** Its first key and first argument are the era. */
  readonly checksEra: boolean
}

/** A script as it is written. */
export interface Source {
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
  readonly body: string
  /** It runs on a server that is full. */
  readonly whenFull?: boolean
  /** Its keys belong to no era, or it is about the era itself. */
  readonly withoutEra?: boolean
}

/** Scripts by their names. */
export type Sources = Readonly<Record<string, Source>>

/** The answer of a script in another era. */
export const otherEra = "ERA"

/** The answer of a write that found something unknown to this release, which it left alone. */
export const foreign = "FOREIGN"

/** Reads text: `nil` for another kind of value. Any other error, like a missing right, stays an error. */
const textOf = `local function textOf(k)
  local found = redis.pcall("GET", k)
  if type(found) ~= "table" then return found end
  if not string.find(found.err, "WRONGTYPE") then return redis.call("GET", k) end
end
`

/** As `toCount` of `protocol/replies.ts`: all but safe integers from 0 on count as missing. */
const toCount = `local function toCount(text)
  if type(text) == "string" and #text <= 16 and string.find(text, "^%d+$") and tonumber(text) <= ${Number.MAX_SAFE_INTEGER} then
    return text
  end
end
`

export const compile = (
  { args, body, keys, whenFull = false, withoutEra = false }: Source,
  isCluster: boolean
): Script => {
  const checksEra = !isCluster && !withoutEra
  const first = checksEra ? 2 : 1
  const names = (from: string, all: ReadonlyArray<string>) =>
    all.length === 0 ? "" : `local ${all.join(", ")} = ${all.map((_, i) => `${from}[${first + i}]`).join(", ")}\n`
  const source = `#!lua${whenFull ? " flags=allow-oom" : ""}\n` +
    (checksEra || body.includes("textOf(") ? textOf : "") + (body.includes("toCount(") ? toCount : "") +
    (checksEra ? `if textOf(KEYS[1]) ~= ARGV[1] then return redis.status_reply("${otherEra}") end\n` : "") +
    names("KEYS", keys) + names("ARGV", args) + body
  return { source, sha: createHash("sha1").update(source).digest("hex"), checksEra }
}
