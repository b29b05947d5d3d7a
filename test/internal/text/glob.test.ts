/** Patterns, also against a plain reference. */
import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { CacheError } from "effect-cached"
import * as Glob from "../../../src/internal/text/glob.ts"

const matches = (pattern: string, text: string): boolean => Glob.make(pattern).matches(text)

const messageOf = (pattern: string): string => {
  try {
    Glob.make(pattern)
  } catch (error) {
    if (error instanceof CacheError.CacheConfigError) return error.message
    throw error
  }
  return "nothing was thrown"
}

describe("glob", () => {
  it.each<[pattern: string, matching: ReadonlyArray<string>, others: ReadonlyArray<string>]>([
    ["", [""], ["a"]],
    ["abc", ["abc"], ["", "ab", "abcd", "xabc", "ABC"]],
    ["*", ["", "a", "a:b\n*"], []],
    ["a*", ["a", "ab", "a\nb"], ["", "ba"]],
    ["*a", ["a", "ba", "aa"], ["", "ab"]],
    ["a**b", ["ab", "axb"], ["a", "b"]],
    ["*ab*ab*", ["abab", "xabxabx", "aabab"], ["ab", "abba", "aab"]],
    ["a?c", ["abc", "a?c", "a\nc"], ["ac", "abbc"]],
    ["??", ["ab", "😀é"], ["a", "abc", "😀"]],
    ["*?", ["a", "ab"], [""]],
    ["?*?", ["ab", "abc"], ["a", "", "😀"]],
    ["[abc]", ["a", "b", "c"], ["", "d", "ab", "["]],
    ["x[a-cx-z]", ["xa", "xb", "xc", "xy"], ["xd", "xw", "x-", "x"]],
    ["[^a-c]", ["d", "-", "^", "😀"], ["a", "b", "c", "", "dd"]],
    ["[*]", ["*"], ["", "a", "**"]],
    ["a[?][[]b", ["a?[b"], ["axyb"]],
    ["[-a]", ["-", "a"], ["b"]],
    ["[a-]", ["-", "a"], ["b", "]"]],
    ["[a-c-e]", ["a", "b", "c", "-", "e"], ["d"]],
    ["[^-]", ["a"], ["-"]],
    ["[a^]", ["a", "^"], ["b"]],
    ["[!a]", ["!", "a"], ["b"]],
    ["[a\\]", ["a", "\\"], ["]"]],
    ["a]", ["a]"], ["a"]],
    ["]", ["]"], [""]],
    ["[a]]", ["a]"], ["a", "]"]],
    ["[😀-😂]", ["😀", "😁", "😂"], ["😃", "\ud83d"]],
    ["*\ude00", ["x\ude00"], ["😀"]],
    ["\ud83d?", ["\ud83dx"], ["😀"]]
  ])("%j matches the whole text by its rules", (pattern, matching, others) => {
    for (const text of matching) expect([text, matches(pattern, text)]).toEqual([text, true])
    for (const text of others) expect([text, matches(pattern, text)]).toEqual([text, false])
  })

  it("CA-14: what is special to regular expressions, shells or paths is itself", () => {
    expect(matches("a.b", "axb")).toBe(false)
    for (const text of ["a.b", "a\\b", "a\\", "{a,b}", "!a", "a+", "(a|b)", "^a$", "a/b", "a b", "\\d"]) {
      expect([text, matches(text, text), Glob.make(text).isLiteral]).toEqual([text, true, true])
      expect([text, matches(`*${text}`, `x${text}`), matches(`*${text}`, "x")]).toEqual([text, true, false])
    }
    expect(matches("{a,b}*", "a")).toBe(false)
    expect(matches("\\*", "*")).toBe(false)
    expect(matches("\\*", "\\x")).toBe(true)
    expect(matches("a*b", "a/x/b")).toBe(true)
  })

  it("CA-14: the whole key must match", () => {
    expect(matches("pref:*:test", "pref:1:test")).toBe(true)
    expect(matches("pref:*:test", "pref::test")).toBe(true)
    expect(matches("pref:*:test", "pref:test")).toBe(false)
    expect(matches("pref:*:test", "ppref:1:test")).toBe(false)
    expect(matches("pref:*:test", "pref:1:tests")).toBe(false)
    expect(matches("pref:*:test", "pref:1:test\n")).toBe(false)
  })

  it("tells what every match begins with, and whether it is only itself", () => {
    const parts = (pattern: string) => {
      const { isLiteral, prefix } = Glob.make(pattern)
      return [prefix, isLiteral]
    }
    expect(parts("user:1")).toEqual(["user:1", true])
    expect(parts("")).toEqual(["", true])
    expect(parts("user:*:x")).toEqual(["user:", false])
    expect(parts("user?*")).toEqual(["user", false])
    expect(parts("user[*]")).toEqual(["user", false])
    expect(parts("*")).toEqual(["", false])
  })

  it("refuses a set that has no end, is empty or has a reversed range, and names the pattern", () => {
    expect(messageOf("user:[abc")).toMatch(/"user:\[abc".*has no `\]`.*`\[\[\]`/)
    expect(messageOf("[")).toMatch(/has no `\]`/)
    expect(messageOf("[a][")).toMatch(/has no `\]`/)
    for (const pattern of ["a[]", "[]a]", "[^]", "[^]a]"]) expect(messageOf(pattern)).toMatch(/is empty/)
    expect(messageOf("x[z-a]")).toMatch(/"x\[z-a\]".*`z-a` is reversed: write `a-z`/)
  })

  it("takes no more than the product of both lengths", () => {
    const millisOf = (pattern: string, text: string, expected: boolean): number => {
      const before = process.cpuUsage()
      expect(matches(pattern, text)).toBe(expected)
      return process.cpuUsage(before).user / 1000
    }
    // A run that tries every length would take seconds here, and would not end below.
    expect(millisOf("*a*a*a*a*b", "a".repeat(150), false)).toBeLessThan(200)
    const text = "a".repeat(10_000)
    expect(millisOf("*a*a*a*a*b", text, false)).toBeLessThan(500)
    expect(millisOf(`${"*a".repeat(20)}*`, text, true)).toBeLessThan(500)
    expect(millisOf(`*${"a".repeat(100)}b`, text, false)).toBeLessThan(500)
    expect(millisOf(`${"*[^b]?".repeat(20)}b`, text, false)).toBeLessThan(500)
  })
})

