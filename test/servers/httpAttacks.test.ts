/** Attacks on `HttpCacheMiddleware` of the packed package, over raw sockets, on the servers of Node, Bun and Deno. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { copyFileSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { isMissing, pathTo } from "../support/needs.ts"
import { declaredPackages, link, unpackInto } from "../support/packed.ts"

const project = realpathSync(mkdtempSync(join(tmpdir(), "effect-cached-attacks-")))
const program = "httpAttacksProcess.ts"

beforeAll(() => {
  unpackInto(project)
  link(project, declaredPackages())
  copyFileSync(join(import.meta.dirname, program), join(project, program))
}, 300_000)
afterAll(() => rmSync(project, { recursive: true, force: true }), 60_000)

const servers = [
  { name: "node", flags: [], kind: "node" },
  ...["node", "fetch"].flatMap((kind) => [
    { name: "bun", flags: [], kind },
    { name: "deno", flags: ["run", "--allow-all"], kind }
  ])
]

interface Attacked {
  readonly name: string
  readonly got: unknown
  readonly right: unknown
}

describe.each(servers)("under $name, with a server of the kind $kind", ({ flags, kind, name }) => {
  it.skipIf(isMissing(name))("no attack gets through", { timeout: 120_000 }, async () => {
    const command = name === "node" ? process.execPath : pathTo(name)!
    const env = { ...process.env, NODE_OPTIONS: "" }
    const { stdout } = await promisify(execFile)(command, [...flags, program, kind], { cwd: project, env })
    const attacks = stdout.trim().split("\n").map((line): Attacked => JSON.parse(line))
    expect(attacks.map(({ got, name }) => [name, got])).toEqual(attacks.map(({ name, right }) => [name, right]))
    expect(attacks).toHaveLength(10)
  })
})
