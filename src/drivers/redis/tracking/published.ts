/** The messages that scripts publish, and how a process treats its own ones. */
import * as Limits from "../../../internal/defaults/redis.ts"
import type { Change } from "../../../ports/store.ts"
import type { Told } from "../../shared/recentChanges.ts"

/**
 * Changes by one sender: ids of type `Load`, ids written or removed explicitly, tags, whether all was cleared, and ids
 * of type `End`.
 */
type Message = readonly [
  sender: string,
  serial: number,
  loads: ReadonlyArray<string>,
  ids: ReadonlyArray<string>,
  tags: ReadonlyArray<string>,
  all: boolean,
  ends: ReadonlyArray<string>
]

export interface Published {
  readonly sender: string
  /** The number of messages so far. */
  sent: number
  /** By id, the serial number of this process's last message about the id that has arrived. */
  readonly arrived: Map<string, number>
  /** An earlier message about an id that is not in `arrived` may be overtaken by one that is not remembered. */
  forgotten: number
}

export const make = (sender: string): Published => ({ sender, sent: 0, arrived: new Map(), forgotten: 0 })

/** Returns the message for a script that makes these changes, or the empty string if there are none. */
export const messageOf = (self: Published, changes: ReadonlyArray<Told>): string => {
  if (changes.length === 0) return ""
  const of = {
    Load: [] as Array<string>,
    Entry: [] as Array<string>,
    Tag: [] as Array<string>,
    End: [] as Array<string>
  }
  let all = false
  for (const one of changes) {
    if (one._tag === "All") all = true
    else of[one._tag].push(one._tag === "Tag" ? one.tag : one.id)
  }
  const message: Message = [self.sender, ++self.sent, of.Load, of.Entry, of.Tag, all, of.End]
  return JSON.stringify(message)
}

/** A message that reports nothing. */
export const silence: string = JSON.stringify(["", 0, [], [], [], false, []] satisfies Message)

/**
 * Returns what a message reports. An own message reports only the ids of which a newer message has arrived already: its
 * script has run late, and may have replaced the newer value. A message of another release may report anything.
 */
export const changesIn = (self: Published, text: string): ReadonlyArray<Change> => {
  const message = parse(text)
  if (message === undefined) return [{ _tag: "AllChanged" }]
  const [sender, serial, loads, ids, tags, all, ends] = message
  const isOwn = sender === self.sender
  const isNews = (id: string): boolean => !isOwn || isOvertaken(self, id, serial)
  return [
    ...isOwn ? [] : ends.map((id): Change => ({ _tag: "LoadEnded", id })),
    ...isOwn ? [] : tags.map((tag): Change => ({ _tag: "TagChanged", tag })),
    ...loads.filter(isNews).map((id): Change => ({ _tag: "Changed", id })),
    ...ids.filter(isNews).map((id): Change => ({ _tag: "Changed", id, endsMarkers: true })),
    ...all && !isOwn ? [{ _tag: "AllChanged" } as const] : []
  ]
}

/** Messages about an id come from one server, in the order in which its scripts have run. */
const isOvertaken = (self: Published, id: string, serial: number): boolean => {
  const { arrived, forgotten } = self
  if (serial < (arrived.get(id) ?? forgotten)) return true
  if (arrived.size >= Limits.tracking.ownMessages) {
    self.forgotten = serial
    arrived.clear()
  }
  arrived.set(id, serial)
  return false
}

const parse = (text: string): Message | undefined => {
  try {
    const message: unknown = JSON.parse(text)
    return isMessage(message) ? message : undefined
  } catch {
    return undefined
  }
}

const isMessage = (message: unknown): message is Message =>
  Array.isArray(message) && typeof message[0] === "string" && typeof message[1] === "number" &&
  typeof message[5] === "boolean" &&
  [message[2], message[3], message[4], message[6]].every((part) =>
    Array.isArray(part) && part.every((one) => typeof one === "string")
  )
