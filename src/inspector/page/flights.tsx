/** The loads: each flight under the one that waits for it, those that take too long first. */
import type * as Api from "../api.ts"
import { duration, number, plural } from "./format.ts"
import { Empty, Name } from "./parts.tsx"

const phases: { readonly [phase in Api.Flight["phase"]]: string } = {
  Queued: "queued",
  AskingStore: "asks the store",
  AwaitingLease: "waits for the lease",
  Loading: "loads",
  Storing: "stores"
}

/** A tree deeper than this is cut, because a circle of waits has no end. */
const deepest = 8

export const Flights = ({ flights, leftOut }: { flights: ReadonlyArray<Api.Flight>; leftOut: number }) => {
  if (flights.length === 0) {
    return <Empty title="Nothing loads">Loads, refreshes and streams appear here while they run.</Empty>
  }
  const awaited = new Set(flights.flatMap(({ waitsFor }) => waitsFor))
  const order = (a: number, b: number): number =>
    Number(flights[b]!.isLate) - Number(flights[a]!.isLate) || (flights[b]!.ageMillis ?? 0) - (flights[a]!.ageMillis ?? 0)
  const all = flights.map((_, i) => i)
  const roots = all.filter((i) => !awaited.has(i))
  const late = flights.filter(({ isLate }) => isLate).length
  const oldest = Math.max(...flights.map(({ ageMillis }) => ageMillis ?? 0))
  const branch = (i: number, depth: number) => {
    const flight = flights[i]!
    return (
      <li>
        <div class={`flight ${flight.isLate ? "late" : ""}`}>
          <span class={`pill ${flight.phase}`}>{phases[flight.phase]}</span>
          <span class="what">
            <Name name={flight.id} />
            <span class="chips">
              {flight.keyClass !== null && <span class="chip strong">{flight.keyClass}</span>}
              {flight.kind !== "load" && <span class="chip">{flight.kind}</span>}
              {flight.holdsLease && <span class="chip">has the lease</span>}
              {!flight.isStorable && <span class="chip">will not be stored</span>}
              {flight.isLate && <span class="chip bad">outlasted a reader's patience</span>}
            </span>
          </span>
          <span class="n">{plural(flight.waiters, "reader")}</span>
          <span class="age n">
            <span class="meter" aria-hidden="true"><i style={{ width: `${100 * (flight.ageMillis ?? 0) / (oldest || 1)}%` }} /></span>
            {flight.ageMillis === null ? "–" : duration(flight.ageMillis)}
          </span>
        </div>
        {flight.waitsFor.length > 0 && depth < deepest && (
          <ul aria-label={`${flight.id} waits for`}>{flight.waitsFor.toSorted(order).map((next) => branch(next, depth + 1))}</ul>
        )}
      </li>
    )
  }
  return (
    <>
      <p class="said" role="status">
        {plural(flights.length + leftOut, "load runs", "loads run")}
        {late > 0 && <b class="bad"> · {number(late)} outlasted a reader's patience</b>}
        {leftOut > 0 && ` · ${number(leftOut)} are not shown`}
      </p>
      <ul class="card tree">{(roots.length === 0 ? all : roots).toSorted(order).map((i) => branch(i, 0))}</ul>
    </>
  )
}
