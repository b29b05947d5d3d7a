/** Builds the arguments of the script that writes: groups of steps, each carried out whole or not at all. */
import type { Stored } from "../../../../CacheEntry.ts"
import * as Limits from "../../../../internal/defaults/redis.ts"
import { groupOf, groupTag } from "../../../../internal/store/markers/idTags.ts"
import type { CommitRequest, InvalidationMode, SetRequest } from "../../../../ports/store.ts"
import type { Told } from "../../../shared/recentChanges.ts"
import type { Done } from "../../connection/connection.ts"
import { isFault, noAnswer } from "../../fault.ts"
import { hashOf, type Keyed, markerOf, type Named } from "../../protocol/keys.ts"
import * as Packed from "../../protocol/packed.ts"
import * as Replies from "../../protocol/replies.ts"
import { longest, momentOf, now, type StoreState, ttlOf, write } from "../state.ts"

export type Arg = string | Buffer

export interface Program {
  readonly store: StoreState
  readonly keys: Array<Keyed>
  readonly args: Array<Arg>
  readonly changes: Array<Told>
  readonly packed: Packed.Packed
  /** The groups of the ids, whose markers are deleted too. */
  readonly groups: Set<string>
  values: number
  /** Whether all steps only free memory, so that a full server carries them out. */
  frees: boolean
}

const expectedHead = 100

/** `bytes` and `values` are the expected size of all values, and their number. */
export const make = (store: StoreState, bytes: number, values: number): Program => ({
  store,
  keys: [],
  args: [],
  changes: [],
  groups: new Set(),
  packed: Packed.make(bytes + values * expectedHead),
  values: 0,
  frees: true
})

/** Runs a program. `done` gets a fault, or the answers of its groups. */
export const run = (program: Program, groups: number, done: Done): void => {
  const { args, changes, frees, keys, packed, store, values } = program
  for (const group of program.groups) keys.push(markerOf(groupTag(group)))
  const fixed = store.session.wire.isCluster ? [] : [store.session.keys.sequence]
  const bytes = values === 0 ? "" : values === 1 ? packed.first() : packed.bytes()
  write(store, frees ? "free" : "apply", {
    fixed,
    keys,
    args: [String(groups), String(values), bytes, ...args],
    changes,
    isDivisible: groups > 1
  }, (answer) => {
    if (isFault(answer)) done(answer)
    else if (groups === 1) done([answer])
    // A server that is not responsible for the slot counts as one that has done nothing.
    else if (answer === 0) done(Array.from({ length: groups }, () => 0))
    else done(Array.isArray(answer) && answer.length === groups ? answer : noAnswer("a script"))
  })
}

/** Begins a group of several checks and steps. Call the result when all of them have been added. */
export const beginGroup = ({ args }: Program): (checks: number, steps: number) => void => {
  const at = args.push("G", "", "")
  return (checks, steps) => {
    args[at - 2] = String(checks)
    args[at - 1] = String(steps)
  }
}

/** `h`: a value begins with this, `t`: a tag has this version, `n`: a counter has this value. Empty means none. */
export const check = ({ args, keys }: Program, kind: "h" | "t" | "n", key: Named, expected: Arg): void => {
  keys.push(key)
  args.push(kind, expected)
}

/** Prolongs the markers of an entry's tags, packs its bytes, and returns its time to live. */
const pack = (program: Program, id: string, entry: Stored): string => {
  const { packed, store } = program
  keepMarkers(store, entry)
  program.frees = false
  program.values++
  Replies.toFrame(id, entry, store.session.wire.offset(true), packed.roomFor)
  return ttlOf(store, entry.meta.expiresAt)
}

const keepMarkers = (self: StoreState, { meta }: Stored): void => {
  if (meta.tags.length === 0) return
  const { era, keys, wire } = self.session
  const ttl = meta.expiresAt - now(self)
  if (ttl < Limits.markerMillis / 2 || era === undefined) return
  for (const { tag } of meta.tags) {
    const [kind, text] = markerOf(tag)
    const key = keys.of(kind, era, text)
    const args = ttl < longest ? ["PEXPIRE", key, String(Math.ceil(2 * ttl)), "GT"] : ["PERSIST", key]
    wire.send(hashOf(text), args, () => {})
  }
}

/** The keys for a removal or an explicit `set`. Both delete the id's markers. */
const addWritten = ({ changes, groups, keys, store: { session } }: Program, id: string): void => {
  keys.push(["vlfd", id])
  // On a cluster, the marker of the id's group would be in a different slot, so a write to the id does not delete it.
  if (!session.wire.isCluster) groups.add(groupOf(id))
  changes.push({ _tag: "Entry", id })
}

export const set = (program: Program, { entry, id }: SetRequest): void => {
  addWritten(program, id)
  program.args.push("S", pack(program, id, entry))
}

export const remove = (program: Program, id: string): void => {
  addWritten(program, id)
  program.args.push("R")
}

const addLoad = ({ changes, keys }: Program, id: string, kinds: "vlf" | "v"): void => {
  keys.push([kinds, id])
  changes.push({ _tag: "Load", id })
}

export const commit = (program: Program, { entry, generation, id }: CommitRequest): void => {
  addLoad(program, id, "vlf")
  program.args.push("K", pack(program, id, entry), generation)
}

/** Ends the generation of a load whose result was not stored. */
export const discard = (program: Program, { generation, id }: CommitRequest): void => {
  addLoad(program, id, "vlf")
  program.args.push("D", generation)
}

export const touch = (program: Program, id: string, entry: Stored): void => {
  addLoad(program, id, "v")
  program.args.push("T", pack(program, id, entry))
}

interface Invalidation {
  readonly tag: string
  readonly version: string
  readonly mode?: InvalidationMode | undefined
  /** On a cluster, the sequence of invalidations. */
  readonly seq?: string | undefined
}

export const invalidate = (
  { args, changes, keys }: Program,
  { mode = "hard", seq = "", tag, version }: Invalidation
) => {
  keys.push(markerOf(tag))
  args.push("I", Replies.toRaw(version), mode, seq)
  changes.push({ _tag: "Tag", tag })
}

export const increment = (program: Program, name: string, by: number, expiresAt: number): void => {
  program.frees = false
  program.keys.push(["n", name])
  program.args.push("N", String(by === 0 ? 0 : by), momentOf(program.store, expiresAt))
}

export const touchCounter = (program: Program, name: string, expiresAt: number): void => {
  program.frees = false
  program.keys.push(["n", name])
  program.args.push("P", momentOf(program.store, expiresAt))
}

export const removeCounter = ({ args, keys }: Program, name: string): void => {
  keys.push(["n", name])
  args.push("X")
}
