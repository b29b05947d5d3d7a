/** The required tests of https://cache-tests.fyi: over memory and disk, as a private and as a shared cache. */
import { describe, expect, it } from "@effect/vitest"
import { byRule, inPackage } from "../proofs/cacheTests/known.ts"
import { pinned } from "../proofs/cacheTests/suite.ts"
import { notPassed, runOne } from "../proofs/cacheTests/table.ts"

describe("the suite http-cache-tests 0.4.5", () => {
  const wanted = [["private", "memory"], ["private", "disk"], ["shared", "memory"], ["shared", "disk"], [
    "shared",
    "server memory"
  ]] as const

  it.concurrent.each(wanted)("only the known required tests fail: %s, over %s", async (mode, cache) => {
    const outcome = await runOne(pinned, [mode, cache], ({ id, kind }) => kind !== "required" || inPackage.includes(id))
    expect(outcome.verdicts.length).toBeGreaterThan(290)
    expect(notPassed(outcome).map(({ id }) => id).toSorted()).toEqual(inPackage)
    // In private mode, requests with other cookies are those of other users.
    const refused = outcome.verdicts.filter(({ id, verdict }) => byRule.includes(id) && verdict === "fail")
    expect(refused.map(({ id }) => id).toSorted()).toEqual(mode === "shared" ? byRule : ["other-cookie"])
  })
})
