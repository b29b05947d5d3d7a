/** The parts of a simulated program, and the records of its run. */
import type { Exit, Fiber } from "effect"
import type { Cached } from "effect-cached"
import { strategies, type Strategy } from "../model/serving.ts"
import type { Feature } from "./features.ts"

/** Here `maxHits` is also what the table calls `dynamic`: see `refreshes`. */
const isKind = (strategy: Strategy): strategy is Exclude<Strategy, "dynamic"> => strategy !== "dynamic"
export const kinds = strategies.filter(isKind)
export type Kind = (typeof kinds)[number]

export const policies = ["normal", "refresh", "readOnly", "writeOnly", "bypass", "strict"] as const
export type PolicyName = (typeof policies)[number]

/** The id of a stream, where that is drawn: distinct from the ids of values. */
export const streamId = "s"

/** Drawn once for each seed. */
export interface Config {
  readonly store: "none" | "sync" | "async" | "derived"
  readonly memory: boolean
  readonly capacity: number
  readonly ids: ReadonlyArray<string>
  /** The keys are instances of a class, not strings. */
  readonly classed: boolean
  readonly workers: number
  readonly steps: number
  readonly storeTimeout: number
  readonly shutdown: number
  readonly refreshConcurrency: number
  readonly refreshTimeout: number
  readonly retries: number
  readonly yieldChance: number
  /** Loads may need each other in a circle. */
  readonly cyclic: boolean
  /** The share of store operations that go wrong. */
  readonly faults: number
  /** How many loads need each other in the end. */
  readonly deep: number
  /** When the layer is closed while the program runs on. */
  readonly closesAt: number | undefined
  /** Optional features of the program. */
  readonly features: ReadonlyArray<Feature>
  /** How long an id is kept for an abandoned load. */
  readonly endingMillis: number
  /** Whether all readers copy what they get, and loads change theirs; or some, each in its way. */
  readonly copying: "all" | "some" | undefined
  /** How many entries of the key class memory has at most, or how much weight. */
  readonly quota: number | undefined
  /** The patience of readers without a timeout. */
  readonly maxLoad: number | undefined
  /** Further options of the layer. */
  readonly limits: { readonly lease?: number; readonly wait?: number }
}

/** Whether memory has room for all ids, so that nothing gives way to another. An entry weighs two at most. */
export const hasRoom = ({ capacity, features, ids, quota }: Config): boolean => {
  const least = (ids.length + (features.includes("streams") ? 1 : 0)) * (features.includes("weights") ? 2 : 1)
  return capacity >= least && (quota ?? Infinity) >= least
}

/** One call of a combinator. */
export interface Spec {
  readonly id: string
  readonly kind: Kind
  readonly policy: PolicyName
  readonly viaStrategy: boolean
  readonly ttl: number
  readonly soft: number
  readonly hits: number
  readonly ttlFunction: "none" | "value" | "throws" | "NaN"
  readonly jitter: number | undefined
  readonly tags: ReadonlyArray<string>
  /** The tags are a function's, known only after the load. */
  readonly late: "no" | "yes" | "throws"
  /** The load annotates its result with tags and a ttl, if it can. */
  readonly annotates: { readonly tags?: ReadonlyArray<string>; readonly ttl?: number } | undefined
  readonly timeout: number | undefined
  readonly softTimeout: number | undefined
  readonly retryAfter: number | undefined
  readonly failuresToo: boolean
  readonly inherit?: Cached.Inherit | undefined
  /** Its timeouts and its soft lifetime are functions. */
  readonly byFunction?: boolean | undefined
  /** `storeIf` and `storeFailures` decide what is stored. */
  readonly conditions?: boolean | undefined
  /** It does not wait for the write of what it has loaded. */
  readonly behind?: boolean | undefined
  /** How its value is copied. */
  readonly copies?: "structured" | "function" | "freeze" | undefined
  /** Its policy is that of all that the load around it reads. */
  readonly isWrapped?: boolean | undefined
  /** The misuse among its functions or options. */
  readonly misuse?: Misuse | undefined
}

/** The misuse of a read: one object for all reads of a call, which identifies the owner of a throw. */
export interface Misuse {
  readonly of: Feature
  /** The one that is no duration, where an option is wrong. */
  readonly option: "timeout" | "softTimeout" | "retryAfter" | "minLoad" | "memoryTtl" | "strategy"
  /** How often a function goes wrong. */
  readonly share: number
}

