/** Every deliberate fault fits the sources as they are, at one place. */
import { describe, expect, it } from "@effect/vitest"
import { existsSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { changes } from "../simulation/changes.ts"
import { rules } from "../simulation/serving/rules.ts"
import * as derivedEntries from "./derived.ts"
import * as engine from "./engine.ts"
import { type Edit, type Fault, filesWith, placesOf } from "./fault.ts"
import * as processes from "./processes.ts"
import * as serving from "./serving.ts"
import * as severalEngines from "./severalEngines.ts"
import * as derivedUnits from "./units/derived.ts"
import * as units from "./units/index.ts"

const editsOf = (fault: Fault): ReadonlyArray<Edit> => [fault, ...fault.also ?? []]

describe.each([
  { kind: "of one engine", faults: engine.faults, atLeast: 62 },
  { kind: "of derived entries", faults: derivedEntries.faults, atLeast: 19 },
  { kind: "of strategies at work", faults: serving.faults, atLeast: 11 },
  { kind: "of several engines", faults: severalEngines.faults, atLeast: 8 },
  { kind: "of processes", faults: processes.faults, atLeast: 10 },
  { kind: "of units", faults: units.faults, atLeast: 20 }
])("deliberate faults $kind", ({ atLeast, faults }) => {
  it("are kept in sufficient number", () => expect(faults.length).toBeGreaterThanOrEqual(atLeast))

  it("are looked for by every run of the tests, at least one", () =>
    expect(faults.some(({ sought }) => sought === "always")).toBe(true))

  it("have a name of their own", () => expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length))

  it.each(faults)("$name: fits at one place, and leaves what can be loaded", (fault) => {
    for (const edit of editsOf(fault)) expect(placesOf(edit)).toHaveLength(1)
    for (const text of filesWith(fault).values()) stripTypeScriptTypes(text)
  })
})

it.each(rules)("the change of the rule \"$name\" fits, and leaves sources that can be loaded", ({ change, name }) => {
  for (const text of filesWith({ ...change, name }).values()) stripTypeScriptTypes(text)
})

it.each(Object.entries(changes))(
  "the change of the rule \"%s\" fits, and leaves sources that can be loaded",
  (name, change) => {
    for (const text of filesWith({ ...change, name }).values()) stripTypeScriptTypes(text)
  }
)

it.each(units.faults)("$name: the file that finds it is there", ({ by }) => {
  expect(existsSync(new URL(`../../${by}`, import.meta.url))).toBe(true)
})

it("derived entries have a fault for each thing that keeps P8, in schedules or in a file of the tests", () => {
  expect(derivedEntries.faults.length + derivedUnits.faults.length).toBeGreaterThanOrEqual(30)
})
