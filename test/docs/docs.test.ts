/** Every block of the documentation type-checks, runs, and gives what its arrows say. */
import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join, resolve } from "node:path"
import { type Block, blocks } from "./blocks.ts"
import { runBlocks } from "./runBlocks.ts"
import { documented, nameOf, pathOf, prepare, write } from "./write.ts"

const root = resolve(import.meta.dirname, "../..")

/** The compiler's errors by the block's file name. */
const typeErrors = (target: string): Promise<(block: Block) => string> =>
  new Promise((resolve, reject) => {
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    execFile(process.execPath, [tsc, "-p", ".", "--pretty", "false"], { cwd: target }, (error, stdout, stderr) => {
      if (error !== null && !stdout.includes("error TS")) return reject(new Error(stdout + stderr))
      const messages = stdout.split(/\n(?=\S)/)
      resolve((block) => {
        const name = nameOf(block)
        return messages.filter((message) => message.startsWith(`${name}(`))
          .map((message) => message.replace(`${name}(`, `${block.file}(`)).join("\n")
      })
    })
  })

/** Checks and runs blocks; gives what each complains about. */
const verify = (all: ReadonlyArray<Block>, name: string): (block: Block) => Promise<string> => {
  const target = write(all, name)
  const run = async () => {
    const errorsOf = await typeErrors(target)
    const wrong = new Map(
      all.map((block) => [block, errorsOf(block) || (block.mode === "run" ? prepare(target, block) : "")])
    )
    const ready = all.filter((block) => block.mode === "run" && wrong.get(block) === "")
    const ended = await runBlocks(ready.map((block) => pathOf(target, block)), join(target, "report"))
    return (block: Block): string => {
      const result = ended.get(pathOf(target, block))
      if (result === undefined) return wrong.get(block)!
      return result.ok ? result.said : `${block.file}:${block.line}: this block fails\n${result.said}`
    }
  }
  let complaints: Promise<(block: Block) => string> | undefined
  return async (block) => (await (complaints ??= run()))(block)
}

describe.concurrent("documentation", { timeout: 300_000 }, () => {
  const complain = verify(documented, "blocks")

  it("there are blocks", () => expect(documented.length).toBeGreaterThan(0))

  for (const block of documented) {
    it(`${block.file}:${block.line} ${block.mode === "run" ? "runs and gives what it says" : "type-checks"}`, async () => {
      expect(await complain(block)).toBe("")
    })
  }
})

describe.concurrent("the runner of documentation", { timeout: 300_000 }, () => {
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
    // Many blocks share a process, in this order: nothing of one is seen by the next.
    [
      "a block that ends its process",
      `page.md:5: this "// =>" was never reached`,
      fence("process.exit()", "1 // => 1")
    ],
    ["a block that kills its process", "its process ended with SIGKILL", fence(`process.kill(process.pid, "SIGKILL")`)],
    ["a block that never ends", "never comes", fence("await new Promise(() => {})", "export {}")],
    ["an error after a while", "Error: later", fence(`setTimeout(() => { throw new Error("later") }, 5)`)],
    ["a rejection", "Error: no", fence(`void Promise.reject(new Error("no"))`)],
    ["an exit code", "page.md:3: this block fails", fence("process.exitCode = 3")],
    ["a printed error", "oh no", fence(`console.error("oh no")`)],
    ["a warning", "Warning: careful", fence(`process.emitWarning("careful")`)],
    [
      "a block that leaves much behind",
      "",
      fence(
        `import { channel } from "node:diagnostics_channel"`,
        `Reflect.set(globalThis, "leftover", channel.name)`,
        "Math.random = () => 4",
        "console.log = () => {}",
        `process.env["LEFTOVER"] = "1"`,
        `process.chdir("test")`,
        `process.on("SIGTERM", () => {})`,
        `setInterval(() => console.error("late"), 10).unref()`
      )
    ],
    [
      "a block after it, which sees nothing of that",
      "",
      fence(
        `import { existsSync } from "node:fs"`,
        `Reflect.has(globalThis, "leftover") // => false`,
        "Math.random() < 1 // => true",
        `String(console.log).includes("() => {}") // => false`,
        `process.env["LEFTOVER"] // => undefined`,
        `existsSync("package.json") // => true`,
        `process.listenerCount("SIGTERM") // => 0`,
        "await new Promise((resume) => setTimeout(resume, 50))"
      )
    ],
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
      const actual = await complain(written[index]!)
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