/** A value that a user's function has thrown. */
export class Thrown extends Error {
  readonly n: number
  readonly of: Feature | "tags" | "ttl"
  readonly owner: Misuse | undefined
  constructor(n: number, of: Thrown["of"], owner: Misuse | undefined) {
    super(`${of} throws`)
    this.n = n
    this.of = of
    this.owner = owner
  }
}

/** The value that readers get: it names its origin. */
export interface Value {
  readonly id: string
  readonly n: number
}

export class Down {
  readonly _tag = "Down"
  readonly id: string
  readonly n: number
  constructor(id: string, n: number) {
    this.id = id
    this.n = n
  }
}

export class Bug {
  readonly id: string
  readonly n: number
  constructor(id: string, n: number) {
    this.id = id
    this.n = n
  }
}

/** One run of a load: where values come from. */
export interface Load {
  readonly _tag: "Load"
  readonly n: number
  readonly id: string
  readonly spec: Spec
  readonly begunAt: number
  /** The read whose effect it is. `undefined`: an answer that was not asked for. */
  readonly by: Read | undefined
  /** No caller can join a load under `bypass`, one inside a transaction, or an answer that was not asked for. */
  readonly isShared: boolean
  readonly isInTransaction: boolean
  /** The one that it runs in. */
  readonly fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** Since when it has been interrupted so that it runs again. */
  gaveWay: number | undefined
  /** The ids of one call. */
  readonly together: ReadonlyArray<string>
  tags: ReadonlyArray<string>
  /** The lifetime that the load itself has set. */
  ttl: number | undefined
  /** Its value is this one's, which it has found to be still right. */
  renews: number | undefined
  /** Its failure is this one's: one call has failed for all of its keys. */
  failsAs: number | undefined
  /** It has read a value through a cache: it may have the age of that, or not be stored because that was stale. */
  hasRead: boolean
  /** When the oldest value was made that a cache served inside it. */
  oldestAt: number
  /** The first end of what it was answered inside. */
  endsAt: number
  endedAt: number | undefined
  ended: number
  exit: Exit.Exit<unknown, unknown> | undefined
}

/** An explicit write: the other origin of values. */
export interface SetOrigin {
  readonly _tag: "Set"
  readonly n: number
  readonly id: string
  readonly ttl: number
  readonly tags: ReadonlyArray<string>
  askedAt: number
  /** With a condition it may be made again until it is answered: its life begins no later than that. */
  isOpen: boolean
  readonly write: Write
  /** Its condition did not hold. */
  refused: boolean
}

export type Origin = Load | SetOrigin

/** An invalidation, or a `set`. */
export interface Write {
  readonly kind: "id" | "tag" | "all"
  readonly target: string
  readonly mode: "hard" | "soft"
  readonly asked: number
  readonly askedAt: number
  done: number
  /** The store did not acknowledge it in time, so it is sent again. */
  isSentAgain: boolean
  readonly set: number | undefined
}

/** An entry was given another lifetime. */
export interface Touch {
  readonly id: string
  readonly ttl: number
  readonly asked: number
  readonly askedAt: number
  /** Loads of the id that may not have been stored when it was asked. */
  readonly live: ReadonlySet<Load>
  done: number
  doneAt: number
  /** Its answer: whether there was an entry to touch. */
  isThere: boolean
}

/** Whether the starter of a reader has interrupted it, and in which turn. */
export interface Interruption {
  requested: boolean
  turn?: number
}

export interface Read {
  readonly n: number
  readonly id: string
  readonly begun: number
  readonly begunAt: number
  readonly spec: Spec | undefined
  /** Loads of the id that it may have joined. */
  readonly live: ReadonlyArray<Load>
  /** Whether its starter has interrupted it; readers inside loads may be interrupted at any time. */
  readonly interruption: Readonly<Interruption> | undefined
  /** One of several at once, which are all answered when the last of them is. */
  readonly many: boolean
  /** In how many loads it is. */
  readonly depth: number
  /** When it was answered. Until then it may move the end of what it finds. */
  answered: number
  /** It was interrupted, or has waited for too long. */
  hasLeft: boolean
}
