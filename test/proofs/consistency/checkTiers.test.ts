/** The checker of tiers: which reads are staler than the bound. */
import { expect, it } from "@effect/vitest"
import type { Line } from "../../processes/recording.ts"
import { checkTiers } from "./checkTiers.ts"

const line = (what: string, at: number, until: number, fields: Readonly<Record<string, unknown>> = {}): Line => ({
  what,
  process: "p1",
  id: "both",
  at,
  until,
  ...fields
})

const value = line("value", 0, 0, { value: "v" })
const read = (at: number, process = "p2") => line("read", at, at + 1, { value: "v", process, isCopy: true })
const changed = (fields: Readonly<Record<string, unknown>> = {}) =>
  line("changed", 10, 20, { reached: true, ...fields })

const violationsOf = (...lines: ReadonlyArray<Line>) => checkTiers([value, ...lines], 1000).violations

it("a value that was invalidated longer ago than the bound is a violation, whichever way it was invalidated", () => {
  for (const change of [{}, { id: undefined, tag: "a" }, { id: undefined, tag: "b" }, { id: undefined, all: true }]) {
    expect(violationsOf(changed(change), read(1021)), JSON.stringify(change)).toHaveLength(1)
    expect(violationsOf(changed(change), read(1019)), JSON.stringify(change)).toEqual([])
  }
  const { fromCopies, oldestMillis, reads } = checkTiers([value, changed(), read(520)], 1000)
  expect([reads, fromCopies, oldestMillis]).toEqual([1, 1, 500])
})

it("changes of other ids, of another tag, that did not reach the store or that began before the value, are none", () => {
  expect(violationsOf(changed({ id: "plain" }), read(5000))).toEqual([])
  expect(violationsOf(changed({ id: undefined, tag: "c" }), read(5000))).toEqual([])
  expect(violationsOf(changed({ reached: false }), read(5000))).toEqual([])
  expect(violationsOf({ ...changed(), at: -1 }, read(5000))).toEqual([])
})

it("a value that is set by hand is not invalidated by its own change", () => {
  const set = [line("changed begins", 10, 10, { value: "v" }), changed({ value: "v" })]
  expect(violationsOf(...set, read(5000))).toEqual([])
  expect(violationsOf(...set, line("changed", 30, 40, { reached: true, value: "w" }), read(5000))).toHaveLength(1)
})

it("time in which a process could not run does not count, once, and time without tracking does", () => {
  const lags = [line("lag", 100, 600, { process: "p2" }), line("stopped", 200, 700, { process: "p2" })]
  expect(violationsOf(changed(), ...lags, read(1600))).toEqual([])
  expect(violationsOf(changed(), ...lags, read(1700))).toHaveLength(1)
  expect(violationsOf(changed(), ...lags, read(1600, "p3"))).toHaveLength(1)
  expect(violationsOf(changed(), line("lag", 100, 1500, { process: "p2", untracked: true }), read(1600))).toHaveLength(
    1
  )
})
