import { describe, expect, it } from "@effect/vitest"
import { execFile, spawnSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { withAssertions } from "./assertions.ts"
import { type Block, blocks } from "./blocks.ts"

const root = resolve(import.meta.dirname, "../..")
// Inside the repository, so that blocks import `effect-cached` by its name.
const folder = join(root, "test/.docs")

const nameOf = ({ file, line }: Block): string => `${file.replaceAll("/", "-").replace(/\.(md|ts)$/, "")}-${line}.ts`

const write = (all: ReadonlyArray<Block>, name: string): string => {
  const target = join(folder, name)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(join(target, "run"), { recursive: true })
  const tsconfig = {
    extends: "../../../tsconfig.json",
    include: ["*.ts"],
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false }
  }
  writeFileSync(join(target, "tsconfig.json"), JSON.stringify(tsconfig))
  for (const block of all) writeFileSync(join(target, nameOf(block)), block.code)
  return target
}

/** The compiler's errors by the block's file name. */
const typeErrors = (target: string): (block: Block) => string => {
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  const run = spawnSync(process.execPath, [tsc, "-p", ".", "--pretty", "false"], { cwd: target, encoding: "utf8" })
  if (run.status !== 0 && !run.stdout.includes("error TS")) throw new Error(run.stdout + run.stderr)
  const messages = run.stdout.split(/\n(?=\S)/)
  return (block) => {
    const name = nameOf(block)
    return messages.filter((message) => message.startsWith(`${name}(`))
      .map((message) => message.replace(`${name}(`, `${block.file}(`)).join("\n")
  }
}

/** Runs a block in a process of its own; gives what it complained about. */
const complaints = (target: string, block: Block): Promise<string> => {
  const path = join(target, "run", nameOf(block))
  writeFileSync(path, withAssertions(block.file, block.code))
  const args = ["--conditions=effect-cached-source", "--import", join(root, "test/docs/runtime.ts"), path]
  return new Promise((done) =>
    execFile(
      process.execPath,
      args,
      { cwd: root, timeout: 60_000 },
      (error, stdout, stderr) =>
        done(
          error === null
            ? stderr
            : `${block.file}:${block.line}: this block fails\n${stderr || stdout || error.message}`
        )
    )
  )
}

const verify = (all: ReadonlyArray<Block>, name: string): (block: Block) => Promise<string> => {
  const target = write(all, name)
  const errorsOf = typeErrors(target)
  return async (block) => errorsOf(block) || (block.mode === "run" ? await complaints(target, block) : "")
}

const blocksOf = (file: string): ReadonlyArray<Block> => blocks(file, readFileSync(join(root, file), "utf8"))

describe.concurrent("documentation", { timeout: 120_000 }, () => {
  const documented = globSync(["README.md", "docs/**/*.md", "src/**/*.ts"], { cwd: root }).toSorted().flatMap(blocksOf)
  const complain = verify(documented, "blocks")

  it("there are blocks", () => expect(documented.length).toBeGreaterThan(0))

  for (const block of documented) {
    it(`${block.file}:${block.line} ${block.mode === "run" ? "runs and gives what it says" : "type-checks"}`, async () => {
      expect(await complain(block)).toBe("")
    })
  }
})

describe.concurrent("the runner of documentation", { timeout: 120_000 }, () => {
  const fence = (...lines: ReadonlyArray<string>): string => ["# Page", "", "```ts", ...lines, "```", ""].join("\n")
  const cases: ReadonlyArray<readonly [name: string, complaint: string, text: string]> = [
    ["a value", "", fence("1 + 1 // => 2")],
    ["another value", "page.md:4: expected 3, got 2", fence("1 + 1 // => 3")],
    ["an equal structure", "", fence("const a = { b: [1] }", "a // => { b: [1] }")],
    ["an equal Effect value", "", fence(`import { Option } from "effect"`, "Option.some(1) // => Option.some(1)")],
    ["a logged word", "", fence(`console.log("two words", 1) // => two words 1`)],
    ["another logged word", "page.md:4: expected two, got one", fence(`console.log("one") // => two`)],
    ["a logged structure", "", fence(`console.log({ a: "b" }) // => { a: "b" }`)],
    ["a constant", "page.md:4: expected 2, got 1", fence("const one: number = 1 // => 2", "console.log(one)")],
    [
      "a yielded effect",
      "page.md:6: expected 3, got 2",
      fence(
        `import { Console, Effect } from "effect"`,
        "Effect.runSync(Effect.gen(function*() {",
        "  yield* Effect.succeed(2) // => 3",
        "  yield* Console.log(2) // => 2",
        "}))"
      )
    ],
    [
      "an arrow that is never reached",
      `page.md:5: this "// =>" was never reached`,
      fence("export const f = () => {", "  console.log(1) // => 1", "}")
    ],
    ["an arrow behind no expression", `page.md:4: this "// =>" belongs to no`, fence("export {} // => 1")],
    ["a type error", "page.md(5,7): error TS2322", fence("", `const one: number = "1"`)],
    ["a thrown error", "page.md:3: this block fails", fence(`throw new Error("no")`)],
    ["a block that must not run", "", fence(`throw new Error("no")`).replace("```ts", "```ts no-run")],
    [
      "a JSDoc example",
      "page.md:4: expected 2, got 1",
      ["/**", " * Text", " * ```ts", " * console.log(1) // => 2", " * ```", " */"].join("\n")
    ]
  ]
  const written = cases.map(([, , text], index) => blocks(`page${index}.md`, text)[0]!)
  const complain = verify(written, "runner")

  cases.forEach(([name, complaint], index) => {
    it(`${complaint === "" ? "accepts" : "refuses"} ${name}`, async () => {
      const actual = await complain(written[index]!).catch((error: Error) => error.message)
      if (complaint === "") expect(actual).toBe("")
      else expect(actual).toContain(complaint.replace("page", `page${index}`))
    })
  })

  it("refuses unknown words after the fence", () => {
    expect(() => blocks("page.md", "```ts skip\n```\n")).toThrow("page.md:1")
  })

  it("refuses a fence that is never closed", () => {
    expect(() => blocks("page.md", "text\n```ts\n1\n")).toThrow("page.md:2")
  })
})
