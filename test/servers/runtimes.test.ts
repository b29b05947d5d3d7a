/** Bun and Deno run the documentation, and the laws of all stores and locks hold there. */
import { beforeAll, describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import type { Block } from "../docs/blocks.ts"
import { fromSource, runBlocks } from "../docs/runBlocks.ts"
import { documented, pathOf, prepare, write } from "../docs/write.ts"
import { isMissing, pathTo } from "../support/needs.ts"
import { type Checked, subjects } from "./laws.ts"

const root = resolve(import.meta.dirname, "../..")

const runtimes = [
  { name: "bun", flags: [] },
  { name: "deno", flags: ["run", "--allow-all"] }
]

const blocks = documented.filter(({ mode }) => mode === "run")

/** Bun has `node:test` only where it runs tests itself. */
const isOfNodeTest = (block: Block): boolean => block.code.includes(`from "node:test"`)

describe.skipIf(isMissing("deno"))("under deno without permissions", () => {
  it.each([[[], "Denied"], [["--allow-read", "--allow-write", "--allow-sys"], undefined]] as const)(
    "%s: a folder is refused with reason %s",
    async (permissions, reason) => {
      const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
      const args = ["run", "--no-prompt", ...permissions, fromSource]
      const { stdout } = await promisify(execFile)(pathTo("deno")!, [...args, "test/servers/probeProcess.ts", folder], {
        cwd: root
      })
      const said = reason === undefined ? "yes" : `no: \`StoreError\`, ${reason}`
      expect(JSON.parse(stdout)).toMatchObject({ "`CacheLayer.disk`": said, "`CacheLayer.files`": said })
      rmSync(folder, { recursive: true, force: true })
    }
  )
})

describe.each(runtimes)("under $name", ({ flags, name }) => {
  const skipped = isMissing(name)
  const runtime = [pathTo(name) ?? name, ...flags]

  describe.skipIf(skipped)("the documentation runs and gives what it says", () => {
    const complaints = new Map<Block, string>()

    beforeAll(async () => {
      const target = write(blocks, name)
      for (const block of blocks) expect(prepare(target, block)).toBe("")
      const paths = blocks.map((block) => pathOf(target, block))
      const ended = await runBlocks(paths, join(target, "report"), { runtime: [...runtime, fromSource] })
      for (const block of blocks) {
        const { ok, said } = ended.get(pathOf(target, block))!
        complaints.set(block, ok ? said : said || "it failed")
      }
    }, 300_000)

    for (const block of blocks) {
      it(`${block.file}:${block.line}`, () => {
        if (name === "bun" && isOfNodeTest(block)) {
          expect(complaints.get(block)).toContain("Cannot use test outside of the test runner")
        } else expect(complaints.get(block)).toBe("")
      })
    }
  })

  describe.skipIf(skipped).each(Object.keys(subjects))("the laws hold for %s", (subject) => {
    let checked: ReadonlyArray<Checked> = []

    beforeAll(async () => {
      const [command, ...args] = [...runtime, fromSource, "test/servers/laws.ts", subject]
      const { stderr, stdout } = await promisify(execFile)(command!, args, { cwd: root })
      expect(stderr).toBe("")
      checked = stdout.trim().split("\n").map((line): Checked => JSON.parse(line))
    }, 300_000)

    it.each(subjects[subject]!().map((law) => law.name))("%s", (name) => {
      expect(checked.find(({ law }) => law === name)).toEqual({ subject, law: name, broken: "" })
    })
  })
})
