/** The lists of flights: those that can be joined, by id, and those that run. */
import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { FlightIndex } from "../../../../src/internal/engine/flight/flightsById.ts"
import { RunningList } from "../../../../src/internal/engine/flight/running.ts"
import type { Flight } from "../../../../src/internal/engine/state.ts"

const flightOf = (id: string) => ({ id, older: undefined, newer: undefined }) as Flight

const ids = ["a", "b", "c", "d"] as const

/** One is added, or the nth leaves. */
const steps = Schema.Array(Schema.Struct({
  isAdded: Schema.Boolean,
  id: Schema.Literals(ids),
  nth: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))
}))

describe("FlightsById", () => {
  it.prop("is a Map by id whose flights only remove themselves", { steps }, ({ steps }) => {
    const flights = new FlightIndex()
    const model = new Map<string, Flight>()
    const made: Array<Flight> = []
    for (const { id, isAdded, nth } of steps) {
      const flight = isAdded ? flightOf(id) : made[nth % Math.max(1, made.length)]
      if (isAdded) {
        made.push(flight!)
        flights.set(flight!)
        model.set(id, flight!)
      } else if (flight !== undefined) {
        flights.delete(flight)
        if (model.get(flight.id) === flight) model.delete(flight.id)
      }
      expect(flights.all()).toHaveLength(model.size)
      for (const one of ids) {
        expect(flights.get(one)).toBe(model.get(one))
        expect(flights.has(one)).toBe(model.has(one))
      }
      expect(new Set(flights.all())).toEqual(new Set(model.values()))
    }
  })
})

describe("Running", () => {
  it.prop("is a list from which each may leave", { steps }, ({ steps }) => {
    const running = new RunningList()
    let model: Array<Flight> = []
    for (const { id, isAdded, nth } of steps) {
      if (isAdded) {
        const flight = flightOf(id)
        running.add(flight)
        model.push(flight)
      } else if (model.length > 0) {
        const flight = model[nth % model.length]!
        running.delete(flight)
        model = model.filter((other) => other !== flight)
      }
      expect(running.size).toBe(model.length)
      expect(running.all()).toEqual(model)
      for (const [i, flight] of running.all().entries()) expect(flight).toBe(model[i])
    }
  })
})
