/** Every public export says what it is, where it belongs, and since when it is there. */
import { describe, expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** The files whose exports are public: those of the package's paths, and what `Cached` passes on as a whole. */
const modules = [
  ...globSync(["src/*.ts", "src/{serializers,testing}/*.ts", "src/drivers/*/[A-Z]*.ts"], { cwd: root }),
  ...Array.from(read("src/Cached.ts").matchAll(/^export \* from "\.\/(.+)"$/gm), ([, file]) => `src/${file}`)
].toSorted()

interface Documented {
  readonly name: string
  readonly doc: string
}

/** Every exported declaration, with the comment that ends on the line before it. */
const exportsOf = (text: string): ReadonlyArray<Documented> => {
  const lines = text.split("\n")
  return lines.flatMap((line, index) => {
    const [, name] = /^export (?:const|class|interface|type|function) (\w+)/.exec(line) ?? []
    if (name === undefined) return []
    const isDocumented = lines[index - 1]?.trimEnd().endsWith("*/") === true
    const start = isDocumented ? lines.findLastIndex((line, i) => i < index && line.startsWith("/**")) : index
    return [{ name, doc: lines.slice(start, index).join("\n") }]
  })
}

const sentence = /^\/\*\*\n \* [A-Z`].*[.:]/s

const complaints = ({ doc, name }: Documented): ReadonlyArray<string> =>
  doc.includes("@internal") ? [] : [
    ...sentence.test(doc.split("\n * @")[0]!) ? [] : [`${name}: no first sentence`],
    ...doc.includes("\n * @category ") ? [] : [`${name}: no @category`],
    ...doc.includes("\n * @since ") ? [] : [`${name}: no @since`]
  ]

describe("every public export says what it is", () => {
  it.each(modules)("%s", (file) => {
    const text = read(file)
    if (!file.includes("/internal/")) expect(text.slice(0, text.indexOf("*/"))).toMatch(/^\/\*\*\n \* .* \* @since /s)
    expect(exportsOf(text).flatMap(complaints)).toEqual([])
  })

  it("and what does not is found", () => {
    const found = exportsOf([
      "/**\n * Adds.\n *\n * @category math\n * @since 0.1.0\n */\nexport const good = 1",
      "export const bare = 1",
      "/**\n * @category math\n */\nexport interface Dumb {}",
      "/** @internal */\nexport type Own = 1"
    ].join("\n"))
    expect(found.flatMap(complaints)).toEqual([
      "bare: no first sentence",
      "bare: no @category",
      "bare: no @since",
      "Dumb: no first sentence",
      "Dumb: no @since"
    ])
  })
})
