/** The example `fleet`: real processes that share one folder. */
import { describe, expect, it } from "@effect/vitest"
import { runExample } from "./run.ts"

describe("npm start fleet", () => {
  it("one load for all, an invalidation seen by all, and one more load for one that is killed", {
    timeout: 120_000
  }, async () => {
    const { code, stderr, stdout } = await runExample("run.ts", ["fleet"])
    expect(stderr).toBe("")
    expect(code).toBe(0)
    const scenes = stdout.split(/^\d\. .*$/m).slice(1)
    const rows = scenes.map((scene) => scene.match(/^ +\d  .*$/gm)!.map((row) => row.trim().split(/  +/)))
    const loads = scenes.map((scene) => Number(/^ +all +(\d+)$/m.exec(scene)![1]))
    expect(loads).toEqual([1, 1, 2])
    const loaded = (i: number) => rows[i]!.filter(([, loads]) => loads === "1").map(([process]) => process)
    for (const [i, content] of ["1 €", "2 €"].entries()) {
      expect(rows[i]!.map(([, , state]) => state)).toEqual(Array(8).fill(`has ${content}, loaded by ${loaded(i)[0]}`))
    }
    const killed = rows[2]!.filter(([, , state]) => state === "killed")
    expect(killed.map(([, loads]) => loads)).toEqual(["1"])
    const successor = loaded(2).find((process) => process !== killed[0]![0])
    expect(rows[2]!.filter((row) => row !== killed[0]).map(([, , state]) => state)).toEqual(
      Array(7).fill(`has 3 €, loaded by ${successor}`)
    )
  })
})
