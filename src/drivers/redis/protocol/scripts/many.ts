/** Lua scripts that do for many ids what other scripts do for one. On a cluster, the ids are in one slot. */
import { entries } from "./entries.ts"
import { acquire, leases } from "./leases.ts"
import { indented, readSequence, takeValue } from "./lua.ts"
import type { Source, Sources } from "./script.ts"

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

const one = { ...entries(true), ...leases(false) }

/** Answers 0 in the most frequent case, to save bytes: a lease under the generation `fresh`, without failure note. */
const granted = `local function granted(g)
  local note = textOf(f)
  if g == fresh and not note then return 0 end
  return { g, note or false }
end
`

const withoutGroups = ["v", "l", "f", "d"]

const of = (source: Source, step: Partial<Step> & Pick<Step, "keys">, rest: string): string =>
  forEachId({ body: source.body, ...step }) + rest

export const many = {
  acquireMany: {
    keys: ["s"],
    args: ["owner", "fresh", "lease", "life", "join", "count", "packed"],
    body: readSequence +
      of(
        one.acquire,
        { keys: ["v", "l", "f"], value: "rejected", body: acquire(granted) },
        "answers[ids + 1] = seq\n"
      ) +
      answer
  },
  renewMany: {
    keys: [],
    args: ["owner", "lease", "life", "count"],
    body: of(one.renew, { keys: ["l"] }, answer)
  },
  commitMany: {
    tells: `true`,
    keys: [],
    args: ["count", "packed"],
    body: of(one.commit, { keys: ["v", "l", "f"], value: "frame", args: ["generation", "ttl"] }, answer)
  },
  setMany: {
    tells: `true`,
    keys: [],
    args: ["count", "packed"],
    body: of(one.set, { keys: withoutGroups, value: "frame", args: ["ttl"] }, endGroups + answer)
  },
  removeMany: {
    tells: `true`,
    keys: [],
    args: ["count"],
    whenFull: true,
    body: of(one.remove, { keys: withoutGroups }, endGroups + answer)
  }
} satisfies Sources
