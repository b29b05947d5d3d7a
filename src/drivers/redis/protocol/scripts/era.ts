/** Lua scripts that run when connecting, and those that read the era (the version in key names) or start a new one. */
import { indented, nowMicros, readSequence } from "./lua.ts"
import { publish, type Sources } from "./script.ts"

/** The commands with arguments that the server accepts. Answers are ignored: only a refusal of the user counts. */
const tries = [
  ...["GET", "PERSIST", "PEXPIRETIME", "PTTL"].map((name) => `"${name}", n`),
  ...["HGET", "HMGET", "HDEL"].map((name) => `"${name}", n, "f"`),
  `"SET", n, "", "PX", "1000"`,
  `"HSET", n, "f", "v"`,
  `"PEXPIREAT", n, "1"`,
  `"PEXPIRE", n, "1000"`,
  `"TIME"`,
  `"UNLINK", n`
]

/** Lua that recognises a refusal of the user, in the words of several servers. */
const isRefusal = ["NOPERM", "ACL failure in script", "can't run this command", "can't publish to the channel"]
  .map((words) => `string.find(said, "${words}")`).join(" or ")

export const era = (isCluster: boolean) => ({
  /**
   * Tries each command that the scripts of stores and locks use, so that all missing rights are known at once. Guards
   * use six more, which a user without guards need not have.
   */
  rights: {
    keys: ["n"],
    args: ["channel", "silence"],
    whenFull: true,
    withoutEra: true,
    body: `local denied = {}
local function try(...)
  local answer = redis.pcall(...)
  local said = type(answer) == "table" and answer.err
  if said and (${isRefusal}) then table.insert(denied, string.lower(({...})[1])) end
end
try("${publish(isCluster)}", channel, silence)
${tries.map((args) => `try(${args})\n`).join("")}return denied
`
  },
  /** Returns the era and the sequence of invalidations. Recreates either of them if it is missing or damaged. */
  control: {
    keys: ["e", "s"],
    args: [],
    withoutEra: true,
    whenFull: true,
    body: `local era = toCount(textOf(e))
if not era then
  ${indented(nowMicros)}era = string.format("%.0f", micros)
  redis.call("SET", e, era)
end
${readSequence}return { era, seq }
`
  },
  clear: {
    tells: `true`,
    keys: ["e"],
    args: [],
    withoutEra: true,
    whenFull: true,
    body: `${nowMicros}local era = tonumber(toCount(textOf(e)) or "0")
local fresh = string.format("%.0f", math.max(micros, era + 1))
redis.call("SET", e, fresh)
return { fresh }
`
  }
} satisfies Sources)
