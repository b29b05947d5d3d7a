/** The command `effect-cached` on a Redis server. */
import { describe, expect, vi } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { command, seedEntries, User } from "../support/command.ts"
import { ending } from "../support/ending.ts"
import { isMissing } from "../support/needs.ts"
import { program, startServer } from "../support/redis.ts"
import { test } from "../support/tests.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(join(tmpdir(), "effect-cached-command-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

const jsonLines = (text: string): ReadonlyArray<any> => text.trim().split("\n").map((line) => JSON.parse(line))

// Each command is a process, which takes seconds to start on a busy machine.
vi.setConfig({ testTimeout: 600_000 })

describe.skipIf(isMissing(program))("effect-cached on Redis", () => {
  const password = "open sesame"

  test.live("lists, shows, counts, verifies, copies, invalidates and removes", function*() {
    const cwd = yield* folder
    const { port, url } = yield* ending(() => startServer({ args: ["--requirepass", password] }))
    const cache = `redis://127.0.0.1:${port}?prefix=shop`
    const run = (...args: ReadonlyArray<string>) =>
      Effect.promise(() => command(args, { cwd, env: { CACHE_PASSWORD: password } }))
    const layer = CacheLayer.redis({ url: url.replace("//", `//:${encodeURIComponent(password)}@`), prefix: "shop" })

    const empty = yield* run("ls", cache, "--json")
    expect([empty.status, empty.stdout]).toEqual([0, ""])
    yield* Effect.provide(seedEntries, layer)
    const ls = jsonLines((yield* run("ls", cache, "--json")).stdout)
    expect(ls.map(({ id, state }) => `${id.replace(/@.*/, "")} ${state}`).toSorted())
      .toEqual(["user:1 fresh", "user:2 fresh", "~User fresh"])
    expect(JSON.parse((yield* run("show", cache, "user:1", "--json")).stdout).value)
      .toEqual({ name: "Ada", roles: ["admin"] })
    expect(JSON.parse((yield* run("stats", cache, "--json")).stdout)).toMatchObject({
      entries: 3,
      states: { fresh: 3 }
    })
    expect(JSON.parse((yield* run("verify", cache, "--json")).stdout)).toEqual({ entries: 3, damaged: [] })

    fs.writeFileSync(join(cwd, "all.ndjson"), (yield* run("export", cache)).stdout)
    const copy = cache.replace("shop", "copy")
    expect((yield* run("import", copy, "all.ndjson")).stdout).toBe("Wrote 3 entries of 3 entries\n")
    expect((yield* run("migrate", copy, "disk:./copied")).stdout).toBe("Wrote 3 entries of 3 entries\n")
    expect((yield* run("migrate", "./copied", cache.replace("shop", "third"))).status).toBe(0)
    expect(jsonLines((yield* run("ls", cache.replace("shop", "third"), "--json")).stdout)).toHaveLength(3)

    yield* run("invalidate", cache, "--tag", "users", "--yes")
    const read = Effect.all([Cached.has(new User({ id: 1 })), Cached.has("user:1")])
    expect(yield* Effect.provide(read, layer)).toEqual([false, true])
    yield* run("rm", cache, "user:1", "--yes")
    expect(yield* Effect.provide(read, layer)).toEqual([false, false])
    expect((yield* run("rm", cache, "--all", "--yes")).status).toBe(0)
    expect((yield* run("ls", cache, "--all", "--json")).stdout).toBe("")
    // Other prefixes keep their entries.
    expect(jsonLines((yield* run("ls", copy, "--json")).stdout)).toHaveLength(3)
  })

  test.live("says without the password that a server is not there, or refuses", function*() {
    const { port } = yield* ending(() => startServer({ args: ["--requirepass", password] }))
    for (const url of ["redis://127.0.0.1:1", `redis://127.0.0.1:${port}`]) {
      const { status, stderr, stdout } = yield* Effect.promise(() =>
        command(["ls", url], { env: { CACHE_PASSWORD: "a wrong secret" } })
      )
      expect([url, status, stdout]).toEqual([url, 1, ""])
      expect(stderr).toMatch(/^effect-cached: .*redis/)
      expect(stderr).not.toContain("secret")
    }
  })
})
