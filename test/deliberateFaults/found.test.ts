/** The seeded schedules, the consistency check and the tests find the faults that are put into the sources. */
import { afterAll, describe, expect, it, vi } from "@effect/vitest"
import { findFault as findInProcesses } from "../proofs/consistency/findFault.ts"
import { type Change, changes } from "../simulation/changes.ts"
import {
  findFault,
  findFaultOfDerived,
  findFaultOfServing,
  findFaultOfSeveral,
  firstSpokenWith,
  spokenWith
} from "../simulation/findFault.ts"
import { rules as rulesOfSchedules } from "../simulation/rules.ts"
import { rules } from "../simulation/serving/rules.ts"
import { isEverything } from "../support/everything.ts"
import { isMissing } from "../support/needs.ts"
import { program } from "../support/redis.ts"
import { removeCopies } from "./copies.ts"
import * as derivedEntries from "./derived.ts"
import * as engine from "./engine.ts"
import { sixth, soughtOf, type UnitFault } from "./fault.ts"
import { allTimeoutMillis, failedWithoutFault, findFault as findInTests } from "./findInTests.ts"
import * as processes from "./processes.ts"
import { endRunners } from "./runners.ts"
import * as serving from "./serving.ts"
import * as severalEngines from "./severalEngines.ts"
import * as units from "./units/index.ts"

const timeout = 900_000

// Each is a process that is busy all the time.
vi.setConfig({ maxConcurrency: 2 })
afterAll(async () => {
  await endRunners()
  removeCopies()
}, timeout)

describe.concurrent("seeded schedules of one engine find that", () => {
  it.for([...soughtOf(engine.faults)])("$name", { timeout }, async (fault) => {
    expect(await findFault(fault, 20_000)).toBeDefined()
  })
})

describe.concurrent("seeded schedules of several engines find that", () => {
  it.for([...soughtOf(severalEngines.faults)])("$name", { timeout }, async (fault) => {
    expect(await findFaultOfSeveral(fault, 10_000)).toBeDefined()
  })
})

describe.concurrent("seeded schedules of derived entries find that", () => {
  it.for([...soughtOf(derivedEntries.faults)])("$name", { timeout }, async (fault) => {
    expect(await findFaultOfDerived(fault, 20_000)).toBeDefined()
  })
})

describe.concurrent("seeded schedules of strategies at work find that", () => {
  it.for([...soughtOf(serving.faults)])("$name", { timeout }, async (fault) => {
    expect(await findFaultOfServing(fault, 500)).toBeDefined()
  })
})

if (isEverything) {
  describe.concurrent("of the rules of schedules, its own change makes one speak first", () => {
    it.for([...rulesOfSchedules])("$name", { timeout }, async ({ name, of }) => {
      const { beside = [], ...change } = changes[name] as Change
      const spoken = await firstSpokenWith({ ...change, name }, of[0], 6000)
      expect(spoken).toContain(name)
      expect([name, ...beside]).toEqual(expect.arrayContaining([...spoken]))
    })
  })

  describe.concurrent("of the rules of strategies at work, its own change makes one speak, and no other", () => {
    it.for([...rules])("$name", { timeout }, async ({ change, name }) => {
      expect(await spokenWith({ ...change, name }, 500)).toEqual([name])
    })
  })
}

describe.concurrent("the tests of a unit", () => {
  const needsServer = ({ by }: { readonly by: string }) => by.startsWith("test/servers/")
  // Those of tests without servers and processes are what mutants are for: `ALL_FAULTS=1` looks for them, too.
  const isOfRooms = ({ by, sought }: UnitFault) => sought === undefined && !/^test\/(servers|processes)\//.test(by)
  const asked = process.env["ALL_FAULTS"] === "1" ? units.faults : units.faults.filter((fault) => !isOfRooms(fault))
  const faults = soughtOf(asked).filter((fault) => !needsServer(fault) || !isMissing(program))

  // They also run in the sources, so a third of them is enough here: another one for another sixth of the faults.
  const isTried = (_: string, i: number) => sixth === undefined || i % 3 === Number(sixth) % 3

  it("pass in a copy without any fault", { timeout: allTimeoutMillis + timeout }, async () => {
    const failed = await failedWithoutFault(Array.from(new Set(faults.map(({ by }) => by))).filter(isTried))
    // `expect` would shorten their names.
    if (failed.length > 0) throw new Error(`without any fault: ${failed.join("\n")}`)
  })

  it.for([...faults])("find that $name", { timeout }, async (fault) => {
    expect(await findInTests(fault), `${fault.by} passes with this fault`).toBeDefined()
  })
})

describe("the consistency check between processes finds that", () => {
  const faults = soughtOf(processes.faults)

  it.for(faults.filter(({ store }) => store === undefined))("$name", { timeout }, async (fault) => {
    expect(await findInProcesses(fault)).toBeDefined()
  })

  const onRedis = faults.filter(({ store }) => store === "redis" || store === "tiers")

  it.skipIf(onRedis.length > 0 && isMissing(program)).for(onRedis)("$name", { timeout }, async (fault) => {
    expect(await findInProcesses(fault)).toBeDefined()
  })
})
