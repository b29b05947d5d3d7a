/** `transact` on a server of Redis: what is checked is looked at here, and whether it is still so by the script. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Stored } from "../../../CacheEntry.ts"
import { StoreError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import * as Conditions from "../../../internal/store/conditions.ts"
import * as Transact from "../../../internal/store/transact.ts"
import * as Turns from "../../../internal/time/turns.ts"
import type { Counter, TransactCheck, Transacted, TransactRequest, TransactStep } from "../../../ports/store.ts"
import type { Told } from "../../shared/recentChanges.ts"
import type { Args } from "../connection/connection.ts"
import { keysOfWrite, markerOf, type Named, slotOfKey } from "../protocol/keys.ts"

type EntryCheck = Extract<TransactCheck, { readonly _tag: "Entry" }>

/** What is stored under an id, as it was looked at. */
export interface Looked {
  readonly entry: Stored | undefined
  /** what is stored begins with this; empty where nothing is */
  readonly head: Buffer
  /** the hard halves of the tags that make it valid */
  readonly versions: ReadonlyMap<string, string | undefined>
}

interface Asked {
  readonly keys: ReadonlyArray<Named>
  readonly args: Args
  /** what is changed by it */
  readonly changes: ReadonlyArray<Told>
}

/** The answer of the script: the numbers of the checks that do not hold any more, or of the commits that were refused. */
export interface Answered {
  readonly isDone: boolean
  readonly numbers: ReadonlyArray<number>
}

type Commit = Extract<TransactStep, { readonly _tag: "Commit" }>

