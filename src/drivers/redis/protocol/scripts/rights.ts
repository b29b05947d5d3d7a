/**
 * A Lua script that tries each command that the scripts of stores and locks use, so that all missing rights are known
 * when connecting. Guards use six more, which a user without guards need not have.
 */
import type { Source } from "./script.ts"

/** The commands with arguments that the server accepts. Answers are ignored: only a refusal of the user counts. */
const tries = [
  `"SET", n, "", "PX", "1000"`,
  `"GET", n`,
  `"GETRANGE", n, "0", "0"`,
  `"HSET", n, "f", "v"`,
  `"HGET", n, "f"`,
  `"HMGET", n, "f"`,
  `"HDEL", n, "f"`,
  `"EXISTS", n`,
  `"PERSIST", n`,
  `"PEXPIREAT", n, "1"`,
  `"PEXPIRE", n, "1000"`,
  `"PEXPIRETIME", n`,
  `"PTTL", n`,
  `"TIME"`,
  `"UNLINK", n`
]

/** Lua that recognises a refusal of the user, in the words of several servers. */
const isRefusal =
  `string.find(said, "NOPERM") or string.find(said, "ACL failure in script") or string.find(said, "can't run this command")`

export const rights: Source = {
  keys: ["n"],
  args: [],
  whenFull: true,
  withoutEra: true,
  body: `local denied = {}
local function try(...)
  local answer = redis.pcall(...)
  local said = type(answer) == "table" and answer.err
  if said and (${isRefusal}) then table.insert(denied, string.lower(({...})[1])) end
end
${tries.map((args) => `try(${args})\n`).join("")}return denied
`
}
