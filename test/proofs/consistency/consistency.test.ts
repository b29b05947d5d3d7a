/** Real processes are killed, stopped and robbed, and the checker that judges what they wrote down. */
import { describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Line, linesOf } from "../../processes/recording.ts"
import { sized } from "../../support/everything.ts"
import { check } from "./check.ts"
import { run } from "./run.ts"

describe("processes that are killed, stopped and robbed", () => {
  it("CA-42 · CA-45 · CA-46 · keep P1 and P2, store nothing of an ended generation, and pass no limit and no lock", {
    timeout: 300_000
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
    try {
      const { file, kills, stops } = await run({ seed: 1, seconds: sized(12, 6), processes: 4, folder })
      const lines = linesOf(file)
      const verdict = check(lines)
      expect(verdict.violations.join("\n")).toBe("")
      expect(kills).toBeGreaterThan(0)
      expect(stops).toBeGreaterThan(0)
      expect(lines.filter(({ what }) => what === "stopped")).toHaveLength(stops)
      expect(verdict.reads).toBeGreaterThan(500)
      expect(verdict.stored).toBeGreaterThan(50)
      expect(verdict.admitted).toBeGreaterThan(500)
      expect(verdict.limited).toBeGreaterThan(50)
      expect(verdict.entered).toBeGreaterThan(20)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe("processes whose folder, logs and databases are removed", () => {
  it("keep P2", { timeout: 300_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
    try {
      const { file, removals } = await run({ seed: 1, seconds: sized(8, 5), processes: 4, removes: true, folder })
      const verdict = check(linesOf(file), true)
      expect(verdict.violations.join("\n")).toBe("")
      expect(removals).toBeGreaterThan(0)
      expect(verdict.reads).toBeGreaterThan(200)
      expect(verdict.stored).toBeGreaterThan(20)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe("the checker", () => {
  const line = (what: string, at: number, until: number, fields: Readonly<Record<string, unknown>> = {}): Line => ({
    what,
    process: "p1",
    id: "plain",
    at,
    until,
    ...fields
  })
  const value = (at: number, name = "p1 1") => line("value", at, at, { value: name })
  const read = (at: number, fields = {}) => line("read", at, at + 1, { value: "p1 1", ...fields })
  const changed = (at: number, until: number, fields = {}) => line("changed", at, until, { reached: true, ...fields })
  const granted = (at: number, fields = {}) =>
    line("acquire", at, at + 1, {
      answer: "Granted",
      join: false,
      owner: "a",
      leaseMillis: 400,
      generation: "g",
      ...fields
    })
  const commit = (at: number, fields = {}) => line("commit", at, at + 1, { answer: true, generation: "g", ...fields })

  const calls = (id: string, times: ReadonlyArray<number>) => times.map((at) => line("admitted", at, at + 1, { id }))
  const even = (count: number, everyMillis: number) => Array.from({ length: count }, (_, i) => 10 + i * everyMillis)
  const entered = (token: string, at: number, fields = {}) => line("entered", at, at, { token, ...fields })
  const left = (token: string, at: number) => line("left", at, at, { token })

  const cases: ReadonlyArray<readonly [name: string, violation: RegExp | undefined, lines: ReadonlyArray<Line>]> = [
    ["a hit", undefined, [value(1), read(5)]],
    ["a value no process made", /no process made/, [read(5)]],
    ["an own read after an own invalidation", /in one process/, [value(1), changed(2, 3), read(4)]],
    ["an own read during an own invalidation", undefined, [value(1), changed(2, 9), read(4)]],
    ["a value loaded during the invalidation", undefined, [changed(2, 9), value(3), read(10)]],
    ["another's read in time", undefined, [value(1), changed(2, 3, { process: "p2" }), read(102)]],
    ["another's read too late", /of another process/, [value(1), changed(2, 3, { process: "p2" }), read(105)]],
    ["another's read too late, after it was stopped", undefined, [
      value(1),
      changed(2, 3, { process: "p2" }),
      line("lag", 10, 60),
      read(140)
    ]],
    ["another's read too late, by one that ended before it was connected again", undefined, [
      value(1),
      line("untracked", 1.5, 1.5),
      changed(2, 3, { process: "p2" }),
      read(500)
    ]],
    ["another's read too late, by one that has been connected again since", /of another process/, [
      value(1),
      line("untracked", 1.5, 1.5),
      changed(2, 3, { process: "p2" }),
      line("lag", 1, 40, { untracked: true }),
      read(500)
    ]],
    ["a value that could not be set, late", /of another process/, [
      value(1),
      changed(1, 3, { value: "p1 1", reached: false }),
      changed(20, 21, { process: "p2" }),
      read(500)
    ]],
    ["a value that could not be stored, late", /of another process/, [
      value(1),
      commit(3, { fault: true, answer: undefined }),
      changed(20, 21, { process: "p2" }),
      read(500)
    ]],
    ["another's invalidation that has not reached the store", undefined, [
      value(1),
      changed(2, 3, { process: "p2", reached: false }),
      read(500)
    ]],
    ["a tag of another id", undefined, [
      value(1),
      { ...changed(2, 3, { tag: "a" }), id: undefined as unknown as string },
      read(9)
    ]],
    ["an older value after a set", /in one process/, [
      value(1),
      value(2, "p1 2"),
      changed(2, 3, { value: "p1 2" }),
      read(9)
    ]],
    ["a value set after an invalidation began", undefined, [
      line("changed begins", 1, 1, { value: "p1 1" }),
      value(1),
      changed(2, 3, { process: "p2" }),
      changed(1, 4, { value: "p1 1" }),
      read(200)
    ]],
    ["an older copy, read before the other can have noticed", undefined, [
      value(1),
      changed(20, 21, { process: "p2" }),
      line("replaced", 10, 200),
      read(300)
    ]],
    ["an older copy, read when the other must have noticed", /of another process/, [
      value(1),
      changed(20, 21, { process: "p2" }),
      line("replaced", 10, 200),
      read(380)
    ]],
    ["a copy that is newer than the invalidation", /of another process/, [
      value(1),
      changed(2, 3, { process: "p2" }),
      line("replaced", 10, 200),
      read(300)
    ]],
    ["an older copy, where no process is left that knows of the invalidation", undefined, [
      value(1),
      changed(20, 21, { process: "p2" }),
      line("killed", 100, 100, { process: "p2" }),
      line("replaced", 10, 200),
      read(500)
    ]],
    ["an older copy, read by the process that has invalidated", /in one process/, [
      value(1),
      changed(20, 21),
      line("replaced", 10, 200),
      read(300)
    ]],
    ["two granted at once", /two lead/, [granted(1), granted(100, { owner: "b" })]],
    ["two granted, one after the end of the other's lease", undefined, [granted(1), granted(401, { owner: "b" })]],
    ["two granted, the first kept its lease", /two lead/, [
      granted(1),
      line("renew", 200, 201, { owner: "a", leaseMillis: 400, answer: true }),
      granted(401, { owner: "b" })
    ]],
    ["two granted, the first released its lease", undefined, [
      granted(1),
      line("release", 50, 51, { owner: "a", answer: true }),
      granted(100, { owner: "b" })
    ]],
    ["two granted, the first answered late", undefined, [
      { ...granted(1, { owner: "b" }), until: 60 },
      line("remove", 5, 6),
      granted(50)
    ]],
    ["two granted, the first answered late, and nothing in between", /two lead/, [
      { ...granted(1, { owner: "b" }), until: 60 },
      granted(50)
    ]],
    ["two granted, the killed process may have removed it", undefined, [
      granted(1),
      line("remove begins", 50, 50),
      granted(100, { owner: "b" })
    ]],
    ["two granted, a removal that failed before may have come in between", undefined, [
      line("remove", 1, 2, { fault: true }),
      granted(10),
      granted(100, { owner: "b" })
    ]],
    ["two granted, a removal was done before", /two lead/, [
      line("remove", 1, 2),
      granted(10),
      granted(100, { owner: "b" })
    ]],
    ["a commit", undefined, [granted(1), commit(10)]],
    ["a commit after a removal", /ended generation/, [granted(1), line("remove", 5, 6), commit(10)]],
    ["a commit while a removal runs", undefined, [granted(1), line("remove", 5, 12), commit(10)]],
    ["a second commit", /ended generation/, [granted(1), commit(10), commit(20)]],
    ["a full log", undefined, calls("log", even(20, 1))],
    ["a log that lets one more through", /"log" let 21/, calls("log", [...even(20, 1), 250])],
    ["a log whose first call has left", undefined, calls("log", [...even(20, 1), 320])],
    ["two fixed windows, one right after the other", undefined, calls("fixed", even(40, 1))],
    ["three fixed windows at once", /"fixed" let 41/, calls("fixed", even(41, 1))],
    ["three fixed windows", undefined, calls("fixed", [...even(40, 1), ...even(20, 1).map((at) => at + 340)])],
    [
      "a bucket that is filled again",
      undefined,
      calls("bucket", [...even(20, 0), ...even(20, 15).map((at) => at + 15)])
    ],
    [
      "a bucket that fills too fast",
      /"bucket" let/,
      calls("bucket", [...even(20, 0), ...even(20, 10).map((at) => at + 10)])
    ],
    ["two numbers, twice the limit", undefined, calls("counter", even(40, 1))],
    ["two numbers, more than twice", /"counter" let 41/, calls("counter", even(41, 1))],
    ["one after the other behind a door", undefined, [entered("1", 1), left("1", 5), entered("2", 6)]],
    ["two behind a door", /two at once/, [entered("1", 1), left("1", 50), entered("2", 6)]],
    ["two behind a door, the first was stopped", undefined, [
      entered("1", 1),
      left("1", 900),
      line("stopped", 2, 800),
      entered("2", 500, { process: "p2" })
    ]],
    ["two behind a door, the first could not run for as long", undefined, [
      entered("1", 1),
      left("1", 520),
      line("lag", 452, 519),
      entered("2", 450, { process: "p2" })
    ]],
    ["two behind a door, the first could not run for less", /two at once/, [
      entered("1", 1),
      left("1", 620),
      line("lag", 452, 519),
      entered("2", 450, { process: "p2" })
    ]],
    ["two behind a door, the first was killed", undefined, [
      entered("1", 1),
      line("killed", 2, 2),
      entered("2", 500, { process: "p2" })
    ]],
    ["two behind a door, the first had not run for as long when it was killed", undefined, [
      entered("1", 1),
      entered("2", 450, { process: "p2" }),
      line("killed", 500, 500)
    ]],
    ["two behind a door, the first was killed, and had run before", /two at once/, [
      entered("1", 1),
      read(420),
      value(1),
      entered("2", 410, { process: "p2" }),
      line("killed", 500, 500)
    ]],
    ["a token that does not grow", /two at once/, [entered("2", 1), left("2", 2), entered("1", 3)]],
    ["a commit that was refused after a removal", undefined, [
      granted(1),
      line("remove", 5, 6, { answer: false }),
      commit(10, { answer: false })
    ]],
    ["a commit that was refused while a removal may run", undefined, [
      granted(1),
      line("remove begins", 5, 5),
      commit(10, { answer: false })
    ]],
    ["a commit that was refused because another leads", /nothing has ended its generation/, [
      granted(1),
      granted(500, { owner: "b", generation: "h" }),
      commit(510, { answer: false })
    ]],
    ["a commit that was refused after a removal that was before its lease", /nothing has ended its generation/, [
      line("remove", 1, 2),
      granted(3),
      commit(10, { answer: false })
    ]],
    ["a commit that was refused after a write that had failed before its lease", undefined, [
      line("set", 1, 2, { fault: true }),
      granted(3),
      commit(10, { answer: false })
    ]],
    ["two removals, of which the first was answered last, and a set in between", undefined, [
      line("set", 1, 2),
      line("remove", 3, 20, { answer: true }),
      line("set", 5, 6),
      line("remove", 7, 8, { answer: true })
    ]],
    ["two removals of one entry", /removed twice/, [
      line("set", 1, 2),
      line("remove", 3, 9, { answer: true }),
      line("remove", 4, 8, { answer: true })
    ]],
    ["two removals, and a write in between", undefined, [
      line("remove", 3, 4, { answer: true }),
      line("set", 5, 6),
      line("remove", 7, 8, { answer: true })
    ]],
    ["two removals, and a process in between that was killed while it wrote", undefined, [
      line("remove", 3, 4, { answer: true }),
      line("set begins", 5, 5),
      line("remove", 7, 8, { answer: true })
    ]],
    ["two removals, one of which found nothing", undefined, [
      line("remove", 3, 4, { answer: true }),
      line("remove", 7, 8, { answer: false })
    ]],
    ["a second commit that was refused", undefined, [granted(1), commit(10), commit(20, { answer: false })]]
  ]

  it.each(cases)("%s", (_, violation, lines) => {
    const { violations } = check(lines)
    if (violation === undefined) expect(violations, violations.slice(0, 5).join("\n")).toEqual([])
    else expect(violations.join("\n")).toMatch(violation)
  })
})
