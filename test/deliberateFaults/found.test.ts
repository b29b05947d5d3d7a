/** The seeded schedules, the consistency check and the tests find the faults that are put into the sources. */
import { describe, expect, it, vi } from "@effect/vitest"
import { findFault as findInProcesses } from "../consistency/findFault.ts"
import { findFault, findFaultOfSeveral } from "../simulation/findFault.ts"
import * as engine from "./engine.ts"
import { soughtOf } from "./fault.ts"
import { failedWithoutFault, findFault as findInTests } from "./findInTests.ts"
import * as processes from "./processes.ts"
import * as severalEngines from "./severalEngines.ts"
import * as units from "./units.ts"

const timeout = 240_000

// each is a process that is busy all the time
vi.setConfig({ maxConcurrency: 2 })

describe.concurrent("seeded schedules of one engine find that", () => {
  it.for([...soughtOf(engine.faults)])("$name", { timeout }, async (fault) => {
    expect(await findFault(fault, 6000)).toBeDefined()
  })
})

describe.concurrent("seeded schedules of several engines find that", () => {
  it.for([...soughtOf(severalEngines.faults)])("$name", { timeout }, async (fault) => {
    expect(await findFaultOfSeveral(fault, 2000)).toBeDefined()
  })
})

describe.concurrent("the tests of a unit", () => {
  const faults = soughtOf(units.faults)

  it("pass in a copy without any fault", { timeout }, async () => {
    expect(await failedWithoutFault(Array.from(new Set(faults.map(({ by }) => by))))).toEqual([])
  })

  it.for([...faults])("find that $name", { timeout }, async (fault) => {
    expect(await findInTests(fault)).toBeDefined()
  })
})

describe("the consistency check between processes finds that", () => {
  it.for([...soughtOf(processes.faults)])("$name", { timeout }, async (fault) => {
    expect(await findInProcesses(fault)).toBeDefined()
  })
})
