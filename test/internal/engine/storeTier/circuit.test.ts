/** The circuit: when a store that does not answer is no longer asked, and when it is tried again. */
import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { circuit as limits } from "../../../../src/internal/defaults/stores.ts"
import * as Circuit from "../../../../src/internal/engine/storeTier/circuit.ts"

/** Open since `now`, after as many timeouts as it takes. */
const opened = (now: number): Circuit.Circuit => {
  const circuit = Circuit.make()
  for (let i = 0; i < limits.timeouts; i++) Circuit.timedOut(circuit, Circuit.admit(circuit, now)!, now)
  return circuit
}

describe("a circuit", () => {
  it("opens after timeouts in a row, not after as many with an answer between", () => {
    const circuit = Circuit.make()
    for (let i = 0; i < 10; i++) {
      Circuit.timedOut(circuit, "normal", 0)
      Circuit.timedOut(circuit, "normal", 0)
      Circuit.answered(circuit)
    }
    expect(Circuit.admit(circuit, 0)).toBe("normal")
    expect(Circuit.admit(opened(0), 0)).toBeUndefined()
  })

  it("lets one probe through when its pause is over, and closes with its answer", () => {
    const circuit = opened(5)
    expect(Circuit.admit(circuit, 5 + limits.firstMillis - 1)).toBeUndefined()
    expect(Circuit.admit(circuit, 5 + limits.firstMillis)).toBe("probe")
    expect(Circuit.admit(circuit, 5 + limits.firstMillis)).toBeUndefined()
    Circuit.answered(circuit)
    expect(Circuit.admit(circuit, 5 + limits.firstMillis)).toBe("normal")
    expect(Circuit.isOpen(circuit)).toBe(false)
  })

  it("pauses for twice as long after each probe in vain, up to a limit, and as at first after an answer", () => {
    const circuit = opened(0)
    const pauses: Array<number> = []
    let now = 0
    for (let i = 0; i < 8; i++) {
      const before = now
      while (Circuit.admit(circuit, now) === undefined) now += 100
      pauses.push(now - before)
      Circuit.timedOut(circuit, "probe", now)
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    now += limits.longestMillis
    expect(Circuit.admit(circuit, now)).toBe("probe")
    Circuit.answered(circuit)
    for (let i = 0; i < limits.timeouts; i++) Circuit.timedOut(circuit, "normal", now)
    expect(Circuit.admit(circuit, now + limits.firstMillis)).toBe("probe")
  })

  it("is not kept open for longer by a caller that asked before it opened", () => {
    const circuit = opened(0)
    Circuit.timedOut(circuit, "normal", limits.firstMillis - 1)
    expect(Circuit.admit(circuit, limits.firstMillis)).toBe("probe")
  })

  it("gives the probe to the next where one was given up", () => {
    const circuit = opened(0)
    expect(Circuit.admit(circuit, limits.firstMillis)).toBe("probe")
    Circuit.gaveUp(circuit, "normal")
    expect(Circuit.admit(circuit, limits.firstMillis)).toBeUndefined()
    Circuit.gaveUp(circuit, "probe")
    expect(Circuit.admit(circuit, limits.firstMillis)).toBe("probe")
  })

  it("is not kept open by a clock that was set back", () => {
    expect(Circuit.admit(opened(3_600_000), 0)).toBe("probe")
  })

  const Step = Schema.Struct({
    how: Schema.Literals(["answers", "times out", "gives up", "asks and waits"]),
    later: Schema.Literals([0, 1, 500, 1000, 5000, 40_000])
  })

  it.prop("never has two probes, refuses no caller while closed, and is tried again in the end", {
    steps: Schema.Array(Step)
  }, ({ steps }) => {
    const circuit = Circuit.make()
    let [now, waiting] = [0, 0]
    for (const { how, later } of steps) {
      now += later
      const wasOpen = Circuit.isOpen(circuit)
      const permit = Circuit.admit(circuit, now)
      if (!wasOpen) expect(permit).toBe("normal")
      if (permit === undefined) continue
      if (permit === "probe") expect(waiting).toBe(0)
      if (how === "answers") {
        Circuit.answered(circuit)
        waiting = 0
      } else if (how === "times out") Circuit.timedOut(circuit, permit, now)
      else if (how === "gives up") Circuit.gaveUp(circuit, permit)
      else if (permit === "probe") waiting = 1
    }
    if (waiting === 0) expect(Circuit.admit(circuit, now + limits.longestMillis)).toBeDefined()
  })
})
