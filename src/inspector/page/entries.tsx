/** The entries: pages in the order of memory, and filters and ranks by one pass over it. */
import { useEffect, useRef, useState } from "preact/hooks"
import type * as Api from "../api.ts"
import { Act, type Proposal } from "./act.tsx"
import { ask, read } from "./client.ts"
import { duration, number, percent, plural } from "./format.ts"
import { Empty, Failed, Field, Life, Name } from "./parts.tsx"
import { Detail } from "./detail.tsx"

interface Wanted {
  readonly pattern: string
  readonly keyClass: string
  readonly tag: string
  readonly state: string
  readonly order: string
}

const everything: Wanted = { pattern: "", keyClass: "", tag: "", state: "", order: "memory" }

interface Found {
  readonly entries: ReadonlyArray<Api.Entry>
  readonly at: number
  /** The cursor of the next page. */
  readonly cursor?: string | null
  /** The page before, the one after if it was read already, and how many entries are before this one. */
  readonly former?: Found
  readonly later?: Found
  readonly before?: number
  /** The last report of a pass. */
  readonly pass?: Api.Pass
  readonly isStore?: boolean
  readonly isAll?: boolean
  readonly isStopped?: boolean
}

/** The fields that say something. */
const filterOf = ({ order: _, ...filter }: Wanted): object =>
  Object.fromEntries(Object.entries(filter).filter(([, text]) => text !== ""))

export const Entries = ({ cache, index, overview }: { cache: Api.Cache; index: number; overview: Api.Overview }) => {
  const [wanted, want] = useState(everything)
  const [found, setFound] = useState<Found>()
  const [why, setWhy] = useState<string>()
  const [busy, setBusy] = useState(false)
  const [opened, open] = useState<string>()
  const [proposal, propose] = useState<Proposal>()
  const abort = useRef(new AbortController())

  const run = async (work: (signal: AbortSignal) => Promise<void>) => {
    abort.current.abort()
    const own = abort.current = new AbortController()
    setBusy(true)
    setWhy(undefined)
    try {
      await work(own.signal)
    } catch (error) {
      if (!own.signal.aborted) setWhy((error as Error).message)
    }
    if (own === abort.current) setBusy(false)
  }

  const pages = (former?: Found) =>
    run(async () => {
      const page = await ask<Found>("entries", { cache: index, ...former === undefined ? {} : { cursor: former.cursor } })
      setFound(former === undefined ? page : { ...page, former, before: (former.before ?? 0) + former.entries.length })
    })

  const find = (wanted: Wanted) => {
    want(wanted)
    if (wanted.order === "memory" && Object.keys(filterOf(wanted)).length === 0) return pages()
    setFound(undefined)
    return run((signal) =>
      read<Api.Pass>(
        "pass",
        { cache: index, ...filterOf(wanted), order: wanted.order },
        signal,
        (pass) => setFound({ entries: pass.entries, at: pass.at, pass })
      )
    )
  }

  const stop = () => {
    abort.current.abort()
    setBusy(false)
    setFound((found) => found && { ...found, isStopped: true })
  }

  const store = () =>
    run(async () => {
      const { pattern } = wanted
      setFound({ ...await ask<Found>("store", { cache: index, ...pattern === "" ? {} : { pattern } }), isStore: true })
    })

  useEffect(() => {
    find(everything)
    return () => abort.current.abort()
  }, [index, overview.process.id])

  const field = (name: keyof Wanted, label: string, placeholder: string) => (
    <Field label={label} placeholder={placeholder} value={wanted[name]} set={(text) => want({ ...wanted, [name]: text })} />
  )
  const choice = (name: keyof Wanted, label: string, options: ReadonlyArray<readonly [string, string]>) => (
    <label>
      <span>{label}</span>
      <select value={wanted[name]} onChange={(event) => find({ ...wanted, [name]: event.currentTarget.value })}>
        {options.map(([value, text]) => <option value={value}>{text}</option>)}
      </select>
    </label>
  )
  const classes = Object.keys(cache.classes)
  return (
    <>
      <form
        class="card filters"
        onSubmit={(event) => {
          event.preventDefault()
          find(wanted)
        }}
      >
        {field("pattern", "Id or pattern", "user:*")}
        {classes.length > 0 && choice("keyClass", "Class", [["", "all"], ...classes.map((name) => [name, name] as const)])}
        {field("tag", "Tag", "any")}
        {choice("state", "State", [["", "all"], ["fresh", "fresh"], ["stale", "stale"], ["failure", "cached failures"]])}
        {choice("order", "Show", [
          ["memory", "memory order"],
          ["hottest", "100 most read"],
          ["coldest", "100 least read"],
          ["heaviest", "100 heaviest"]
        ])}
        <div class="buttons">
          <button type="submit" class="primary">Find</button>
          {cache.store !== null && (
            <button type="button" onClick={store} title="Reads the store, which may take a while">Look in the store</button>
          )}
          {!overview.isReadOnly && (
            <button type="button" class="danger" onClick={() => propose(proposalOf(wanted))}>Invalidate…</button>
          )}
        </div>
      </form>
      {why !== undefined && <Failed why={why} />}
      <Said found={found} busy={busy} size={cache.size} stop={stop} />
      {found === undefined || (found.entries.length === 0 && busy)
        ? busy && <p class="loading">Reading…</p>
        : found.entries.length === 0
        ? (
          <Empty title={found.isStore === true ? "The store has no such entry" : "No entry in memory"}>
            {Object.keys(filterOf(wanted)).length > 0
              ? "Nothing matches. A pattern must match the whole id: * is any text, ? one character."
              : "Entries appear here once the program has loaded or set something."}
          </Empty>
        )
        : <List found={found} open={open} />}
      {(found?.former ?? found?.cursor) && (
        <p class="buttons">
          {found?.former && <button type="button" disabled={busy} onClick={() => setFound({ ...found.former!, later: found })}>Previous 100</button>}
          {found?.cursor && <button type="button" disabled={busy} onClick={() => found.later ? setFound(found.later) : pages(found)}>Next 100</button>}
        </p>
      )}
      {opened !== undefined && (
        <Detail
          id={opened}
          index={index}
          overview={overview}
          close={() => open(undefined)}
          propose={(proposal) => {
            open(undefined)
            propose(proposal)
          }}
        />
      )}
      {proposal !== undefined && (
        <Act
          proposal={proposal}
          index={index}
          cache={cache}
          overview={overview}
          close={() => propose(undefined)}
          done={() => find(wanted)}
        />
      )}
    </>
  )
}

