/** The frame of the page: which cache and view is shown, and how the connection is. */
import { render } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { connect, go, type Known, nothing, type Told, useToken, viewOf } from "./client.ts"
import { Entries } from "./entries.tsx"
import { Events, type Row } from "./events.tsx"
import { Flights } from "./flights.tsx"
import { clock, duration, number } from "./format.ts"
import { Overview } from "./overview.tsx"
import { Empty, Field } from "./parts.tsx"
import { Sizes } from "./sizes.tsx"

const views = [
  ["overview", "Overview", "M3 12l3-4 3 2 4-6"],
  ["entries", "Entries", "M3 4h10M3 8h10M3 12h6"],
  ["flights", "Flights", "M8 13V3M4 7l4-4 4 4"],
  ["size", "Size", "M3 13V9M8 13V3M13 13V6"],
  ["events", "Events", "M2 8h3l2-5 3 10 2-5h2"]
] as const

const kept = 1000

const states: { readonly [state in Known["state"]]: string } = {
  connecting: "Connecting",
  live: "Live",
  lost: "Connection lost",
  hidden: "Paused: the tab was hidden",
  locked: "Locked"
}

const App = () => {
  const [view, setView] = useState(viewOf)
  const [index, choose] = useState(0)
  const [known, setKnown] = useState(nothing)
  const [rows, setRows] = useState<ReadonlyArray<Row>>([])
  const [paused, pause] = useState(false)
  const [opened, reopen] = useState(0)
  const counter = useRef(0)
  const isPaused = useRef(paused)
  isPaused.current = paused
  useEffect(() => {
    const moved = () => setView(viewOf())
    addEventListener("moved", moved)
    addEventListener("popstate", moved)
    return () => {
      removeEventListener("moved", moved)
      removeEventListener("popstate", moved)
    }
  }, [])
  const wanted = view === "flights" ? "flights" : view === "events" ? "tail" : ""
  useEffect(() => {
    const events = (events: ReadonlyArray<Told>, leftOut: number): void => {
      if (isPaused.current) return
      const fresh: Array<Row> = events.map((told) => ({ ...told, n: counter.current++ }))
      if (leftOut > 0) fresh.push({ n: counter.current++, at: fresh.at(-1)?.at ?? 0, leftOut })
      setRows((rows) => [...fresh.reverse(), ...rows].slice(0, kept))
    }
    setRows([])
    return connect(wanted === "" ? {} : { [wanted]: index }, { changed: setKnown, events, moved: () => setRows([]) })
  }, [wanted, index, opened])
  const { overview, state } = known
  if (state === "locked") return <Locked why={known.why} open={() => reopen((times) => times + 1)} />
  const cache = overview?.caches[index]
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault()
        document.querySelector("main")!.focus()
      }}>To the content</a>
      <header class="top">
        <h1><svg viewBox="0 0 16 16" aria-hidden="true"><rect width="16" height="16" rx="4" /><path d="M4 10.5h8M4 8h5M4 5.5h8" /></svg>Cache inspector</h1>
        {overview !== undefined && overview.caches.length > 1 && (
          <label class="choose">
            <span class="hidden">Cache</span>
            <select value={index} onChange={(event) => choose(Number(event.currentTarget.value))}>
              {overview.caches.map(({ name }, i) => <option value={i}>{name}</option>)}
            </select>
          </label>
        )}
        {overview !== undefined && (
          <p class="process" title={`Process ${overview.process.id}. You are ${overview.actor}.`}>
            {overview.process.host} · {overview.process.pid} · up {duration(overview.at - overview.process.startedAt)}
          </p>
        )}
        <p class={`connection ${state}`} role="status"><i aria-hidden="true" />{states[state]}</p>
      </header>
      <nav aria-label="Views">
        {views.map(([name, title, path]) => (
          <a
            href={`#/${name}`}
            aria-current={view === name ? "page" : undefined}
            onClick={(event) => {
              event.preventDefault()
              go(name)
            }}
          >
            <svg viewBox="0 0 16 16" aria-hidden="true"><path d={path} /></svg>
            {title}
            {name === "flights" && cache !== undefined && cache.flights > 0 && <span class="count">{number(cache.flights)}</span>}
          </a>
        ))}
      </nav>
      <main id="main" tabIndex={-1} class={state === "live" || state === "connecting" ? "" : "old"}>
        <h2 class="hidden">{views.find(([name]) => name === view)?.[1]}</h2>
        {(state === "lost" || state === "hidden") && overview !== undefined && (
          <p class="banner bad" role="alert">
            {states[state]}: these are the numbers of {clock(overview.at)}. The page goes on by itself.
          </p>
        )}
        {known.moved && overview !== undefined && (
          <p class="banner">
            Another process answers now: {overview.process.host} · {overview.process.pid}. All numbers are those of this process.
            <button type="button" class="quiet" onClick={() => setKnown((known) => ({ ...known, moved: false }))}>Understood</button>
          </p>
        )}
        {overview === undefined
          ? state === "lost" ? <Empty title="No connection">{known.why}. The page tries again every second.</Empty> : <p class="loading">Connecting…</p>
          : cache === undefined
          ? <Empty title="There is no cache">The program has provided none, or has disabled it.</Empty>
          : view === "entries"
          ? <Entries key={index} cache={cache} index={index} overview={overview} />
          : view === "flights"
          ? known.flights === undefined ? <p class="loading">Asking…</p> : <Flights flights={known.flights} leftOut={known.flightsLeftOut} />
          : view === "size"
          ? <Sizes key={index} cache={cache} index={index} process={overview.process.id} />
          : view === "events"
          ? <Events rows={rows} paused={paused} pause={pause} />
          : <Overview cache={cache} now={overview.at} since={overview.since} slots={known.slots[index] ?? []} />}
      </main>
      <footer>
        The numbers, loads, events and entries are those of one process. Invalidations reach all processes.
        {overview?.isReadOnly === true && " This page can only be read."}
        {cache !== undefined && !cache.isPlain && " Ids and tags are hidden, as the telemetry of the cache says."}
      </footer>
    </>
  )
}

const Locked = ({ open, why }: { why: string | undefined; open: () => void }) => {
  const [token, setToken] = useState("")
  return (
    <main class="locked">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          useToken(token)
          open()
        }}
      >
        <h1>Cache inspector</h1>
        <p role="alert">{why}.</p>
        <Field label="Token" type="password" value={token} set={setToken} />
        <p class="buttons"><button type="submit" class="primary" disabled={token === ""}>Open</button></p>
      </form>
    </main>
  )
}

render(<App />, document.querySelector("#app")!)
