/**
 * Compiles a script: names the keys and arguments, and adds the check of the era. On a single server every script
 * compares the era first, and answers `ERA` if it has changed. On a cluster the era is in another slot, so it is read
 * beside the script. Scripts that free memory also run on a full server.
 */
import { createHash } from "node:crypto"

export interface Script {
  readonly source: string
  readonly sha: string
  /** The first key and the first argument are the era. */
  readonly checksEra: boolean
}

export interface Source {
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
  readonly body: string
  readonly whenFull?: boolean
  /** The keys belong to no era, or the script is about the era itself. */
  readonly withoutEra?: boolean
}

export type Sources = Readonly<Record<string, Source>>

export const otherEra = "ERA"

/** The answer of a write that found a value unknown to this release, and left it unchanged. */
export const foreign = "FOREIGN"

/** Treats another kind of value as missing. Any other error, such as a missing right, stays an error. */
const textOf = `local function textOf(k)
  local found = redis.pcall("GET", k)
  if type(found) ~= "table" then return found end
  if not string.find(found.err, "WRONGTYPE") then return redis.call("GET", k) end
end
`

/** Like `toCount` in `protocol/replies.ts`: anything but a non-negative safe integer counts as missing. */
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
