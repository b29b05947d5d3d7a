/** Invalidates by hand: says first what it hits, and afterwards what was acknowledged. */
import { useEffect, useState } from "preact/hooks"
import type * as Api from "../api.ts"
import { ask, read } from "./client.ts"
import { number, plural } from "./format.ts"
import { Dialog, Failed, Field, Tabs } from "./parts.tsx"

type Kind = "key" | "tag" | "keyClass" | "pattern" | "all"

export interface Proposal {
  readonly kind: Kind
  readonly name: string
}

const kinds: ReadonlyArray<readonly [Kind, string]> = [
  ["key", "One key"],
  ["tag", "A tag"],
  ["keyClass", "A class"],
  ["pattern", "A pattern"],
  ["all", "Everything"]
]

const modes = [["hard", "Hard: gone at once"], ["soft", "Soft: stale, served while it is refreshed"]] as const

/** A pattern that matches only this text. */
const escape = (text: string): string => text.replaceAll(/[*?[]/g, "[$&]")

const filterOf = (kind: Kind, name: string): object =>
  kind === "all" ? {} : kind === "key" ? { pattern: escape(name) } : { [kind]: name }

export const Act = ({ cache, close, done, index, overview, proposal }: {
  proposal: Proposal
  index: number
  cache: Api.Cache
  overview: Api.Overview
  close: () => void
  done: () => void
}) => {
  const [kind, setKind] = useState(proposal.kind)
  const [name, setName] = useState(proposal.name)
  const [mode, setMode] = useState<"hard" | "soft">("hard")
  const [typed, type] = useState("")
  const [counted, setCounted] = useState<{ readonly of: string; readonly hits: Api.Pass }>()
  const [why, setWhy] = useState<string>()
  const [result, setResult] = useState<Api.Done>()
  // The act is for the process whose numbers were shown when this opened.
  const [shownFor] = useState(overview.process.id)
  const isNamed = kind === "all" || name !== ""
  const canBeSoft = kind !== "all"
  const subject = `${kind} ${name}`
  // Those of the name before must not be shown for this one.
  const hits = counted?.of === subject ? counted.hits : undefined
  const expected = kind === "all" ? cache.name : kind === "keyClass" ? name : undefined

  useEffect(() => {
    setWhy(undefined)
    if (!isNamed) return
    const abort = new AbortController()
    const later = setTimeout(() =>
      read<Api.Pass>("pass", { cache: index, order: "memory", ...filterOf(kind, name) }, abort.signal, (hits) => setCounted({ of: subject, hits })).catch(
        (error: Error) => abort.signal.aborted || setWhy(error.message)
      ), 250)
    return () => {
      clearTimeout(later)
      abort.abort()
    }
  }, [kind, name])

  const act = async (event: Event) => {
    event.preventDefault()
    setWhy(undefined)
    const target = kind === "all" ? { all: true } : { [kind]: name }
    try {
      setResult(await ask<Api.Done>("act", { process: shownFor, cache: index, target, mode: canBeSoft ? mode : "hard" }))
      done()
    } catch (error) {
      setWhy((error as Error).message)
    }
  }

  if (result !== undefined) {
    return (
      <Dialog title="Done" close={close}>
        <p role="status">
          {result.count === null ? "Invalidated." : `Invalidated ${plural(result.count, "entry", "entries")}.`}
          {result.pending === null
            ? " There is no store."
            : result.pending === 0
            ? " The store has acknowledged it."
            : ` The store has not acknowledged ${plural(result.pending, "invalidation")} yet; they are sent again until it does.`}
        </p>
        <p class="buttons"><button type="button" class="primary" onClick={close}>Close</button></p>
      </Dialog>
    )
  }
  return (
    <Dialog title={`Invalidate in "${cache.name}"`} close={close}>
      <form onSubmit={act}>
        <Tabs name="What" all={kinds} value={kind} set={setKind} />
        {kind !== "all" && (
          <Field
            label={{ key: "Id", tag: "Tag", keyClass: "Name of the class", pattern: "Pattern, like user:*" }[kind]}
            value={name}
            set={setName}
          />
        )}
        {canBeSoft && <Tabs name="How" all={modes} value={mode} set={setMode} />}
        <p class="hits" role="status">
          {!isNamed ? "Name what to invalidate." : hits === undefined ? "Counting…" : (
            <>
              <b>{hits.isDone ? "" : "At least "}{plural(hits.matched, "entry", "entries")}</b>{" "}
              in the memory of this process{hits.isDone ? "" : ` (${number(hits.scanned)} of ${number(hits.of)} looked at)`}.
              {cache.store !== null && " Entries of the store are not counted, and are invalidated too."}
            </>
          )}
        </p>
        {expected !== undefined && expected !== "" && (
          <Field label={<>Type <b>{expected}</b> to confirm</>} value={typed} set={type} />
        )}
        {why !== undefined && <Failed why={why} />}
        <p class="buttons">
          <button type="button" onClick={close}>Cancel</button>
          <button type="submit" class="danger solid" disabled={!isNamed || hits === undefined || (expected !== undefined && typed !== expected)}>
            {kind === "all" ? "Clear everything" : "Invalidate"}
          </button>
        </p>
      </form>
    </Dialog>
  )
}
