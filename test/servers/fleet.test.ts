/** The example `fleet` over Redis: real processes, on a server that it starts itself, stops and starts again. */
import { describe, expect, it } from "@effect/vitest"
import { runExample } from "../examples/run.ts"
import { isMissing } from "../support/needs.ts"
import { program } from "../support/redis.ts"

const timeout = 300_000

describe.skipIf(isMissing(program))("npm start fleet -- --redis", () => {
  it("one load for all, an invalidation seen by all, and no failed read while the server is away", {
    timeout: timeout + 10_000
  }, async () => {
    const { code, stderr, stdout } = await runExample("run.ts", ["fleet", "--redis"], timeout)
    expect(stderr).toBe("")
    expect(code).toBe(0)
    const scenes = stdout.split(/^\d\. .*$/m).slice(1)
    const states = scenes.map((scene) => Array.from(scene.matchAll(/^ +\d .*  (has .*)$/gm), ([, state]) => state))
    const all = scenes.map((scene) => /^ +all +(.*)$/m.exec(scene)![1]!.split(/ +/).map(Number))
    for (const [i, content] of ["1 €", "2 €", "2 €", "3 €"].entries()) {
      expect(states[i]).toHaveLength(8)
      expect(new Set(states[i]).size).toBe(1)
      expect(states[i]![0]).toContain(`has ${content}, loaded by`)
    }
    expect([all[0], all[1], all[3]]).toEqual([[1], [1], [1]])
    const [loads, reads, failed] = all[2]!
    expect(loads).toBeGreaterThan(0)
    expect(reads).toBeGreaterThan(0)
    expect(failed).toBe(0)
  })
})
