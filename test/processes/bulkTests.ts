/** One bulk call in each of eight processes, for the same cold keys: one process is killed meanwhile, and one stopped. */
import { describe, expect, it } from "@effect/vitest"
import { type Open, sleep, until, type Worker } from "./processes.ts"
import type { Line } from "./recording.ts"

const timeout = 120_000
const processes = 8
const lease = 5000

const rowOf = (id: string): number => Number(/\d+/.exec(id)![0])

/** When each process was last granted a row, or renewed its lease: it is exclusive for `lease` from then on. */
const heldAt = (lines: ReadonlyArray<Line>) => {
  const all = new Map<string, Array<number>>()
  for (const { answer, at, id, ids = [id], process, what } of lines as ReadonlyArray<Line & { readonly ids?: [] }>) {
    const isHeld = what.endsWith("Many") || answer === "Granted" || what === "renew" && answer === true
    if (!isHeld) continue
    for (const id of ids) {
      const of = `${process} ${rowOf(id!)}`
      all.set(of, [...all.get(of) ?? [], at])
    }
  }
  return (process: string, row: number, before: number): number =>
    Math.max(...(all.get(`${process} ${row}`) ?? []).filter((at) => at < before))
}

export const bulkTests = (open: Open, count: number): void => {
  describe("P1 · bulk calls of several processes for the same keys", () => {
    it("load each key once, but for those of a process that is killed, and lose none", { timeout }, async () => {
      const { lines, loads, workers } = await open(processes, { lease, storeTimeout: 30_000 })
      const loading = () => Array.from(new Set(loads().map(({ process }) => process)))
      const calls = workers.map((worker) =>
        worker.ask({ do: "readMany", count, sleepMillis: 1000 }).catch(() => undefined)
      )
      await until("loads of two processes", () => loading().length >= 2, 60_000)
      const T = performance.now()
      // The last that has begun is still loading.
      const [killed, stopped] = loading().toReversed().map((name) =>
        workers.find((worker) => worker.name === name)!
      ) as [
        Worker,
        Worker
      ]
      killed.signal("SIGKILL")
      stopped.signal("SIGSTOP")
      await sleep(500)
      stopped.signal("SIGCONT")
      const survivors = workers.filter((worker) => worker !== killed)
      const changed = Array.from({ length: 100 }, (_, n) => n * 7)
      await survivors.find((worker) => worker !== stopped)!.ask({ do: "setMany", numbers: changed, value: "set" })
      console.log("set", performance.now() - T)
      const answers = (await Promise.all(calls)).flatMap((answer) => answer === undefined ? [] : [answer.values])
      console.log("all", performance.now() - T)
      expect(answers.length).toBe(processes - 1)

      const linesBefore = lines().length
      const loadsOf = new Map<number, Array<Line>>()
      for (const line of loads()) {
        for (const row of line["rows"] as ReadonlyArray<number>) {
          loadsOf.set(row, [...loadsOf.get(row) ?? [], line])
        }
      }
      const held = heldAt(lines())
      console.log(
        "twice",
        [...loadsOf.values()].filter((l) => l.filter((x) => x.process !== killed.name).length > 1).length
      )
      for (const [row, [first, ...others]] of loadsOf) {
        for (const { at, process } of others) {
          // A busy machine may let a lease end.
          const isOver = first!.process === killed.name || held(first!.process, row, at) + lease <= at
          if (!isOver) {
            for (const [i, l] of lines().entries()) {
              const is = (id: any) => id !== undefined && rowOf(id) === row
              if (is(l.id) || (l["ids"] as any)?.some(is) || (l["rows"] as any)?.includes(row)) {
                console.log(
                  i >= linesBefore ? "AGAIN" : "",
                  l.process,
                  l.what,
                  Math.round(l.at - loads()[0]!.at),
                  Math.round(l.until - loads()[0]!.at),
                  l["answer"],
                  l["fault"]
                )
              }
            }
          }
          expect(isOver, `${process} loads ${row} beside ${first!.process}`).toBe(true)
        }
      }
      const before = loads().length
      const again = await Promise.all(survivors.map((worker) => worker.ask({ do: "readMany", count })))
      console.log("again", performance.now() - T)
      if (loads().length !== before) {
        const rows = loads().slice(before).flatMap((l) => l["rows"] as number[])
        console.log("again loads", rows.length, rows.slice(0, 20), rows.filter((r) => changed.includes(r)).length)
        for (const row of rows.slice(0, 2)) {
          for (const [i, l] of lines().entries()) {
            const is = (id: any) => id !== undefined && rowOf(id) === row
            if (is(l.id) || (l["ids"] as any)?.some(is) || (l["rows"] as any)?.includes(row)) {
              console.log(
                i >= linesBefore ? "AGAIN" : "",
                l.process,
                l.what,
                Math.round(l.at - loads()[0]!.at),
                Math.round(l.until - loads()[0]!.at),
                l["answer"],
                l["fault"]
              )
            }
          }
        }
      }
      expect(loads().length).toBe(before)
      const [final] = again.map(({ values }) => values)
      for (const { values } of again) expect(values).toEqual(final)
      for (let row = 0; row < count; row++) {
        if (changed.includes(row)) expect(final![row]).toBe("set")
        else {
          const loaded = loadsOf.get(row)!.map(({ process }) => `${process} ${row}`)
          expect(loaded).toContain(final![row])
          for (const values of answers) expect(loaded).toContain(values[row])
        }
      }
    })
  })
}
