/** The command `effect-cached`, as a process: what only a process has. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { outputs } from "../../src/cli/schema.ts"
import { command, commandPath, folders, jsonLines, layerOf, seed } from "../support/command.ts"
import { sized } from "../support/everything.ts"

const folder = folders()

const fill = (directory: string, count: number) =>
  Cached.setMany(Array.from({ length: count }, (_, i) => [`key:${i}`, { i, text: "x".repeat(50) }] as const)).pipe(
    Effect.provide(layerOf("disk", directory)),
    Effect.runPromise
  )

describe.concurrent("effect-cached", { timeout: 300_000 }, () => {
  it("says that its working directory was deleted, if a path is relative", async () => {
    const cwd = folder()
    const deleting = ["sh", "-c", `rmdir "$PWD" && exec "$0" "$@"`, ...commandPath]
    const ran = await command(["migrate", "files:./a", "files:./b"], { cwd, path: deleting })
    expect(ran).toMatchObject({ status: 2, stdout: "" })
    expect(ran.stderr).toMatch(/^effect-cached: ENOENT: .*the current working directory was .*removed.*\n$/)
  })

  const needs = [
    ["redis://localhost", "redis"],
    ["s3://cache?region=eu&credentials.accessKeyId=me", "aws4fetch"],
    ["postgres://localhost/shop", "@effect/sql-pg"]
  ] as const

  it.each(needs)(
    "says which package %s needs",
    async (url, name) => {
      const hooks = `import { registerHooks } from "node:module"
        registerHooks({
          resolve(specifier, context, next) {
            if (!specifier.startsWith(${JSON.stringify(name)})) return next(specifier, context)
            throw Object.assign(new Error("no package"), { code: "ERR_MODULE_NOT_FOUND" })
          }
        })`
      const preload = `--import=data:text/javascript,${encodeURIComponent(hooks)}`
      const path = [commandPath[0], preload, ...commandPath.slice(1)]
      const ran = await command(["ls", url], { env: { CACHE_CREDENTIALS_SECRET_ACCESS_KEY: "secret" }, path })
      expect(ran).toMatchObject({ status: 1, stdout: "" })
      expect(ran.stderr).toMatch(new RegExp(`^effect-cached: .*npm install ${name}\n$`))
    }
  )

  it.skipIf(process.platform !== "linux")("says that its output cannot be written", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    const path = ["/bin/sh", "-c", `exec "$@" > /dev/full`, "sh", ...commandPath]
    const { status, stderr } = await command(["export", "./cache"], { cwd, path })
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^effect-cached: The output .*ENOSPC/)])
  })

  it("ends quietly if the reader of its output does, with whole lines", async () => {
    const cwd = folder()
    await fill(join(cwd, "cache"), 5000)
    const child = spawn(commandPath[0], [...commandPath.slice(1), "export", "./cache"], { cwd })
    let stderr = ""
    child.stderr.on("data", (chunk) => stderr += String(chunk))
    child.stdout.once("data", () => child.stdout.destroy())
    const status = await new Promise((done) => child.on("close", done))
    expect([status, stderr]).toEqual([141, ""])
  })

  it("leaves whole lines after Ctrl-C in an export", async () => {
    const cwd = folder()
    await fill(join(cwd, "cache"), 20_000)
    const child = spawn(commandPath[0], [...commandPath.slice(1), "export", "./cache"], { cwd })
    let text = ""
    child.stdout.on("data", (chunk) => {
      if (text === "") child.kill("SIGINT")
      text += String(chunk)
    })
    expect(await new Promise((done) => child.on("close", done))).toBe(130)
    expect(text.endsWith("\n")).toBe(true)
    expect(jsonLines(text).length).toBeLessThan(20_000)
  })

  it("completes an import that was interrupted, by repeating it", async () => {
    const cwd = folder()
    await fill(join(cwd, "cache"), 10_000)
    fs.writeFileSync(join(cwd, "all.ndjson"), (await command(["export", "./cache"], { cwd })).stdout)
    const written = () =>
      fs.globSync("copy/*.db-wal", { cwd }).some((file) => fs.statSync(join(cwd, file)).size > 100_000)
    const interrupted = async () => {
      fs.rmSync(join(cwd, "copy"), { recursive: true, force: true })
      const child = spawn(commandPath[0], [...commandPath.slice(1), "import", "disk:./copy", "all.ndjson"], { cwd })
      const closed = new Promise<number | null>((done) => child.on("close", done))
      while (!written() && child.exitCode === null) await new Promise((done) => setTimeout(done, 5))
      child.kill("SIGKILL")
      return await closed === null
    }
    // On a busy machine, it may have ended before that is noticed.
    for (let tries = 0; !await interrupted(); tries++) expect(tries).toBeLessThan(5)
    const again = await command(["import", "disk:./copy", "all.ndjson", "--json"], { cwd })
    expect(JSON.parse(again.stdout)).toMatchObject({ read: 10_000, written: 10_000 })
    expect(JSON.parse((await command(["stats", "./copy", "--json"], { cwd })).stdout).states.fresh).toBe(10_000)
  })

  it("copies more than its heap holds", async () => {
    const cwd = folder()
    await fill(join(cwd, "cache"), 1)
    const [line] = jsonLines((await command(["export", "./cache"], { cwd })).stdout)
    const count = sized(50_000, 12_000)
    const text = JSON.stringify("x".repeat(4000))
    for (let i = 0; i < count; i += 1000) {
      const lines = Array.from({ length: 1000 }, (_, j) => {
        const meta = { ...line.meta, serializer: 1 }
        return `${JSON.stringify({ ...line, format: "json", meta, id: `key:${i + j}`, base64: undefined, text })}\n`
      })
      fs.appendFileSync(join(cwd, "in.ndjson"), lines.join(""))
    }
    const path = [commandPath[0], "--max-old-space-size=40", ...commandPath.slice(1)]
    const imported = await command(["import", "disk:./copy", "in.ndjson"], { cwd, path })
    expect(imported).toMatchObject({
      status: 0,
      stdout: `Wrote ${count.toLocaleString("en")} entries of ${count.toLocaleString("en")} entries\n`
    })
    const migrated = await command(["migrate", "./copy", "disk:./moved", "--json"], { cwd, path })
    expect(JSON.parse(migrated.stdout)).toMatchObject({ read: count, written: count })
    const child = spawn(path[0]!, [...path.slice(1), "export", "./moved"], { cwd })
    let newlines = 0
    child.stdout.on("data", (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) newlines++
    })
    expect(await new Promise((done) => child.on("close", done))).toBe(0)
    expect(newlines).toBe(count)
  })

  it("migrates all that was there when it began, while a program writes", async () => {
    const cwd = folder()
    await fill(join(cwd, "cache"), 10_000)
    const ended = new Set<number | null>()
    const running = command(["migrate", "./cache", "disk:./copy", "--json"], { cwd }).then(({ status }) =>
      ended.add(status)
    )
    await Effect.gen(function*() {
      for (let i = 0; ended.size === 0; i++) {
        yield* Cached.set(`key:${i * 7 % 10_000}`, { i })
        yield* Cached.set(`new:${i % 1000}`, { i })
        yield* Effect.sleep(1)
      }
    }).pipe(Effect.provide(CacheLayer.disk({ directory: join(cwd, "cache") })), Effect.runPromise)
    await running
    expect(Array.from(ended)).toEqual([0])
    const ids = jsonLines((await command(["ls", "./copy", "key:*", "--json"], { cwd })).stdout).map(({ id }) => id)
    expect(new Set(ids).size).toBe(10_000)
  })

  it("has completions, and help without colors for NO_COLOR", async () => {
    const { stdout } = await command(["--completions", "bash"])
    expect(stdout).toContain("effect-cached")
    const help = await command(["ls", "--help"], { env: { NO_COLOR: "1" } })
    expect(help.stdout).toContain("EXAMPLES")
    expect(help.stdout).not.toContain("\u001b")
    const schema = JSON.parse((await command(["schema"])).stdout)
    expect(Object.keys(schema).toSorted()).toEqual(Object.keys(outputs()).toSorted())
  })
})
