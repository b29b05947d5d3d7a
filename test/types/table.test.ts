/** The compiler names each of 17 mistakes in the first line of its message, in each form of a cached effect. */
import { expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const folder = join(root, ".cache/table")

const soft = `softTtl: "1 minute", ttl: "1 hour"`

/** A mistake: the strategy, the other options, and what the first line must say. */
type Mistake = readonly [name: string, strategy: string, options: string, says: RegExp]

const mistakes: ReadonlyArray<Mistake> = [
  ["tll", "ttl", `tll: "1 hour"`, /'tll' does not exist|to write 'ttl'|'ttl' is missing/],
  ["no ttl", "ttl", ``, /'ttl' is missing/],
  ["softTTL", "softTtl", `softTTL: "1 minute", ttl: "1 hour", fallbackOn: ["Down"]`, /softTTL/],
  ["no softTtl", "softTtl", `ttl: "1 hour", fallbackOn: ["Down"]`, /'softTtl' is missing/],
  ["10 minuts", "ttl", `ttl: "10 minuts"`, /10 minuts/],
  ["softTtl under ttl", "ttl", `ttl: "1 hour", softTtl: "1 minute"`, /softTtl/],
  ["refreshAfter under softTtl", "softTtl", `${soft}, fallbackOn: ["Down"], refreshAfter: "1 minute"`, /refreshAfter/],
  ["fallbackOn Dwon", "softTtl", `${soft}, fallbackOn: ["Dwon"]`, /Dwon/],
  ["no fallbackOn", "softTtl", soft, /'fallbackOn' is missing.*NamesOutages|'fallbackOn' is missing/],
  ["storeFailures NotFond", "ttl", `ttl: "1 hour", storeFailures: ["NotFond"]`, /NotFond/],
  ["storeIf gives a string", "ttl", `ttl: "1 hour", storeIf: (p) => p.name`, /'string' is not|=> string/],
  ["storeIf takes a string", "ttl", `ttl: "1 hour", storeIf: (p: string) => p !== ""`, /string\)/],
  ["nme", "ttl", `ttl: (exit) => Exit.isSuccess(exit) ? exit.value.nme : 0`, /'nme' does not exist/],
  ["colour", "ttl", `ttl: "1 hour", colour: "red"`, /colour/],
  ["timeuot", "ttl", `ttl: "1 hour", timeuot: "1 second"`, /timeuot/],
  ["tags no list", "ttl", `ttl: "1 hour", tags: "users"`, /'string' is not assignable/],
  ["a word misspelt", "word", `strategy: "softTTL", ${soft}, fallbackOn: ["Down"]`, /softTTL/]
]

/** The options of a function. */
const flat = (strategy: string, options: string): string =>
  `{ ${[...strategy === "ttl" || strategy === "word" ? [] : [`strategy: "${strategy}"`], options].join(", ")} }`

type Form = (strategy: string, options: string) => string | undefined

const ofFunction = (before: string, after = ")"): Form => (strategy, options) =>
  `${before}, ${flat(strategy, options)}${after}`

/** A combinator, whose name is the word. */
const ofCombinator = (before: string, key: string, after: string): Form => (strategy, options) =>
  strategy === "word" ? undefined : `${before}Cached.${strategy}(${key}, { ${options} }${after}`

const forms: { readonly [name: string]: Form } = {
  "fn, class": ofFunction("Cached.fn(User, ({ id }) => get(id)"),
  "fn, string, lookup by name": ofFunction("Cached.fn(toKey, get"),
  "fn, string, lookup in place": ofFunction("Cached.fn((id: number) => `user:${id}`, (id) => get(id)"),
  "fn, keys, lookup by name": ofFunction("Cached.fn((id: number) => new User({ id }), get"),
  "fn, keys, lookup in place": ofFunction("Cached.fn((id: number) => new User({ id }), (id) => get(id)"),
  "make, string": ofFunction("Cached.make(Cached.fn((id: number) => `user:${id}`, (id) => get(id)", "))"),
  "make, class": ofFunction("Cached.make(Cached.fn(User, ({ id }) => get(id)", "))"),
  "recursive": ofFunction(
    "Cached.recursive(User, ({ id }, self) => id === 0 ? get(id) : Effect.catchTag(self({ id: 0 }), \"NotFound\", () => get(id))"
  ),
  "many": ofFunction("Cached.many(User, (keys) => getMany(keys.map(({ id }) => id))"),
  "resolver": (strategy, options) =>
    ofFunction("Cached.resolver(resolver")(strategy, options.replace(`"Down"`, `"NotFound"`)),
  "pipe, string": ofCombinator("load.pipe(", `"ada"`, "))"),
  "pipe, class": ofCombinator("load.pipe(", "ada", "))"),
  "first, string": ofCombinator("", `load, "ada"`, ")"),
  "first, class": ofCombinator("", "load, ada", ")"),
  "stream, pipe, string": ofFunction(`rows.pipe(Cached.stream("ada"`, "))"),
  "stream, pipe, class": ofFunction("rows.pipe(Cached.stream(ada", "))"),
  "stream, first, string": ofFunction(`Cached.stream(rows, "ada"`),
  "stream, first, class": ofFunction("Cached.stream(rows, ada")
}

/** Whether a mistake can be made in a form: a stream's functions get a summary, and a resolver takes no `timeout`. */
const isOf = (form: string, name: string): boolean =>
  !(form.startsWith("stream") && name === "storeIf gives a string") && !(form === "resolver" && name === "timeuot")

it("the first line names each mistake in each form", { timeout: 300_000 }, () => {
  const lines = [
    `import { Effect, Exit } from "effect"`,
    `import { Cached } from "effect-cached"`,
    `import { ada, get, getMany, load, resolver, rows, toKey, User } from "../../test/types/table/given.ts"`,
    `void [ada, Effect, get, getMany, load, resolver, rows, toKey, User]`
  ]
  const cells = Object.entries(forms).flatMap(([form, make]) =>
    mistakes.flatMap(([name, strategy, options, says]) => {
      const text = isOf(form, name) ? make(strategy, options) : undefined
      return text === undefined ? [] : [{ line: lines.push(text), cell: `${form}: ${name}`, says }]
    })
  )
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "table.ts"), lines.join("\n") + "\n")
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"], exclude: [] })
  )
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  const { stdout } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { encoding: "utf8" })
  const firsts = new Map<number, string>()
  for (const [, line, message] of stdout.matchAll(/^.*table\.ts\((\d+),\d+\): error (.*)$/gm)) {
    if (!firsts.has(Number(line))) firsts.set(Number(line), message!)
  }
  const unnamed = cells.flatMap(({ cell, line, says }) => {
    const first = firsts.get(line) ?? "compiles"
    return says.test(first) ? [] : [`${cell}: ${first}`]
  })
  expect(unnamed).toEqual([])
  expect(firsts.size).toBe(cells.length)
  expect(cells.length).toBeGreaterThanOrEqual(250)
})
