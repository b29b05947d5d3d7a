/** One bulk call in each of eight processes, for the same cold keys. */
import { describe, expect, it } from "@effect/vitest"
import { type Open, sleep, type Worker } from "./processes.ts"
import type { Line } from "./recording.ts"

const timeout = 170_000
const processes = 8
const lease = 5000

const rowOf = (id: string): number => Number(/:(\d+)/.exec(id)![1])

/** When a process was last granted a row before a time, or renewed its lease. `undefined`: it had no lease. */
const heldAt = (lines: ReadonlyArray<Line>) => {
  const all = new Map<string, Array<number>>()
  for (const { answer, at, id, process, what } of lines) {
    if (!(what === "acquire" && answer === "Granted") && !(what === "renew" && answer === true)) continue
    const of = `${process} ${rowOf(id!)}`
    const times = all.get(of)
    if (times === undefined) all.set(of, [at])
    else times.push(at)
  }
  return (process: string, row: number, before: number): number | undefined =>
    all.get(`${process} ${row}`)?.findLast((at) => at < before)
}

export const bulkTests = (open: Open, count: number): void => {
  describe("P1 · bulk calls of eight processes for the same cold keys, one killed and one stopped", () => {
    it("load each key once, but for those of the process that is killed, and lose none", { timeout }, async () => {
      // A busy machine may let requests wait, which then load without a lease.
      const { lines, loads, workers } = await open(processes, { lease, storeTimeout: "1 minute" })
      const loading = () => Array.from(new Set(loads().map(({ process }) => process)))
      const calls = workers.map((worker) =>
        worker.ask({ do: "readMany", count, sleepMillis: 1000 }).catch(() => undefined)
      )
      // Each look reads all lines. One process may have all leases, if the others begin later.
      for (let looks = 0; loading().length < (looks < 10 ? 2 : 1); looks++) await sleep(200)
      // The last that has begun is still loading.
      const begun = loading().toReversed().map((name) => workers.find((worker) => worker.name === name)!)
      const [killed, stopped] = [...begun, ...workers.filter((worker) => !begun.includes(worker))] as [Worker, Worker]
      killed.signal("SIGKILL")
      stopped.signal("SIGSTOP")
      await sleep(500)
      stopped.signal("SIGCONT")
      const survivors = workers.filter((worker) => worker !== killed)
      const changed = new Set(Array.from({ length: 100 }, (_, n) => n * 7))
      const numbers = Array.from(changed)
      await survivors.find((worker) => worker !== stopped)!.ask({ do: "setMany", numbers, value: "set" })
      const answers = (await Promise.all(calls)).flatMap((answer) => answer === undefined ? [] : [answer.values])
      expect(answers.length).toBeGreaterThanOrEqual(processes - 1)

      const loadsOf = new Map<number, Array<Line>>(Array.from({ length: count }, (_, row) => [row, []]))
      for (const line of loads()) {
        for (const row of line["rows"] as ReadonlyArray<number>) loadsOf.get(row)!.push(line)
      }
      const held = heldAt(lines())
      const isOver = (row: number, { process }: Line, second: Line): boolean =>
        // A busy machine may let a lease end.
        process === killed.name || (held(process, row, second.at) ?? Infinity) + lease <= second.at
      // A value that is set during a load detaches it, in the process that sets it.
      const twice = Array.from(loadsOf).flatMap(([row, [first, ...others]]) =>
        changed.has(row) ?
          [] :
          others.filter((other) => !isOver(row, first!, other)).map((other) =>
            `${other.process} loads ${row} beside ${first!.process}`
          )
      )
      expect(twice).toEqual([])

      // A process may serve what another has changed until it has polled, every 50 ms.
      await sleep(200)
      const final = await Promise.all(survivors.map((worker) => worker.ask({ do: "readMany", count })))
      for (const { values } of final) {
        for (let row = 0; row < count; row++) {
          const loaded = new Set(loadsOf.get(row)!.map(({ process }) => `${process} ${row}`))
          const right = changed.has(row) ? values[row] === "set" : loaded.has(values[row]!)
          if (!right || values[row] !== final[0]!.values[row]) expect.fail(`row ${row} is ${values[row]}`)
          if (changed.has(row)) continue
          for (const answer of answers) if (!loaded.has(answer[row]!)) expect.fail(`row ${row} was ${answer[row]}`)
        }
      }
    })
  })
}
