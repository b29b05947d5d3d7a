/**
 * Finds the TypeScript blocks of the documentation: fences marked `ts` in Markdown and in JSDoc comments.
 *
 * ` ```ts ` is type-checked and run, ` ```ts no-run ` is only type-checked. Every other word after `ts` is a mistake.
 */
export interface Block {
  /** Path from the root of the repository. */
  readonly file: string
  /** Line of the opening fence, counted from 1. */
  readonly line: number
  readonly mode: "run" | "check"
  /** The block on the lines (and from the columns) where it stands in its file, so that every error's place is true. */
  readonly code: string
}

const fence = /^( *(?:\* ?)?)```(.*)$/

const modeOf = (info: string, place: string): Block["mode"] | undefined => {
  const [language, ...words] = info.trim().split(/\s+/)
  if (language !== "ts" && language !== "typescript") return undefined
  if (words.length === 0) return "run"
  if (words.length === 1 && words[0] === "no-run") return "check"
  throw new Error(`${place}: unknown words after the fence: "${info}" (there are "ts" and "ts no-run")`)
}

/** A line of a JSDoc comment without its star. */
const uncomment = (line: string): string => line.replace(/^ *\* ?/, (star) => " ".repeat(star.length))

/** All blocks of one file, in order. */
export const blocks = (file: string, text: string): ReadonlyArray<Block> => {
  const found: Array<Block> = []
  const lines = text.split("\n")
  for (let start = 0; start < lines.length; start++) {
    const open = fence.exec(lines[start]!)
    if (open === null) continue
    const place = `${file}:${start + 1}`
    const end = lines.findIndex((line, index) => index > start && fence.exec(line)?.[2]?.trim() === "")
    if (end < 0) throw new Error(`${place}: this fence is never closed`)
    const mode = modeOf(open[2]!, place)
    if (mode !== undefined) {
      const body = lines.slice(start + 1, end).map(open[1]!.includes("*") ? uncomment : (line) => line)
      found.push({ file, line: start + 1, mode, code: "\n".repeat(start + 1) + body.join("\n") + "\n" })
    }
    start = end
  }
  return found
}
