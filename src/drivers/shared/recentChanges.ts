/**
 * Remembers this process's changes of the last few seconds. They are repeated (writes as removals) if the database is
 * replaced by one that may lack them: a restored backup, a moved folder, or a server that has lost unsaved writes.
 */
import { recentInvalidations } from "../../internal/defaults/stores.ts"

export type Changed =
  | { readonly _tag: "Entry"; readonly id: string }
  | { readonly _tag: "Tag"; readonly tag: string }
  | { readonly _tag: "All" }

/**
 * A change to report to other processes. `Load` (a change by a load or a touch) and `End` (a load that changes nothing)
 * never need to be repeated.
 */
export type Told = Changed | { readonly _tag: "Load"; readonly id: string } | {
  readonly _tag: "End"
  readonly id: string
}

export interface Recent {
  readonly note: (changed: Changed) => void
  /** Ends the current operation. If `now` is given, the operation was committed, and its noted changes are kept. */
  readonly ended: (now: number | undefined) => void
  /** The ids and tags changed in the few seconds before `now`. If `all` is set, all others may have changed too. */
  readonly since: (now: number) => { readonly all: boolean; readonly ids: Array<string>; readonly tags: Array<string> }
}

/** Creates an empty record of recent changes. All times are in milliseconds, on a monotonic clock. */
export const make = (): Recent => {
  // The time at which each id or tag last changed, oldest first.
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
    // Deleting the name first moves it to the end of the map.
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
