/**
 * The target of the suite: a store, and attacks on it. Another store is a folder beside `disk/` with a `store.ts` and a
 * `target.ts`, and a line in `main.ts`.
 */
import type { Dice } from "../consistency/random.ts"
import type { Plan, Work } from "./plan.ts"
import type { Column } from "./report.ts"

/** The processes that use the store while it is attacked. */
export interface Crowd {
  readonly dice: Dice
  /** Kills one of them, and starts another in its place. */
  readonly killOne: () => Promise<void>
  /** Stops one of them for a while, and returns when it runs again. */
  readonly stopOne: (millis: number) => Promise<void>
  /** One of them closes its cache, whatever it is doing, and another is started in its place. */
  readonly closeOne: () => Promise<void>
  /** Writes notes into the recording that its judge needs. */
  readonly note: (what: string, fields: Readonly<Record<string, unknown>>) => void
}

/** A store that is ready to be attacked. */
export interface Arena {
  /** For `storeOf`. */
  readonly where: Plan["where"]
  /** How many bytes it takes now. */
  readonly bytes: () => number
  readonly end: () => unknown
}

export interface Attack<A extends Arena = Arena> {
  readonly name: string
  /** `undefined`, with a notice, where this machine does not let it happen. */
  readonly arena: () => A | undefined | Promise<A | undefined>
  /** The address of the store for the process at a place, if not all use `arena.where`. */
  readonly whereOf?: (arena: A, place: number) => Plan["where"]
  readonly processes?: number
  readonly work?: Partial<Work>
  /** How the process at a place is started, where that is part of the attack: a program with its arguments. */
  readonly through?: (place: number, arena: A) => ReadonlyArray<string> | undefined
  /** The most bytes that may be stored; `undefined` where the attack itself adds bytes. */
  readonly mostBytes?: number
  /**
   * How long a process may take to find out that it receives no changes, where nothing reports that. Without it,
   * changes by others arrive within the time of P2, plus the lateness of the machine itself.
   */
  readonly unheardMillis?: number
  /**
   * How long a caller may wait, in milliseconds in which its process could run. Notes `struck` say when it may wait for
   * `costMillis` longer.
   */
  readonly longestMillis?: number
  /** How many seconds of it the tests run, if two are too few. */
  readonly testSeconds?: number
  /** Some must have been given what others loaded. */
  readonly isShared?: boolean
  /** Happens again and again until the time is over. It pauses by itself. */
  readonly strike: (arena: A, crowd: Crowd) => Promise<void>
  /** Ends what is left of it: from here on all must be as ever. */
  readonly relent?: (arena: A) => unknown
  /** Lists the remains of the processes, once all have ended. */
  readonly leaves?: (arena: A) => Promise<ReadonlyArray<string>>
}

export interface Target {
  /** In the title of its part of the documentation. */
  readonly name: string
  /** The module of `storeOf`, below this folder. */
  readonly store: string
  readonly attacks: ReadonlyArray<Attack>
  /** Those that the tests run, if not all. */
  readonly tested?: ReadonlyArray<string>
  /** The columns that its table lacks. */
  readonly unmeasured: ReadonlyArray<Column>
  /** Whether two processes that start when all is over share their entries. */
  readonly works: (where: Plan["where"]) => Promise<boolean>
}

export const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** For those whose type of arena only their own attacks know. */
export const attack = <A extends Arena>(attack: Attack<A>): Attack => attack as unknown as Attack
