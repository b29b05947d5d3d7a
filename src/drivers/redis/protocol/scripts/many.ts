/** Lua scripts that do for many ids what other scripts do for one. On a cluster, the ids are in one slot. */
import { entries } from "./entries.ts"
import { acquire, leases } from "./leases.ts"
import { indented, readSequence, takeValue } from "./lua.ts"
import type { Sources } from "./script.ts"

interface Step {
  readonly keys: ReadonlyArray<string>
  readonly value?: string
  readonly args?: ReadonlyArray<string>
  readonly body: string
}

/** Lua that runs a step per id, whose keys and arguments end `KEYS` and `ARGV`. Damaged data makes no step fail. */
const forEachId = ({ args = [], body, keys, value }: Step): string => {
  const given = (from: string, at: string, names: ReadonlyArray<string>) =>
    names.map((_, i) => `${from}[${at} + ${i + 1}]`)
  const all = [
    ...given("KEYS", "keyAt", keys),
    ...value === undefined ? [] : ["value"],
    ...given("ARGV", "argAt", args)
  ]
  return `local function one(${[...keys, ...value === undefined ? [] : [value], ...args].join(", ")})
  ${indented(body).trimEnd()}
end
local ids = tonumber(count)
local answers, at, keyAt, argAt = {}, 1, #KEYS - ids * ${keys.length}, #ARGV - ids * ${args.length}
local firstKeyAt = keyAt
for i = 1, ids do
  ${value === undefined ? "" : indented(takeValue)}answers[i] = one(${all.join(", ")})
  keyAt, argAt = keyAt + ${keys.length}, argAt + ${args.length}
end
`
}

const answer = "return answers\n"

const endGroups = `if firstKeyAt > 1 then redis.call("UNLINK", unpack(KEYS, 2, firstKeyAt)) end
`

const one = { ...entries(true), ...leases }

const withoutGroups = ["v", "l", "f", "d"]

export const many = (isCluster: boolean) => ({
  acquireMany: {
    keys: isCluster ? [] : ["s"],
    args: ["owner", "fresh", "lease", "life", "join", "count", "packed"],
    body: (isCluster ? "" : readSequence) +
      forEachId({ body: acquire, keys: ["v", "l", "f"], value: "rejected" }) +
      (isCluster ? "" : "answers[ids + 1] = seq\n") +
      answer
  },
  renewMany: {
    keys: [],
    args: ["owner", "lease", "life", "count"],
    body: forEachId({ body: one.renew.body, keys: ["l"] }) + answer
  },
  commitMany: {
    tells: `true`,
    keys: [],
    args: ["count", "packed"],
    body: forEachId({
      body: one.commit.body,
      keys: ["v", "l", "f"],
      value: "frame",
      args: ["generation", "ttl"]
    }) + answer
  },
  setMany: {
    tells: `true`,
    keys: [],
    args: ["count", "packed"],
    body: forEachId({ body: one.set.body, keys: withoutGroups, value: "frame", args: ["ttl"] }) + endGroups + answer
  },
  removeMany: {
    tells: `true`,
    keys: [],
    args: ["count"],
    whenFull: true,
    body: forEachId({ body: one.remove.body, keys: withoutGroups }) + endGroups + answer
  }
} satisfies Sources)
