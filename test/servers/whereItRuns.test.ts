/**
 * The table of `docs/where-it-runs.md`, written by trying each layer on each platform. `UPDATE_DOCS=1` writes it again.
 */
import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { bundle } from "../support/bundle.ts"
import { isMissing, pathTo } from "../support/needs.ts"
import { pageOf, start as startBrowser } from "./browser/browser.ts"
import type { Probed } from "./probe.ts"
import { start as startWorker } from "./workers/workerd.ts"

const root = resolve(import.meta.dirname, "../..")
const page = join(root, "docs/where-it-runs.md")

const process = async (...command: ReadonlyArray<string>): Promise<Probed> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
  try {
    const args = [...command.slice(1), "--conditions=effect-cached-source", "test/servers/probeProcess.ts", folder]
    const { stderr, stdout } = await promisify(execFile)(command[0]!, args, { cwd: root })
    expect(stderr).toBe("")
    return JSON.parse(stdout)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const inBrowser = async (): Promise<Probed> => {
  const script = await bundle("test/servers/browser/page.ts")
  const { context, stop, url } = await startBrowser({
    "/": pageOf("/page.js"),
    "/page.js": { type: "text/javascript", body: script }
  })
  try {
    const tab = await context.newPage()
    await tab.goto(url)
    return await tab.evaluate<Probed>(`commands.probe("cache")`)
  } finally {
    await stop()
  }
}

const inWorker = async (): Promise<Probed> => {
  const worker = await startWorker()
  try {
    return await (await fetch(new URL("/probe", await worker.ready))).json() as Probed
  } finally {
    await worker.dispose()
  }
}

/** The columns of the table. */
const platforms: { readonly [name: string]: () => Promise<Probed> } = {
  "Node": () => process("node"),
  "Bun": () => process(pathTo("bun")!),
  "Deno": () => process(pathTo("deno")!, "run", "--allow-all"),
  "browsers": inBrowser,
  "Workers": inWorker
}

const missing = ["bun", "deno", "chromium", "workerd"].filter((program) => isMissing(program))

describe.skipIf(missing.length > 0)("docs/where-it-runs.md", { timeout: 120_000 }, () => {
  it("says what happens on each platform: otherwise UPDATE_DOCS=1", async () => {
    const names = Object.keys(platforms)
    const probed: Array<Probed> = []
    for (const name of names) probed.push(await platforms[name]!())
    const rows = Object.keys(probed[0]!).map((layer) => [layer, ...probed.map((said) => said[layer]!)])
    const lines = [["", ...names], names.map(() => "---").concat("---"), ...rows].map((cells) =>
      `| ${cells.join(" | ")} |`
    )
    const table = lines.join("\n").replace("|  |", "| |")
    const text = readFileSync(page, "utf8")
    const region = /(<!-- platforms -->\n)[^]*?(<!-- end -->)/
    const written = text.replace(region, (_, open, close) => `${open}\n${table}\n\n${close}`)
    if (globalThis.process.env["UPDATE_DOCS"] === "1") writeFileSync(page, written)
    expect(readFileSync(page, "utf8")).toBe(written)
    expect(written).toContain("| `CacheLayer.memory` | yes")
  })
})