const proposalOf = ({ keyClass, pattern, tag }: Wanted): Proposal =>
  tag !== "" ? { kind: "tag", name: tag }
    : keyClass !== "" ? { kind: "keyClass", name: keyClass }
    : pattern !== "" ? { kind: /[*?[]/.test(pattern) ? "pattern" : "key", name: pattern }
    : { kind: "tag", name: "" }

const rangeOf = ({ before = 0, entries }: Found): string =>
  before === 0 ? number(entries.length) : `${number(before + 1)} to ${number(before + entries.length)}`

const Said = ({ busy, found, size, stop }: { busy: boolean; found: Found | undefined; size: number; stop: () => void }) => {
  if (found?.pass === undefined) {
    return (
      <p class="said" role="status">
        {found === undefined ? "\u00a0" : found.isStore === true
          ? `${plural(found.entries.length, "entry", "entries")} of the store${found.isAll === false ? ", which has more" : ""}`
          : `${rangeOf(found)} of ${plural(size, "entry", "entries")} in the memory of this process`}
      </p>
    )
  }
  const { isDone, matched, of, scanned } = found.pass
  return (
    <p class="said" role="status">
      {busy && <progress max={of} value={scanned} aria-label="The pass over memory" />}
      {isDone ? "" : "At least "}
      {plural(matched, "entry matches", "entries match")}
      {isDone ? ` of ${number(scanned)}` : `, ${percent(of === 0 ? 1 : scanned / of)} looked at`}
      {found.isStopped === true && ", stopped"}
      {isDone && matched > found.entries.length && `; here are ${number(found.entries.length)}`}
      {busy && <button type="button" class="quiet" onClick={stop}>Stop</button>}
    </p>
  )
}

const List = ({ found, open }: { found: Found; open: (id: string) => void }) => (
  <ol class="card list entries">
    <li class="head" aria-hidden="true">
      <span>Id</span>
      <span>Life</span>
      <span class="n">Age</span>
      <span class="n">Reads</span>
      <span class="n">Weight</span>
    </li>
    {found.entries.map((entry) => (
      <li key={entry.id}>
        <button type="button" class="row" onClick={() => open(entry.id)}>
          <span class="what">
            <Name name={entry.id} />
            <span class="chips">
              {entry.keyClass !== null && <span class="chip strong">{entry.keyClass}</span>}
              {entry.outcome === "failure" && <span class="chip bad">failure</span>}
              {entry.tags.filter((tag) => !tag.startsWith("~")).slice(0, 3).map((tag) => (
                <span class="chip"><Name name={tag} plain /></span>
              ))}
            </span>
          </span>
          <Life entry={entry} now={found.at} />
          <span class="n" data-name="old">{duration(Math.max(0, found.at - entry.createdAt))}</span>
          <span class="n" data-name="reads">{number(entry.reads)}</span>
          <span class="n" data-name="weight">{found.isStore === true ? "–" : number(entry.weight)}</span>
        </button>
      </li>
    ))}
  </ol>
)
