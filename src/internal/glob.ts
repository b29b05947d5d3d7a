/**
 * Patterns for keys, the same in every store: `*` is any run of characters, `?` is one, `[a-z_]` one of a set, `[^a-z]`
 * one that is not in it. Everything else is itself, `.`, `\`, `{`, `!` and a `]` outside a set too; in a set so are
 * `*`, `?` and `[`. The whole text must match. A character is a code point.
 *
 * A set is read from left to right: `-` between two characters makes a range, and is itself where it is first, last or
 * after a range; `^` is itself where it is not first; the first `]` ends it, as in Redis, so no set contains one.
 */
import { CacheConfigError } from "../CacheError.ts"

export interface Glob {
  /** what every match begins with: the text before the first special character, all of it where there is none */
  readonly prefix: string
  /** without special characters, so that it matches nothing but itself */
  readonly isLiteral: boolean
  readonly matches: (text: string) => boolean
}

/** Throws `CacheConfigError` for a set without end, an empty one and a reversed range. */
export const make = (pattern: string): Glob => {
  const special = pattern.search(/[*?[]/)
  if (special === -1) return { prefix: pattern, isLiteral: true, matches: (text) => text === pattern }
  const prefix = pattern.slice(0, special)
  const tokens = parse(pattern)
  return { prefix, isLiteral: false, matches: (text) => text.startsWith(prefix) && matchAll(tokens, text) }
}

const anyRun = "*"

/** any run of characters, or a test of one */
type Token = typeof anyRun | ((codePoint: number) => boolean)

const parse = (pattern: string): ReadonlyArray<Token> => {
  const characters = Array.from(pattern)
  const tokens: Array<Token> = []
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!
    if (character === "*") tokens.push(anyRun)
    else if (character === "?") tokens.push(() => true)
    else if (character === "[") {
      const end = characters.indexOf("]", i)
      if (end === -1) throw invalid(pattern, "a set that begins with `[` has no `]`; a `[` itself is written `[[]`")
      tokens.push(set(pattern, characters.slice(i + 1, end)))
      i = end
    } else tokens.push(literal(character))
  }
  return tokens
}

const literal = (character: string): Token => {
  const expected = character.codePointAt(0)
  return (codePoint) => codePoint === expected
}

const set = (pattern: string, content: ReadonlyArray<string>): Token => {
  const negated = content[0] === "^"
  const members = negated ? content.slice(1) : content
  if (members.length === 0) {
    throw invalid(
      pattern,
      `the set \`[${content.join("")}]\` is empty; a \`]\` is itself outside a set and never in one`
    )
  }
  const ranges: Array<readonly [first: number, last: number]> = []
  for (let i = 0; i < members.length; i++) {
    const isRange = members[i + 1] === "-" && i + 2 < members.length
    const [from, to] = [members[i]!, members[isRange ? i + 2 : i]!]
    const range = [from.codePointAt(0)!, to.codePointAt(0)!] as const
    if (range[0] > range[1]) throw invalid(pattern, `the range \`${from}-${to}\` is reversed: write \`${to}-${from}\``)
    ranges.push(range)
    if (isRange) i += 2
  }
  return (codePoint) => ranges.some(([first, last]) => first <= codePoint && codePoint <= last) !== negated
}

const invalid = (pattern: string, problem: string): CacheConfigError =>
  new CacheConfigError({ message: `The pattern ${JSON.stringify(pattern)}: ${problem}` })

/**
 * Greedy, with one place to come back to: where a later run of any characters has begun, no earlier one need give or
 * take, so time is at most the product of both lengths.
 */
const matchAll = (tokens: ReadonlyArray<Token>, text: string): boolean => {
  let next = 0
  let at = 0
  // the token after the last run, and where in the text that run ends so far
  let afterRun = -1
  let runEnd = 0
  while (at < text.length) {
    const token = tokens[next]
    if (token === anyRun) {
      afterRun = ++next
      runEnd = at
    } else if (token?.(text.codePointAt(at)!) === true) {
      next++
      at = following(text, at)
    } else {
      if (afterRun === -1) return false
      if (afterRun === tokens.length) return true
      next = afterRun
      at = runEnd = following(text, runEnd)
    }
  }
  while (tokens[next] === anyRun) next++
  return next === tokens.length
}

const following = (text: string, at: number): number => at + (text.codePointAt(at)! > 0xffff ? 2 : 1)
