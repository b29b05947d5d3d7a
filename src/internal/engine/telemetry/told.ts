/** Counts reported changes of entries that had not changed: the server could not remember that they were read. */
import { toldIds } from "../../defaults/bounds.ts"
import { remember } from "../../remember.ts"

interface Entry {
  readonly id: string
  readonly writeId: string | undefined
  readonly expiresAt: number
}

/** By id, the write and the expiry of the entries that were last given up for a change of what was read. */
export type Told = Map<string, string>

/** Returns whether an entry that the store has was given up for a change, although it is as it was. */
export const isUnchanged = (told: Told, entry: Entry): boolean => {
  const before = told.get(entry.id)
  return told.delete(entry.id) && before === stateOf(entry)
}

/** Remembers an entry that is given up for a change. Above a limit, drops the oldest one. */
export const noteTold = (told: Told, entry: Entry): void => {
  remember(told, entry.id, stateOf(entry), toldIds)
}

const stateOf = ({ expiresAt, writeId }: Entry): string => `${writeId} ${expiresAt}`
