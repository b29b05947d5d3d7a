/**
 * Every public export says what it is, where it belongs, and since when it is there. Every public value has an example,
 * and those with neighbours say when to use them.
 */
import { describe, expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { families } from "./families.ts"
import { declarationsOf, type Documented, publicModules } from "./publicDocs.ts"

const root = resolve(import.meta.dirname, "../..")

const sentence = /^\/\*\*\n \* [A-Z`].*[.:]/s
const example = /^ \* \*\*Example\*\* \(.+\)\n \*\n \* ```ts( no-run)?\n/m

const complaints = ({ doc, isValue, name }: Documented): ReadonlyArray<string> => [
  ...sentence.test(doc.split("\n * @")[0]!) ? [] : [`${name}: no first sentence`],
  ...isValue && !example.test(doc) ? [`${name}: no **Example**`] : [],
  ...doc.includes("\n * @category ") ? [] : [`${name}: no @category`],
  ...doc.includes("\n * @since ") ? [] : [`${name}: no @since`]
]

const modules: ReadonlyArray<readonly [string, ReadonlyArray<Documented>]> = Array.from(publicModules)

describe("every public export says what it is", () => {
  it.each(modules)("%s", (_, all) => expect(all.flatMap(complaints)).toEqual([]))

  it.each(globSync(["src/*.ts", "src/{serializers,testing}/*.ts", "src/{config,drivers/*}/[A-Z]*.ts"], { cwd: root }))(
    "%s begins with what it is",
    (file) => {
      const text = readFileSync(join(root, file), "utf8")
      expect(text.slice(0, text.indexOf("*/"))).toMatch(/^\/\*\*\n \* .* \* @since /s)
    }
  )

  it("and what does not is found", () => {
    const found = declarationsOf([
      "/**\n * Adds.\n *\n * **Example** (Adding)\n *\n * ```ts\n * ```\n *\n * @category math\n * @since 0.1.0\n */",
      "export const good = 1",
      "export const bare = 1",
      "/**\n * @category math\n */\nexport interface Dumb {}"
    ].join("\n"))
    expect(found.flatMap(complaints)).toEqual([
      "bare: no first sentence",
      "bare: no **Example**",
      "bare: no @category",
      "bare: no @since",
      "Dumb: no first sentence",
      "Dumb: no @since"
    ])
  })
})

/** By qualified name: `Cached.ttl`. A value goes before a type of the same name. */
const declared: ReadonlyMap<string, Documented> = new Map(
  [false, true].flatMap((isValue) =>
    modules.flatMap(([module, all]) =>
      all.filter((documented) => documented.isValue === isValue)
        .map((documented) => [`${module}.${documented.name}`, documented] as const)
    )
  )
)

/** The qualified names after `@see`: of `{@link ttl}`, `Cached.ttl`, `effect-cached/serializers/Json`, or `ttl`. */
const seen = (module: string, doc: string): ReadonlyArray<string> =>
  Array.from(doc.matchAll(/^ \* @see (.+?)(?: for .*)?$/gm), ([, target]) => target!).flatMap((target) => {
    const home = target.endsWith(" of `effect-cached/testing`") ? "testing" : module
    return Array.from(
      target.matchAll(/\{@link (\w+)\}|`(\w+)`|`(\w+)\.(\w+)`|`effect-cached\/serializers\/(\w+)`/g),
      ([, link, alone, namespace, name, serializer]) => {
        if (serializer !== undefined) return `${serializer}.${serializer}`
        return namespace === undefined ? `${home}.${link ?? alone}` : `${namespace}.${name}`
      }
    )
  })

/** The gaps in the comment of a value with neighbours. */
const gaps = (value: string): ReadonlyArray<string> => {
  const neighbours = families.filter((family) => family.includes(value)).flat().filter((name) => name !== value)
  const { doc = "" } = declared.get(value) ?? {}
  return [
    ...doc.includes("\n * **When to use**\n") ? [] : [`${value}: no **When to use**`],
    ...seen(value.split(".")[0]!, doc).some((name) => neighbours.includes(name)) ? [] : [
      `${value}: no @see to one of ${neighbours.join(", ")}`
    ]
  ]
}

/** The public values of the record of types in `docs/api`, by qualified name. */
const recorded = globSync("docs/api/**/*.txt", { cwd: root }).flatMap((file) => {
  let module = basename(file, ".txt")
  return readFileSync(join(root, file), "utf8").split("\n").flatMap((line) => {
    module = /^export namespace (\w+)/.exec(line)?.[1] ?? module
    const [, name] = /^ *export (?:declare )?(?:const|class|function) (\w+)/.exec(line) ?? []
    return name === undefined ? [] : [`${line.startsWith(" ") ? module : basename(file, ".txt")}.${name}`]
  })
})

it("no public value is missed", () => {
  const values = Array.from(declared).filter(([, { isValue }]) => isValue).map(([name]) => name)
  expect(values.toSorted()).toEqual(Array.from(new Set(recorded)).toSorted())
})

describe("values between which a user has to choose", () => {
  const values = Array.from(new Set(families.flat()))

  it("are public", () => expect(values.filter((name) => declared.get(name)?.isValue !== true)).toEqual([]))

  it("say when to use them, and name a neighbour", () => expect(values.flatMap(gaps)).toEqual([]))

  it("and every @see names something public", () => {
    const wrong = modules.flatMap(([module, all]) =>
      all.flatMap(({ doc, name }) =>
        seen(module, doc).filter((target) => !declared.has(target)).map((target) => `${module}.${name}: ${target}`)
      )
    )
    expect(wrong).toEqual([])
  })
})
