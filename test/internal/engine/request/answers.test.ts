/** Ids whose load has answered with a failure. */
import { expect, it } from "@effect/vitest"
import type { Entry } from "../../../../src/internal/engine/memory/entry.ts"
import { endFallback } from "../../../../src/internal/engine/request/answers.ts"
import type { Flight, Flights } from "../../../../src/internal/engine/state.ts"

it("P7 · ids whose load has answered, and that are not loaded again, are bounded, the oldest forgotten first", () => {
  const self = { answered: new Map<string, ReadonlyArray<string | undefined>>() } as unknown as Flights
  for (let i = 0; i < 10_010; i++) {
    const flight: Partial<Flight> = {
      id: `id ${i}`,
      rejectedWriteId: `write ${i}`,
      storable: true,
      policy: { writes: true } as Flight["policy"]
    }
    endFallback(self, flight as Flight)
  }
  expect(self.answered.size).toBe(10_000)
  expect(self.answered.has("id 9")).toBe(false)
  expect(self.answered.get("id 10009")).toEqual(["write 10009", undefined])
  const again = { id: "id 10009", storable: true, policy: { writes: true } } as Flight
  for (const writeId of ["later", "later"]) endFallback(self, again, { writeId } as Entry)
  expect(self.answered.get("id 10009")).toEqual(["later", "write 10009"])
})
