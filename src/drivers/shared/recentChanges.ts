/**
 * The changes by this process in the last seconds, to be repeated in a database that replaces the one in use and may be
 * an older copy: a restored backup, a moved folder, or a server that lost its unsaved writes.
 */
import { recentInvalidations } from "../../internal/defaults/stores.ts"

export type Changed =
  | { readonly _tag: "Entry"; readonly id: string }
  | { readonly _tag: "Tag"; readonly tag: string }
  | { readonly _tag: "All" }

/** A change as other processes receive it. It includes results and failures of loads, which need not be repeated. */
export type Told = Changed | { readonly _tag: "Load"; readonly id: string }

export interface Recent {
  readonly note: (changed: Changed) => void
  /** Ends the current operation. `now` is set if its changes were committed and have to be kept. */
  readonly ended: (now: number | undefined) => void
  /** The changes within the kept seconds before the given time: everything, or these entries and tags. */
  readonly since: (now: number) => { readonly all: boolean; readonly ids: Array<string>; readonly tags: Array<string> }
}

/** All times are of a monotonic clock. */
export const make = (): Recent => {
  // The last change of each, the oldest first.
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
    // Moves the name to the end.
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
