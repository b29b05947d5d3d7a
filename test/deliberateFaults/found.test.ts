/** The seeded schedules and the consistency check find the faults that are put into the sources. */
import { describe, expect, it } from "@effect/vitest"
import { findFault as findInProcesses } from "../consistency/findFault.ts"
import { findFault, findFaultOfSeveral } from "../simulation/findFault.ts"
import * as engine from "./engine.ts"
import { soughtOf } from "./fault.ts"
import * as processes from "./processes.ts"
import * as severalEngines from "./severalEngines.ts"

const timeout = 240_000

describe.concurrent("seeded schedules of one engine find that", () => {
  it.for([...soughtOf(engine.faults)])("$name", { timeout }, async (fault) => {
    expect(await findFault(fault, 6000)).toBeDefined()
  })
})

describe.concurrent("seeded schedules of several engines find that", () => {
  it.for([...soughtOf(severalEngines.faults)])("$name", { timeout }, async (fault) => {
    expect(await findFaultOfSeveral(fault, 500)).toBeDefined()
  })
})

describe("the consistency check between processes finds that", () => {
  it.for([...soughtOf(processes.faults)])("$name", { timeout }, async (fault) => {
    expect(await findInProcesses(fault)).toBeDefined()
  })
})
