/**
 * The attacks of `npm run prove -- chaos`, some seconds each: nothing stale, no caller that fails, no file without a
 * bound. `.ci/run` tries all attacks at once, and a third of the others, which the commit chooses.
 */
import { describe, expect, it } from "@effect/vitest"
import { sixth } from "../deliberateFaults/fault.ts"
import { target as disk } from "../proofs/chaos/disk/target.ts"
import { target as objects } from "../proofs/chaos/objects/target.ts"
import { target as postgres } from "../proofs/chaos/postgres/target.ts"
import { target as redis } from "../proofs/chaos/redis/target.ts"
import { run } from "../proofs/chaos/run.ts"

const seconds = 2

const isTried = (name: string, i: number): boolean =>
  sixth === undefined || name === "everything together" || i % 3 === Number(sixth) % 3

describe.each([disk, redis, postgres, objects])("attacks on $name", (target) => {
  it.each(
    target.attacks
      .filter(({ name }) => target.tested?.includes(name) !== false)
      .filter(({ name }, i) => isTried(name, i))
      .map((attack) => [attack.name, attack] as const)
  )(
    "%s",
    // Half a minute, on a machine that has nothing else to do.
    { timeout: 400_000 },
    async (_, attack) => {
      const outcome = await run({ target, attack, seconds: attack.testSeconds ?? seconds, seed: 1 })
      expect(outcome, "this machine does not let it happen").toBeDefined()
      // One text, so that a failure shows all of them.
      expect(outcome!.faults.join("\n")).toBe("")
      expect(outcome!.reads).toBeGreaterThan(0)
    }
  )
})
