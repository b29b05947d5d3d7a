/** One id: why it is cached or not, as a timeline, and what the next read will do. */
import { useEffect, useState } from "preact/hooks"
import type * as Api from "../api.ts"
import type { Proposal } from "./act.tsx"
import { ask } from "./client.ts"
import { clock, duration, number, plural } from "./format.ts"
import { Asked, Dialog, Life, Name } from "./parts.tsx"

// The fields are those of `Facts` of effect-cached/explain.
type Fact = { readonly _tag: string; readonly [name: string]: any }

const when = (at: unknown, now: number): string =>
  typeof at !== "number" ? "never" : at > now ? `in ${duration(at - now)}` : `${duration(now - at)} ago`

const by = (who: unknown): string => typeof who === "string" ? ` by ${who}` : ""

/** Each fact of an explanation as a sentence, and its time if it has one. */
const facts: { readonly [tag: string]: (fact: Fact, now: number) => string } = {
  NotUsed: ({ because }) => `The cache is ${because}.`,
  Memory: ({ isGone, loadMillis, reads }) =>
    isGone ? "The entry in memory is invalid." : `In memory: loaded in ${duration(loadMillis)}, served ${plural(reads, "read")} since.`,
  Past: ({ at, by: who, cause, tag }, now) =>
    cause === "forgotten"
      ? "What happened to it is no longer known."
      : `Its entry has gone (${cause}${tag ? ` "${tag}"` : ""}), ${when(at, now)}${by(who)}.`,
  Tag: ({ at, by: who, mode, tag }, now) =>
    `Its tag "${tag}" was ${mode === "soft" ? "softly " : ""}invalidated${at ? `, ${when(at, now)}` : ""}${by(who)}.`,
  Store: ({ frame, state, store }) =>
    `The store "${store}" ${state === "absent" ? "has no entry" : `has an entry: ${state}, ${number((frame as { bytes?: number } | undefined)?.bytes ?? 0)} bytes`}.`,
  StoreSilent: ({ because, store }) => `The store "${store}" did not say (${because}).`,
  Pending: ({ tag, target }) => `The store has not acknowledged ${target === "tag" ? `the invalidation of "${tag}"` : `a change (${target})`}.`,
  Untracked: ({ until }, now) => `Changes by other processes cannot be followed; memory is trusted until ${when(until, now)}.`,
  Lease: ({ forMillis, own }) => `${own ? "This" : "Another"} process has the lease, for ${duration(forMillis)} more.`,
  Flight: ({ callers, phase, refresh }) => `A ${refresh ? "refresh" : "load"} runs (${phase}); ${plural(callers, "reader waits", "readers wait")}.`,
  RetryAfter: ({ until }, now) => `The last load failed; the next one begins ${when(until, now)}.`,
  NoFallback: () => "The origin has answered with a failure, so no stale value replaces it.",
  Circuit: ({ until }, now) => `The store is not asked, because it timed out; it is asked again ${when(until, now)}.`,
  Strategy: ({ name }) => `The strategy is ${name}.`
}

const sourceOf: { readonly [source: string]: string } = {
  memory: "served from memory",
  store: "served from the store",
  load: "loads it",
  joined: "joins the load that runs",
  stale: "gets the stale value",
  strategy: "depends on the strategy of the read",
  uncached: "runs as if there were no cache",
  defect: "fails"
}

const statusOf: { readonly [status: string]: string } = {
  fresh: "fresh",
  stale: "stale",
  gone: "gone",
  neverSeen: "new to this process",
  notKnown: "no entry"
}

export const Detail = ({ close, id, index, overview, propose }: {
  id: string
  index: number
  overview: Api.Overview
  close: () => void
  propose: (proposal: Proposal) => void
}) => {
  const [known, setKnown] = useState<Api.Explained>()
  const [why, setWhy] = useState<string>()
  useEffect(() => {
    ask<Api.Explained>("entry", { cache: index, id }).then(setKnown, (error: Error) => setWhy(error.message))
  }, [id, index])
  const entry = known?.entry
  const timeline = known && entry
    ? [
      [entry.createdAt, "Born: its load ended."],
      [entry.softAt === entry.expiresAt ? null : entry.softAt, entry.softAt !== null && entry.softAt < entry.createdAt ? "A soft invalidation made it stale." : "Stale from here on: the strategy of a read decides."],
      [entry.expiresAt, "The end: never served after this."]
    ].flatMap(([at, text]) => typeof at === "number" ? [[Math.max(at, entry.createdAt), text] as const] : [])
    : []
  return (
    <Dialog title={id} kind="side" close={close}>
      <Asked value={known} why={why}>{(known) => (
        <>
          <p class="status">
            <span class={`pill ${known.status}`}>{statusOf[known.status] ?? known.status}</span>
            {entry?.keyClass && <span class="chip strong">{entry.keyClass}</span>}
            {entry?.outcome === "failure" && <span class="chip bad">a cached failure</span>}
          </p>
          {entry && <Life entry={entry} now={known.at} />}
          <h3>Why</h3>
          <ul class="facts">
            {(known.facts as ReadonlyArray<Fact>).map((fact) => <li>{facts[fact._tag]?.(fact, known.at) ?? fact._tag}</li>)}
            {known.facts.length === 0 && <li>Neither memory nor the store knows this id.</li>}
          </ul>
          {timeline.length > 0 && (
            <>
              <h3>Its life</h3>
              <ol class="timeline">
                {[...timeline, [known.at, "Now"] as const].sort(([a], [b]) => Number(a) - Number(b)).map(([at, text]) => (
                  <li class={text === "Now" ? "now" : Number(at) < known.at ? "past" : ""}>
                    <time>{clock(Number(at))}</time>
                    <span>{text}{text !== "Now" && <small>{when(at, known.at)}</small>}</span>
                  </li>
                ))}
              </ol>
            </>
          )}
          <h3>The next read</h3>
          <ol class="timeline">
            {known.next.map(({ at, fallback, refresh, source }) => (
              <li>
                <time>{at <= known.at ? "now" : clock(at)}</time>
                <span>
                  {sourceOf[source] ?? source}
                  {refresh === "true" && ", and begins a refresh"}
                  {refresh === "perhaps" && ", and perhaps begins a refresh"}
                  {fallback && ", with the stale value if the load fails"}
                </span>
              </li>
            ))}
          </ol>
          {entry && [["Tags", entry.tags] as const, ["Depends on", entry.dependsOn] as const].map(([title, names]) =>
            names.length > 0 && (
              <>
                <h3>{title}</h3>
                <p class="chips">{names.map((name) => <span class="chip"><Name name={name} plain /></span>)}</p>
              </>
            )
          )}
          <h3>Value</h3>
          {known.value === null
            ? <p class="hint">{overview.showsValues ? "It is not in memory." : "Hidden: the inspector has no values: true."}</p>
            : <pre tabIndex={0}>{known.value}</pre>}
          {!overview.isReadOnly && (
            <p class="buttons">
              <button type="button" class="danger" onClick={() => propose({ kind: "key", name: id })}>Invalidate…</button>
            </p>
          )}
        </>
      )}</Asked>
    </Dialog>
  )
}