/** The meaning of a pattern, as a plain definition: exponential, so for short texts only. */
const naive = (pattern: ReadonlyArray<Part>, text: ReadonlyArray<typeof Character.Type>): boolean => {
  const [part, ...parts] = pattern
  const [first, ...rest] = text
  if (part === undefined) return first === undefined
  if (part.kind === "run") return naive(parts, text) || (first !== undefined && naive(pattern, rest))
  return first !== undefined && fits(part, first) && naive(parts, rest)
}

const fits = (part: Part, character: typeof Character.Type | "c"): boolean =>
  part.kind === "any" || (part.kind === "literal"
    ? part.character === character
    : part.kind === "set" && part.members.some((member) => member === character) !== part.negated)

const textOf = (part: Part): string => {
  switch (part.kind) {
    case "run":
      return "*"
    case "any":
      return "?"
    case "literal":
      return part.character
    case "set":
      return `[${part.negated ? "^" : ""}${part.members.join("")}]`
  }
}

const Character = Schema.Literals(["a", "b", ".", "😀"])
const Part = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("run") }),
  Schema.Struct({ kind: Schema.Literal("any") }),
  Schema.Struct({ kind: Schema.Literal("literal"), character: Character }),
  Schema.Struct({ kind: Schema.Literal("set"), members: Schema.NonEmptyArray(Character), negated: Schema.Boolean })
])
type Part = typeof Part.Type
const Parts = Schema.Array(Part).check(Schema.isMaxLength(7))
const Characters = Schema.Array(Character).check(Schema.isMaxLength(8))

describe("glob against a plain reference", () => {
  const runs = { arbitrary: { runs: 3000 } }

  it.prop("matches what the rules say", [Parts, Characters], ([parts, characters]) => {
    const [pattern, text] = [parts.map(textOf).join(""), characters.join("")]
    const glob = Glob.make(pattern)
    expect([pattern, text, glob.matches(text)]).toEqual([pattern, text, naive(parts, characters)])
    if (glob.matches(text)) expect(text.startsWith(glob.prefix)).toBe(true)
  }, runs)

  it.prop("matches a text that was made for the pattern", [Parts, Characters], ([parts, fill]) => {
    const made = parts.flatMap((part): ReadonlyArray<string> => {
      const character = (["a", "b", ".", "😀", "c"] as const).find((character) => fits(part, character))
      return part.kind === "run" ? fill : [character!]
    })
    const pattern = parts.map(textOf).join("")
    expect([pattern, made, matches(pattern, made.join(""))]).toEqual([pattern, made, true])
  }, runs)

  it.prop("any text written as sets of one is that text alone", [Schema.String, Schema.String], ([text, other]) => {
    const characters = Array.from(text).filter((character) => !"^]".includes(character))
    const glob = Glob.make(characters.map((character) => `[${character}]`).join(""))
    expect(glob.matches(characters.join(""))).toBe(true)
    expect(glob.matches(other)).toBe(other === characters.join(""))
  })
})
