/**
 * Makes key templates: strings with placeholders for values. Unless a template is `lossy`, different values produce
 * different strings. Values are percent-encoded except for the characters in `safe`. The text after a placeholder
 * begins with a character that no value contains. If a formatter loses information, a digest of the values is added.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type { CacheConfigError } from "../../../CacheError.ts"
import { mistake } from "../../options/options.ts"
import { makeCompile } from "../canonical.ts"
import { hash } from "../id.ts"
import { configError } from "../payload.ts"
import { type Fill, filler, type Given, rootOf } from "./fill.ts"
import { digestLength, type Filled } from "./formats.ts"
import { checkOptions, type Options, parse } from "./parse.ts"
import { templates } from "./templates.ts"

const noContext = (): undefined => undefined

type Ended = Exit.Exit<unknown, unknown>

export const make = (text: string, fields: Schema.Struct.Fields, options: Options = {}): unknown => {
  const fail = (problem: string): CacheConfigError => mistake(`The key template ${JSON.stringify(text)}: ${problem}`)
  checkOptions(text, fields, options, fail)
  const { holes, literals } = parse(text, options, fail)
  const compile = makeCompile()
  const fills = holes.map((hole) => {
    const wrong = (problem: string) => fail(`{${hole.source}} ${problem}`)
    return filler({ hole, root: rootOf(hole, fields, options), options, compile, wrong })
  })
  const texts = (given: Given) => join(literals, fills, given)
  const textOf = (payload: unknown, contextValue: Given["contextValue"] = noContext) =>
    texts({ payload, result: undefined, contextValue })[0]!
  const tagsOf = (exit: Ended, payload: unknown, contextValue: Given["contextValue"] = noContext) =>
    exit._tag === "Failure" ? [] : Array.from(new Set(texts({ payload, result: exit.value, contextValue })))
  const hasContext = holes.some(({ from }) => from === "context")
  const template = options.result === undefined
    ? (payload: unknown) =>
      hasContext ? inContext(options, (contextValue) => textOf(payload, contextValue)) : textOf(payload)
    : (exit: Ended, payload: unknown) =>
      hasContext ? inContext(options, (contextValue) => tagsOf(exit, payload, contextValue)) : tagsOf(exit, payload)
  const shown = new Set(
    holes.filter(({ from, path }) => from === "payload" && path.length === 1).map(({ path }) => path[0]!)
  )
  templates.set(template, (name, fields) => {
    if (hasContext || options.result !== undefined) {
      throw configError(name, "`id` is a template with context or result: an id is of the payload alone")
    }
    if (options.lossy !== true) refuseMissing(name, fields, shown)
    return { text, encode: (fields) => readable(textOf(fields)) }
  })
  return template
}

const refuseMissing = (name: string, fields: ReadonlyArray<string>, shown: ReadonlySet<string>): void => {
  const missing = fields.find((field) => !shown.has(field))
  if (missing === undefined) return
  throw configError(
    name,
    `the template of \`id\` does not name the field "${missing}", so different keys would have one id: add {${missing}}, ` +
      "list the field in `ignore`, or make the template `lossy`"
  )
}

/** Escapes a leading `#`, which would make a text look like a hash. No other text begins with `%#`. */
const readable = (text: string): string => text.startsWith("#") ? `%${text}` : text

const inContext = <A>({ context }: Options, f: (contextValue: Given["contextValue"]) => A): Effect.Effect<A> =>
  Effect.withFiber((fiber) => Effect.sync(() => f((name) => fiber.getRef(context![name]!))))

const join = (literals: ReadonlyArray<string>, fills: ReadonlyArray<Fill>, given: Given): ReadonlyArray<string> => {
  let all: ReadonlyArray<Filled> = [{ text: literals[0]!, lost: "" }]
  for (let i = 0; i < fills.length; i++) {
    const filled = fills[i]!(given)
    const literal = literals[i + 1]!
    all = all.flatMap((one) =>
      filled.map(({ lost, text }) => ({ text: one.text + text + literal, lost: one.lost + lost }))
    )
  }
  return all.map(({ lost, text }) => lost === "" ? text : `${text}#${hash(lost).slice(0, digestLength)}`)
}
