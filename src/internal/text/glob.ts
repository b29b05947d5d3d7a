/**
 * Patterns for keys, the same in every store. The whole text must match. A character is a code point.
 * - `*` matches any run of characters, `?` any one character.
 * - `[a-z_]` matches one character of a set, `[^a-z]` one that is not in the set.
 * - Any other character matches itself, for example `.`, `\`, `{`, `!`, `]` outside a set, and `*`, `?`, `[` in a set.
 *
 * A set is read from left to right. `-` between two characters makes a range; first, last or after a range it matches
 * itself. `^` matches itself unless it is first. The first `]` ends the set, as in Redis, so no set contains a `]`.
 */
import { CacheConfigError } from "../../CacheError.ts"

export interface Glob {
  readonly pattern: string
  readonly prefix: string
  /** Whether the pattern has no special character, so that it matches only itself. */
  readonly isLiteral: boolean
  readonly matches: (text: string) => boolean
}

/** Compiles a pattern. Throws a `CacheConfigError` for an unterminated set, an empty set or a reversed range. */
export const make = (pattern: string): Glob => {
  const special = pattern.search(/[*?[]/)
  if (special === -1) return { pattern, prefix: pattern, isLiteral: true, matches: (text) => text === pattern }
  const prefix = pattern.slice(0, special)
  const tokens = parse(pattern)
  return { pattern, prefix, isLiteral: false, matches: (text) => text.startsWith(prefix) && matchAll(tokens, text) }
}

/** The pattern that matches only this text. */
export const escape = (text: string): string => text.replaceAll(/[*?[]/g, "[$&]")

const anyRun = "*"

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
      `the set \`[${content.join("")}]\` is empty; write a \`]\` outside of sets, where it matches itself`
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

/** Backtracks to the last `*` only: a longer match for an earlier `*` cannot help. Takes O(pattern × text length). */
const matchAll = (tokens: ReadonlyArray<Token>, text: string): boolean => {
  let next = 0
  let at = 0
  // The index of the token after the last `*`, and the end of the text that this `*` matches so far.
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
