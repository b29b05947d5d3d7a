/**
 * Questions to a store that answers later (`getCallback`): one for all who read an id meanwhile. Who is answered so needs
 * no flight, no fiber and no timer of its own.
 */
import type * as Clock from "effect/Clock"
import type { Reader } from "../request/reader.ts"
import type { Resume } from "./flight.ts"
import type { Watch } from "./watches.ts"

/** A reader that waits for an answer. */
export interface Asker {
  readonly reader: Reader
  readonly rejectedWriteId: string | undefined
  readonly resume: Resume
  isGone: boolean
}

export interface Question extends Watch {
  readonly id: string
  readonly askers: Array<Asker>
  /** the engine's `mutations` when it was asked */
  readonly mutations: number
  readonly clock: Clock.Clock
  /** in the time of the program */
  readonly askedAt: number
  /** the tags whose versions are asked for */
  tags: ReadonlyArray<string>
  /** it is asked the second time, with the tags of the entry that was found */
  isAgain: boolean
  isAnswered: boolean
  /** once it is answered: what is left of the time for steps of the store */
  storeMillis: number | undefined
  /** its answer has entered memory: it does so once */
  isInMemory: boolean
}

export interface Questions {
  /** those that a new reader may wait for, by id */
  readonly byId: Map<string, Question>
  /** all without an answer; the first is the oldest */
  readonly open: Set<Question>
  /** something sleeps until the time of the oldest one is over */
  isTimed: boolean
}

export const make = (): Questions => ({ byId: new Map(), open: new Set(), isTimed: false })
