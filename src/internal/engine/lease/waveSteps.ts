/** Runs the store operations of a bulk call's flights in waves. A store budget limits a wave, not a single flight. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Turns from "../../time/turns.ts"
import type { Entry } from "../memory/entry.ts"
import { declaredTags } from "../request/requestTags.ts"
import type { BatchAnswers, Flight, WaveContext, WaveSteps } from "../state.ts"
import { isFault } from "../storeTier/faults.ts"
import type { WriteGrant } from "../storeTier/storeTier.ts"
import type { LateMarkers } from "../storeTier/tagVersions.ts"
import { takeAnswer } from "./held.ts"
import { committed, endLoad, prepare, type Prepared } from "./loadThroughStore.ts"
import { pickerOf } from "./markersOfWave.ts"
import {
  acquire,
  askWave,
  budgetOf,
  commitAll,
  handOver,
  makeWave,
  releaseLeases,
  type Wave,
  type WaveMember
} from "./wave.ts"

export const makeWaveSteps = (first: WaveContext, isOneWave: boolean): WaveSteps => {
  const { request } = first
  const wave = makeWave(first, undefined)
  const { leftMillis = wave.budgetMillis } = request.batch?.options ?? {}
  const self: Wave = { ...wave, isTooSlow: leftMillis <= 0, whole: isOneWave ? { leftMillis } : undefined }
  return {
    acquire: (members) => acquire(self, members as ReadonlyArray<WaveMember>),
    handOver: (stub, flight) => handOver(self, stub, flight),
    releaseLeases: (stubs) => releaseLeases(self, stubs),
    store: (flights, outcomes) => store(self, flights, outcomes)
  }
}

const store = Effect.fnUntraced(function*(
  self: Wave,
  flights: ReadonlyArray<Flight>,
  outcomes: BatchAnswers
): Effect.fn.Return<BatchAnswers, never, any> {
  const { engine, tier } = self
  const answers: Array<Exit.Exit<unknown, unknown>> = []
  const written: Array<{ readonly flight: Flight; readonly entry: Entry; readonly grant: WriteGrant }> = []
  yield* Turns.forEach(flights, (flight) => {
    const grant = takeAnswer(flight) as WriteGrant | undefined
    const exit = outcomes[answers.length]!
    if (flight.exit !== undefined) return void answers.push(exit)
    answers.push(endLoad(engine, flight, { exit, isWritten: grant !== undefined, clock: flight.starter.clock }))
    if (flight.entry !== undefined && grant !== undefined) written.push({ flight, entry: flight.entry, grant })
  })
  const commits: Array<Prepared & { readonly flight: Flight }> = []
  const asking = { tier, budget: budgetOf(self), lateMarkers: yield* lateMarkersOf(self, written) }
  yield* Turns.forEachEffect(
    written,
    ({ entry, flight, grant }) =>
      Effect.map(prepare(engine, flight, entry, { ...grant, ...asking }), (prepared) => {
        if (prepared !== undefined) commits.push({ ...prepared, flight })
      })
  )
  const open = commits.filter(({ flight }) => flight.exit === undefined)
  if (open.length === 0) return answers
  const accepted = yield* commitAll(self, open)
  open.forEach((commit, i) => committed(commit.flight, commit, accepted[i]!))
  return answers
})

const lateMarkersOf = Effect.fnUntraced(function*(
  self: Wave,
  written: ReadonlyArray<{ readonly flight: Flight; readonly entry: Entry }>
): Effect.fn.Return<LateMarkers | undefined> {
  const names = new Set<string>()
  for (const { entry, flight: { attempt, request } } of written) {
    const declared = declaredTags(self.engine, request)
    for (const tag of attempt.dependencies?.own ?? entry.tags) if (!declared.includes(tag)) names.add(tag)
  }
  if (names.size === 0) return undefined
  const late = Array.from(names)
  const markers = yield* askWave(self, "markers", self.tier.store.markers(late))
  return isFault(markers) ? () => markers : pickerOf(markers, late)
})
