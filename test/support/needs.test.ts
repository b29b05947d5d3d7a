/** A missing tool of a machine is never skipped in silence. */
import { describe, expect, it } from "@effect/vitest"
import { isMissing } from "./needs.ts"

describe("isMissing", () => {
  const asked = (program: string): readonly [boolean, ReadonlyArray<string>] => {
    const said: Array<string> = []
    return [isMissing(program, (message) => said.push(message)), said]
  }

  it("says nothing of a program that is there", () => {
    expect(asked("node")).toEqual([false, []])
  })

  it("says which program is not there", () => {
    expect(asked("no-such-program")).toEqual([true, [
      expect.stringContaining(`SKIPPED: "no-such-program" is not installed`)
    ]])
  })
})