interface Parts {
  readonly store: string
  readonly now: () => number
  readonly look: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Looked>, StoreError>
  readonly counters: (names: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Counter | undefined>, StoreError>
  /** a frame and how long it is kept */
  readonly write: (entry: Stored, id: string) => readonly [Buffer, string]
  /** a moment in the server's time, as an argument; empty for ever */
  readonly momentOf: (millis: number) => string
  readonly refused: (id: string, entry: Stored) => StoreError | undefined
  readonly run: (asked: Asked) => Effect.Effect<Answered, StoreError>
  /** on a cluster: stores the result of a load whose keys are in another slot */
  readonly commitElsewhere: ((step: Commit) => Effect.Effect<boolean, StoreError>) | undefined
  readonly contended: StoreError
  readonly attempts: number
}

/** The steps of the script, in the order of its code: each has a letter, a key and three arguments. */
export const make = (parts: Parts): (request: TransactRequest) => Effect.Effect<Transacted, StoreError> => {
  const unsupported = (message: string) =>
    new StoreError({ store: parts.store, operation: "transact", reason: "Unsupported", cause: new Error(message) })

  const attempt = ({ request, slot }: Placed, left: number): Effect.Effect<Transacted, StoreError> => {
    if (left === 0) return Effect.fail(parts.contended)
    const { checks, steps } = request
    const ids = Transact.idsOf(checks, steps.filter(({ _tag }) => _tag === "Touch"))
    const names = Array.from(new Set(checks.flatMap((check) => check._tag === "Counter" ? [check.name] : [])))
    const checked = new Set(Transact.idsOf(checks))
    return Effect.flatMap(
      Effect.all([parts.look(ids), parts.counters(names)]),
      ([entries, counters]): Effect.Effect<Transacted, StoreError> => {
        const now = parts.now()
        const looked = new Map(ids.map((id, i) => [id, entries[i]!]))
        const known = new Map(names.map((name, i) => [name, counters[i]]))
        const holds = ({ condition, id }: Pick<EntryCheck, "condition" | "id">) => {
          const { entry, versions } = looked.get(id)!
          return Conditions.holds(condition, entry, now, { version: (tag) => versions.get(tag) })
        }
        const conflict = Transact.conflictOf(checks, {
          holds,
          counter: (name) => known.get(name),
          position: () => undefined
        })
        if (conflict !== undefined) return Effect.succeed(conflict)
        const reaches = (tag: string) => slot === undefined || slotOfKey(markerOf(tag)) === slot
        for (const [id, { versions }] of looked) {
          const beyond = Array.from(versions.keys()).find((tag) => !reaches(tag))
          // what a tag has made invalid stays so
          if (beyond === undefined || !checked.has(id) || !holds({ id, condition: { _tag: "IfPresent" } })) continue
          return Effect.fail(unsupported(
            `"${id}" is checked, and its tag "${beyond.slice(0, 200)}" is in another slot of the cluster: ${howToShare}`
          ))
        }
        const present = { counters: known, looked, now, reaches }
        return Effect.flatMap(
          toAsked(parts, steps, present),
          ({ asked, committed }) =>
            Effect.flatMap(parts.run(asked), ({ isDone, numbers }) =>
              isDone
                ? Effect.succeed<Transacted>({
                  _tag: "Committed",
                  refused: numbers.map((number) => committed[number]!)
                })
                // somebody has written in between
                : attempt({ request, slot }, left - 1))
        )
      }
    )
  }

  return (request) =>
    Effect.suspend(() => {
      const { steps } = request
      const refusal = Transact.tooLarge(parts.store, Transact.sizeOf(steps), Limits.transaction)
      if (refusal !== undefined) return Effect.fail(refusal)
      for (const step of steps) {
        // another era has other keys
        if (step._tag === "Clear") return Effect.fail(unsupported("a transaction on Redis cannot clear the store"))
        const refused = "entry" in step ? parts.refused(step.id, step.entry) : undefined
        if (refused !== undefined) return Effect.fail(refused)
      }
      const { commitElsewhere } = parts
      if (commitElsewhere === undefined) return attempt({ request, slot: undefined }, parts.attempts)
      const placed = inOneSlot(request)
      if (typeof placed === "string") return Effect.fail(unsupported(placed))
      const { elsewhere, request: { checks, steps: here } } = placed
      const isEmpty = checks.length + here.length === 0
      return Effect.flatMap(
        isEmpty
          ? Effect.succeed<Transacted>({ _tag: "Committed", refused: [] })
          : attempt(placed, parts.attempts),
        (answer) =>
          answer._tag === "Committed" && elsewhere.length > 0
            ? Effect.map(
              refusedOf(elsewhere, commitElsewhere),
              (refused) => ({ ...answer, refused: [...answer.refused, ...refused] })
            )
            : Effect.succeed(answer)
      )
    })
}

/**
 * What could not be stored of the results of loads in other slots. The transaction is committed by then: a master that does
 * not answer is not waited for.
 */
const refusedOf = (
  steps: ReadonlyArray<Commit>,
  commit: NonNullable<Parts["commitElsewhere"]>
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    Effect.timeoutOption(
      Effect.forEach(steps, (step) => Effect.orElseSucceed(commit(step), () => false), { concurrency: "unbounded" }),
      Limits.transaction.otherSlotsMillis
    ),
    (answers) => steps.filter((_, i) => Option.isNone(answers) || !answers.value[i]).map(({ id }) => id)
  )

// ---------------------------------------------------------------------------------------------------------------------
// slots
// ---------------------------------------------------------------------------------------------------------------------

interface Placed {
  readonly request: TransactRequest
  /** where all keys are; `undefined` on a server */
  readonly slot: number | undefined
}

const howToShare =
  `a transaction reaches one slot. Those that begin with the same in braces share it, like "{cart:7}:items" and "{cart:7}:sum"`

/**
 * On a cluster a script reaches the keys of one slot. The results of loads need no common step: those of other slots are
 * stored by themselves. A text says why it cannot be.
 */
const inOneSlot = (
  { checks, steps }: TransactRequest
): Placed & { readonly elsewhere: ReadonlyArray<Commit> } | string => {
  const places = new Map<number, string>()
  for (const one of [...checks, ...steps]) {
    if (one._tag === "InvalidateTags") return "on a cluster a transaction cannot invalidate tags: do it after it"
    if (one._tag === "Commit") continue
    const text = "id" in one ? one.id : "name" in one ? one.name : undefined
    if (text !== undefined) places.set(slotOfKey(["v", text]), text)
    if (places.size < 2) continue
    const [first, second] = Array.from(places.values())
    return `"${first}" and "${second}" are in two slots of the cluster: ${howToShare}`
  }
  const [slot = -1] = places.keys()
  const isHere = (step: TransactStep) => step._tag !== "Commit" || slotOfKey(["v", step.id]) === slot
  return {
    request: { checks, steps: steps.filter(isHere) },
    slot,
    elsewhere: steps.filter((step): step is Commit => !isHere(step))
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// the script
// ---------------------------------------------------------------------------------------------------------------------

interface Present {
  readonly looked: ReadonlyMap<string, Looked>
  readonly counters: ReadonlyMap<string, Counter | undefined>
  readonly now: number
  /** whether the marker of a tag is where the script can see it */
  readonly reaches: (tag: string) => boolean
}

interface Program {
  readonly asked: Asked
  /** the ids of the commits, by their numbers */
  readonly committed: ReadonlyArray<string>
}

const toAsked = (
  { commitElsewhere, momentOf, write }: Parts,
  steps: ReadonlyArray<TransactStep>,
  { counters, looked, now, reaches }: Present
): Effect.Effect<Program> => {
  const isCluster = commitElsewhere !== undefined
  const keys: Array<Named> = []
  const checks: Array<string | Buffer> = []
  const program: Array<string | Buffer> = []
  const committed: Array<string> = []
  const changes: Array<Told> = []
  /** the place of a key, and of what is beside it */
  const add = (...named: ReadonlyArray<Named>): string => String(keys.push(...named) - named.length + 1)
  const step = (letter: string, key: string, ...args: ReadonlyArray<string | Buffer>) =>
    program.push(letter, key, args[0] ?? "", args[1] ?? "", args[2] ?? "")
  const checkEntry = ([id, { head, versions }]: readonly [string, Looked]) => {
    checks.push("h", add(["v", id]), head)
    for (const [tag, version = ""] of versions) {
      if (!reaches(tag)) continue
      checks.push("t", add(markerOf(tag)), Buffer.from(version.slice(0, 12), "hex"))
    }
  }
  const checkCounter = ([name, counter]: readonly [string, Counter | undefined]) => {
    checks.push("n", add(["n", name]), counter === undefined ? "" : String(counter.value))
  }
  const addStep = (one: TransactStep) => {
    switch (one._tag) {
      case "Set":
        changes.push({ _tag: "Entry", id: one.id })
        step("S", add(...keysOfWrite(one.id, isCluster)), ...write(one.entry, one.id))
        break
      case "Commit":
        committed.push(one.id)
        changes.push({ _tag: "Load", id: one.id })
        step("K", add(["v", one.id], ["l", one.id], ["f", one.id]), ...write(one.entry, one.id), one.generation)
        break
      case "Remove":
        changes.push({ _tag: "Entry", id: one.id })
        step("R", add(...keysOfWrite(one.id, isCluster)))
        break
      case "Touch": {
        const { entry, versions } = looked.get(one.id)!
        const touched = Conditions.touched(entry, one.options, now, { version: (tag) => versions.get(tag) })
        if (touched === undefined) break
        changes.push({ _tag: "Load", id: one.id })
        step("T", add(["v", one.id]), ...write(touched, one.id))
        break
      }
      case "InvalidateTags":
        for (const { tag } of one.tags) changes.push({ _tag: "Tag", tag })
        for (const { tag, version } of one.tags) step("I", add(markerOf(tag)), Buffer.from(version, "hex"), one.mode)
        break
      case "Increment":
        step("N", add(["n", one.name]), String(one.by === 0 ? 0 : one.by), momentOf(one.expiresAt ?? Infinity))
        break
      case "TouchCounter":
        step("P", add(["n", one.name]), momentOf(one.expiresAt))
        break
      case "RemoveCounter":
        step("D", add(["n", one.name]))
    }
  }
  return Effect.gen(function*() {
    yield* Turns.forEach(looked, checkEntry)
    yield* Turns.forEach(counters, checkCounter)
    yield* Turns.forEach(steps, addStep)
    return { asked: { keys, args: [String(checks.length / 3), ...checks, ...program], changes }, committed }
  })
}
