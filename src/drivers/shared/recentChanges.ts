/**
 * The changes by this process in the last seconds. They are done again in a database that takes the place of the one in
 * use, because that may be an older copy: a backup that was played back, a folder that was moved, a server that lost
 * what it had not written to its disk.
 */
import { recentInvalidations } from "../../internal/defaults/stores.ts"

/** One thing that has changed: an entry, a tag, or everything. */
export type Changed =
  | { readonly _tag: "Entry"; readonly id: string }
  | { readonly _tag: "Tag"; readonly tag: string }
  | { readonly _tag: "All" }

/** A change as other processes hear of it: results and failures of loads too, which need not be done again. */
export type Told = Changed | { readonly _tag: "Load"; readonly id: string }

export interface Recent {
  /** The present operation changes something. */
  readonly note: (changed: Changed) => void
  /** The present operation has ended. `now` is given where what it changed was committed and is to be kept. */
  readonly ended: (now: number | undefined) => void
  /** The changes since the given time minus the seconds that count: everything, or these entries and tags. */
  readonly since: (now: number) => { readonly all: boolean; readonly ids: Array<string>; readonly tags: Array<string> }
}

/** The times are of a monotonic clock. */
export const make = (): Recent => {
  // When each was changed last, the oldest first.
  const ids = new Map<string, number>()
  const tags = new Map<string, number>()
  let allAt = -Infinity
  let noted: Array<Changed> = []

  const isOld = (at: number, now: number) => at < now - recentInvalidations.millis

  const forgetOld = (times: Map<string, number>, now: number) => {
    for (const [name, at] of times) {
      if (!isOld(at, now)) return
      times.delete(name)
    }
  }

  const keepIn = (times: Map<string, number>, name: string, at: number) => {
    // To the end.
    times.delete(name)
    times.set(name, at)
  }

  const keep = (changed: Changed, at: number) => {
    if (changed._tag === "Entry") keepIn(ids, changed.id, at)
    else if (changed._tag === "Tag") keepIn(tags, changed.tag, at)
    else allAt = at
    if (ids.size + tags.size <= recentInvalidations.count) return
    ids.clear()
    tags.clear()
    allAt = at
  }

  return {
    note: (changed) => void noted.push(changed),
    ended(now) {
      if (noted.length === 0) return
      if (now !== undefined) {
        forgetOld(ids, now)
        forgetOld(tags, now)
        for (const changed of noted) keep(changed, now)
      }
      noted = []
    },
    since(now) {
      forgetOld(ids, now)
      forgetOld(tags, now)
      return { all: !isOld(allAt, now), ids: Array.from(ids.keys()), tags: Array.from(tags.keys()) }
    }
  }
}
