/** `effect-cached top` as a process: in a terminal, in a pipe, interrupted, and without a right token. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cached } from "effect-cached"
import { spawn } from "node:child_process"
import { stripVTControlCharacters } from "node:util"
import { command, commandPath } from "../support/command.ts"
import { isMissing } from "../support/needs.ts"
import { balancing } from "./balancer.ts"
import { serving, token } from "./serving.ts"

const open: Array<() => unknown> = []
afterEach(async () => {
  for (const stop of open.splice(0)) await stop()
})

describe("effect-cached top", () => {
  let one: Awaited<ReturnType<typeof serving>>
  let url: string

  beforeAll(async () => {
    one = await serving()
    url = `http://localhost:${one.port}/cache`
    const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
    await one.run(Effect.all([answer, answer, answer]))
  })
  afterAll(() => one.stop())

  const env = { CACHE_INSPECTOR_TOKEN: token, NODE_OPTIONS: "" }

  const started = (program: string, args: ReadonlyArray<string>, more: object = {}) => {
    const child = spawn(program, args, { env: { ...process.env, ...env, ...more } })
    open.push(() => child.kill("SIGKILL"))
    const out = { text: "" }
    child.stdout.setEncoding("utf8").on("data", (chunk) => out.text += String(chunk))
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
    const until = (text: string | RegExp) => expect.poll(() => out.text, { timeout: 60_000 }).toMatch(text)
    return { child, ended, out, until }
  }

  it("prints a line a second in a pipe, whole lines until it is interrupted", async () => {
    const { child, ended, out, until } = started(commandPath[0], [...commandPath.slice(1), "top", url])
    await until(/\n.*\n/)
    child.kill("SIGINT")
    expect(await ended).toBe(130)
    for (const line of out.text.trimEnd().split("\n")) {
      expect(line).toMatch(/^\d\d:\d\d:\d\d  default  hits 66\.7 %  reads 3  loads 1  failed 0  entries 1  running 0$/)
    }
  })

  it("prints an object a second with --json", async () => {
    const { child, ended, out, until } = started(commandPath[0], [...commandPath.slice(1), "top", url, "--json"])
    await until(/\n.*\n/)
    child.kill("SIGINT")
    await ended
    expect(JSON.parse(out.text.split("\n")[0]!).caches[0]).toMatchObject({ name: "default", size: 1 })
  })

  it("refuses a token among its arguments, and says what is wrong with one", async () => {
    const inUrl = await command(["top", `${url}#token=${token}`], { env })
    expect([inUrl.status, inUrl.stderr.includes("CACHE_INSPECTOR_TOKEN")]).toEqual([2, true])
    const missing = await command(["top", url], { env: { CACHE_INSPECTOR_TOKEN: "" } })
    expect([missing.status, missing.stderr.includes("CACHE_INSPECTOR_TOKEN")]).toEqual([2, true])
    const wrong = await command(["top", url], { env: { CACHE_INSPECTOR_TOKEN: "wrong" } })
    expect([wrong.status, wrong.stderr]).toEqual([1, "effect-cached: This needs the token of the inspector (401)\n"])
    const gone = await command(["top", "http://localhost:1/cache"], { env })
    expect([gone.status, gone.stderr.includes("does not answer")]).toEqual([1, true])
    for (const { stderr, stdout } of [inUrl, missing, wrong, gone]) expect(stderr + stdout).not.toContain(token)
  })

  /** In a terminal of 20 lines and 70 columns. */
  const inTerminal = (more: object = {}, at = url) =>
    started("script", [
      "-qfec",
      `stty rows 20 cols 70; exec ${commandPath.map((part) => `'${part}'`).join(" ")} top ${at}`,
      "/dev/null"
    ], more)

  const isWithoutScript = isMissing("script")

  it.skipIf(isWithoutScript)("draws in a terminal, invalidates after a question, and restores the screen", async () => {
    await one.run(Cached.set("other", 1))
    const { child, ended, out, until } = inTerminal()
    await until("q quit")
    expect(out.text).toContain("\u001b[?1049h")
    child.stdin.write("i")
    await until("Invalidate the key:")
    child.stdin.write("other\r")
    await until("Type yes to invalidate \"other\":")
    child.stdin.write("yes\r")
    await until("Invalidated 1")
    expect(await one.run(Cached.size)).toBe(1)
    child.stdin.write("q")
    await ended
    expect(out.text.trimEnd().endsWith("\u001b[?25h\u001b[?1049l")).toBe(true)
    // No line is longer than the terminal.
    const frames = out.text.split("\u001b[H").slice(1, -1)
    const lines = frames.flatMap((frame) => stripVTControlCharacters(frame).split(/\r+\n/))
    expect(Math.max(...lines.map((line) => Array.from(line).length))).toBeLessThanOrEqual(70)
    expect(Math.max(...frames.map((frame) => frame.split("\n").length))).toBe(20)
  })

  it.skipIf(isWithoutScript)("fits a terminal that is resized", async () => {
    const command = `${commandPath.map((part) => `'${part}'`).join(" ")} top ${url}`
    const resize = "(sleep 3; stty rows 12 cols 44 < $(tty < /dev/stderr)) &"
    const { child, ended, out, until } = started("script", [
      "-qfec",
      `stty rows 20 cols 70; ${resize} exec ${command}`,
      "/dev/null"
    ])
    const sizeOf = (frame: string) => {
      const lines = stripVTControlCharacters(frame).split(/\r+\n/)
      return [lines.length, Math.max(...lines.map((line) => Array.from(line).length)) <= 44]
    }
    await until("q quit")
    await expect.poll(() => sizeOf(out.text.split("\u001b[H").at(-1)!), { timeout: 20_000 }).toEqual([12, true])
    child.stdin.write("q")
    await ended
    expect(out.text.trimEnd().endsWith("\u001b[?25h\u001b[?1049l")).toBe(true)
  })

  it.skipIf(isWithoutScript)("says that a silent connection is lost, and comes back alone", async () => {
    const balancer = await balancing([one.port])
    open.push(balancer.stop)
    const { child, ended, out, until } = inTerminal({}, `http://localhost:${balancer.port}/cache`)
    await until("q quit")
    balancer.silence()
    await until("NO CONNECTION")
    balancer.recover()
    await expect.poll(() => out.text.split("\u001b[H").at(-1), { timeout: 20_000 }).not.toContain("NO CONNECTION")
    child.stdin.write("q")
    await ended
  })

  it.skipIf(isWithoutScript)("restores the screen if it is interrupted, and has no colors with NO_COLOR", async () => {
    const { child, ended, out, until } = inTerminal({ NO_COLOR: "1" })
    await until("q quit")
    child.stdin.write("\u0003")
    await ended
    expect(out.text.trimEnd().endsWith("\u001b[?25h\u001b[?1049l")).toBe(true)
    expect(out.text).not.toContain("\u001b[1m")
  })
})
