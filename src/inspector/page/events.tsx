/** The live tail of the events, with filters. */
import { useState } from "preact/hooks"
import type { Told } from "./client.ts"
import { clock, duration, number, plural, visible } from "./format.ts"
import { Empty, Field, Name } from "./parts.tsx"

export type Row = Told & { readonly n: number } | { readonly n: number; readonly at: number; readonly leftOut: number }

const shownKinds = ["Hit", "Miss", "Joined", "Load", "Refresh", "Stale", "Set", "Evict", "Invalidate"]

const tones: { readonly [kind: string]: string } = {
  Hit: "good",
  Load: "info",
  Miss: "warn",
  Stale: "warn",
  Restart: "bad",
  StoreFailure: "bad",
  LostSet: "bad",
  Refused: "warn",
  Slow: "warn",
  Invalidate: "accent"
}

const wordsOf = (event: Told["event"]): string => {
  const { _tag, id: _, keyClass: __, ...fields } = event as Told["event"] & Record<string, unknown>
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined || value === false || (Array.isArray(value) && value.length === 0)
      ? []
      : name.toLowerCase().endsWith("millis")
      ? [name === "ageMillis" ? `${duration(Number(value))} old` : `took ${duration(Number(value))}`]
      : name === "bytes"
      ? [`${number(Number(value))} bytes`]
      : [value === true ? name : name === "outcome" || name === "source" || name === "mode" ? String(value) : `${name} ${visible(String(value)).slice(0, 200)}`]
  ).join(" · ")
}

const isBad = ({ event }: Told): boolean => event._tag === "Load" && (event as { outcome?: string }).outcome === "failure"

export const Events = ({ pause, paused, rows }: {
  rows: ReadonlyArray<Row>
  paused: boolean
  pause: (paused: boolean) => void
}) => {
  const [text, setText] = useState("")
  const [off, setOff] = useState<ReadonlySet<string>>(new Set())
  const isShown = (row: Row): boolean => {
    if ("leftOut" in row) return true
    const { _tag, id = "", keyClass = "" } = row.event
    const kind = shownKinds.includes(_tag) ? _tag : "others"
    return !off.has(kind) && (text === "" || `${id} ${keyClass} ${wordsOf(row.event)}`.includes(text))
  }
  const shown = rows.filter(isShown)
  return (
    <>
      <div class="card filters">
        <Field label="Text" placeholder="any id or word" value={text} set={setText} />
        <fieldset class="toggles">
          <legend>Kinds</legend>
          {[...shownKinds, "others"].map((kind) => (
            <label>
              <input
                type="checkbox"
                checked={!off.has(kind)}
                onChange={() => setOff((off) => off.has(kind) ? new Set([...off].filter((one) => one !== kind)) : new Set([...off, kind]))}
              />
              <span>{kind}</span>
            </label>
          ))}
        </fieldset>
        <div class="buttons">
          <button type="button" aria-pressed={paused} onClick={() => pause(!paused)}>{paused ? "Continue" : "Pause"}</button>
        </div>
      </div>
      <p class="said">
        {paused ? "Paused. " : ""}The last {plural(rows.length, "event")}{shown.length < rows.length && `, ${number(shown.length)} shown`}
      </p>
      {shown.length === 0
        ? (
          <Empty title={rows.length === 0 ? "Nothing has happened yet" : "No event matches"}>
            {rows.length === 0 ? "Events appear as they happen, the newest first." : "Change the text or the kinds."}
          </Empty>
        )
        : (
          <ol class="card list events">
            {shown.map((row) =>
              "leftOut" in row
                ? <li key={row.n} class="left">{plural(row.leftOut, "further event")}: too many to show all</li>
                : (
                  <li key={row.n}>
                    <time>{clock(row.at)}</time>
                    <span class={`pill ${isBad(row) ? "bad" : tones[row.event._tag] ?? ""}`}>{row.event._tag}</span>
                    <span class="what">
                      {row.event.id !== undefined && <Name name={row.event.id} />}
                      <small>{wordsOf(row.event)}</small>
                    </span>
                  </li>
                )
            )}
          </ol>
        )}
    </>
  )
}
