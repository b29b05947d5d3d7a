/** The output for people: lines that no stored text can break, tables, questions and progress. */
import * as CliOutput from "effect/cli/CliOutput"
import * as Flag from "effect/cli/Flag"
import * as Prompt from "effect/cli/Prompt"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { failed, misused } from "./failure.ts"

/** Escapes what could move the cursor, start another line or change the direction of the text. */
export const escape = (text: string): string =>
  text.replaceAll(
    /\p{C}|[\u2028\u2029]/gu,
    (character) => Array.from({ length: character.length }, (_, i) => unicode(character[i]!)).join("")
  )

/** Escapes a text with several lines. */
export const escapeLines = (text: string): string => text.split("\n").map(escape).join("\n")

/** Cuts a text to a width in columns. */
export const cut = (text: string, columns: number): string => {
  // Most texts are short, and an id of 10 kB must not be measured again and again.
  const short = text.length > 4 * columns ? text.slice(0, 4 * columns) : text
  if (short === text && CliOutput.displayWidth(text) <= columns) return text
  let cut = ""
  let width = 0
  for (const character of short) {
    width += CliOutput.displayWidth(character)
    if (width >= columns) break
    cut += character
  }
  return `${cut}…`
}

/** The width of the terminal, or `undefined` if the output goes elsewhere and is not cut. */
export const columns = (): number | undefined => process.stdout.isTTY ? process.stdout.columns || 80 : undefined

/** Prints whole lines, also if the command is interrupted meanwhile. */
export const print = (text: string): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.callback((resume) => {
    if (process.stdout.isTTY) clearProgress()
    process.stdout.write(text, () => resume(Effect.void))
  }))

/** A line of JSON, in which characters that a terminal would obey are escaped. */
export const jsonLine = (value: object): string =>
  `${
    JSON.stringify(value).replaceAll(/[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, unicode)
  }\n`

const unicode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

export const json = (value: object): Effect.Effect<void> => print(jsonLine(value))

/** A message beside the output. */
export const complain = (text: string): void => {
  clearProgress()
  process.stderr.write(`${text}\n`)
}

/** A note beside the output, which is left out without a terminal. */
export const note = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    if (process.stderr.isTTY) complain(text)
  })

const isPlain = (): boolean => (process.env["NO_COLOR"] ?? "") !== "" || !process.stdout.isTTY

export const bold = (text: string): string => isPlain() ? text : `\u001b[1m${text}\u001b[22m`

export const hasColors = (): boolean => !isPlain()

/** Fills a text up to a width in columns. */
export const pad = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(0, columns - CliOutput.displayWidth(text)))

/** A table of names and values. */
export const fields = (rows: ReadonlyArray<readonly [name: string, value: string]>): string => {
  const width = Math.max(...rows.map(([name]) => CliOutput.displayWidth(name)))
  return rows.map(([name, value]) => `${pad(name, width)}  ${value}\n`).join("")
}

export const size = (bytes: number): string => {
  const [divisor, unit] = bytes < 1000 ? [1, "B"] : bytes < 1e6 ? [1e3, "kB"] : bytes < 1e9 ? [1e6, "MB"] : [1e9, "GB"]
  return `${(bytes / divisor).toFixed(divisor === 1 ? 0 : 1)} ${unit}`
}

const units = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "m"], [1000, "s"]] as const

/** A length of time in its two largest units. */
export const duration = (millis: number): string => {
  const at = units.findIndex(([unit]) => millis >= unit)
  if (at < 0) return `${Math.round(millis)} ms`
  return units.slice(at, at + 2).map(([unit, name], i) => [
    Math.floor((i === 0 ? millis : millis % units[at]![0]) / unit),
    name
  ]).filter(([count], i) => i === 0 || count !== 0).map((part) => part.join("")).join(" ")
}

export const number = (count: number): string => String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",")

const counted = (count: number, one: string, more = `${one}s`): string => `${number(count)} ${count === 1 ? one : more}`

export const entries = (count: number): string => counted(count, "entry", "entries")

/** Up to ten ids, for a question. */
export const sample = (ids: ReadonlyArray<string>, count: number): string =>
  ids.map((id) => `  ${cut(escape(id), 70)}\n`).join("") +
  (count > ids.length ? `  and ${number(count - ids.length)} more\n` : "")

let hasProgress = false

/** Removes the line of the progress, whose end would stay behind a shorter line. */
const clearProgress = (): void => {
  if (hasProgress) process.stderr.write("\r\u001b[2K")
  hasProgress = false
}

/** Shows how far long work has come. Returns a function that gets the number of entries so far. */
export const progress = Effect.fnUntraced(
  function*(verb: string): Effect.fn.Return<(count: number) => void, never, Scope.Scope> {
    yield* Effect.addFinalizer(() => Effect.sync(clearProgress))
    const clock = yield* Clock.Clock
    const start = clock.currentTimeMillisUnsafe()
    let shownAt = start
    return (count) => {
      const now = clock.currentTimeMillisUnsafe()
      if (!process.stderr.isTTY || now - shownAt < 200) return
      shownAt = now
      const rate = Math.round(count / (now - start) * 1000)
      process.stderr.write(`\r\u001b[2K${verb} ${entries(count)}, ${number(rate)} a second\r`)
      hasProgress = true
    }
  }
)

/** A flag that is off unless it is given. */
export const toggle = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withoutNegation, Flag.withDefault(false))

export const jsonFlag = toggle("json", "Print JSON for programs; effect-cached schema prints its schema")

/** The flags of commands that remove something. */
export const careful = {
  yes: Flag.withAlias(toggle("yes", "Do not ask first"), "y"),
  dryRun: toggle("dry-run", "Only say what would change"),
  json: jsonFlag
}

/** Asks before something is removed. */
export const confirm = Effect.fnUntraced(function*(question: string, details: string, isSure: boolean) {
  if (isSure) return
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    return yield* Effect.fail(
      misused(`${question} There is no terminal to ask in, so nothing was changed: repeat it with --yes, or --dry-run`)
    )
  }
  yield* print(details)
  if (!(yield* Prompt.run(Prompt.Confirm({ message: question, initial: false })))) {
    return yield* Effect.fail(failed("Nothing was changed"))
  }
})
