/**
 * What this process has invalidated or set in the last seconds. It is removed again from a database that takes the place
 * of the one in use, because that may be an older copy: a backup that was played back, a folder that was moved, a server
 * that lost what it had not written to its disk.
 */
import { recentInvalidations } from "../../internal/defaults.ts"

/** One thing that has changed: an entry, a tag, or everything. */
export type Changed =
  | { readonly _tag: "Entry"; readonly id: string }
  | { readonly _tag: "Tag"; readonly tag: string }
  | { readonly _tag: "All" }

export interface Recent {
  /** The present operation changes something. */
  readonly note: (changed: Changed) => void
  /** The present operation has ended. `now` is given where what it changed was committed and is to be kept. */
  readonly ended: (now: number | undefined) => void
  /** What has changed since the given time minus the seconds that count: everything, or these entries and tags. */
  readonly since: (now: number) => { readonly all: boolean; readonly ids: Array<string>; readonly tags: Array<string> }
}

const keyOf = (changed: Changed): string => {
  switch (changed._tag) {
    case "Entry":
      return `e${changed.id}`
    case "Tag":
      return `t${changed.tag}`
    case "All":
      return "a"
  }
}

/** The times are of a monotonic clock. */
export const make = (): Recent => {
  /** the oldest first */
  const kept = new Map<string, { readonly changed: Changed; readonly at: number }>()
  let noted: Array<Changed> = []

  const isOld = (at: number, now: number) => at < now - recentInvalidations.millis

  const forgetOld = (now: number) => {
    for (const [key, { at }] of kept) {
      if (!isOld(at, now)) return
      kept.delete(key)
    }
  }

  const keep = (changed: Changed, at: number) => {
    const key = keyOf(changed)
    // to the end
    kept.delete(key)
    kept.set(key, { changed, at })
    if (kept.size <= recentInvalidations.count) return
    kept.clear()
    keep({ _tag: "All" }, at)
  }

  return {
    note: (changed) => void noted.push(changed),
    ended(now) {
      if (now !== undefined && noted.length > 0) {
        forgetOld(now)
        for (const changed of noted) keep(changed, now)
      }
      if (noted.length > 0) noted = []
    },
    since(now) {
      forgetOld(now)
      const all = Array.from(kept.values(), ({ changed }) => changed)
      return {
        all: all.some(({ _tag }) => _tag === "All"),
        ids: all.flatMap((changed) => changed._tag === "Entry" ? [changed.id] : []),
        tags: all.flatMap((changed) => changed._tag === "Tag" ? [changed.tag] : [])
      }
    }
  }
}
