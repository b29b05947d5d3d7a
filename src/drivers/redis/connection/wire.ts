/** The interface through which commands reach a single server or the masters of a cluster. */
import type * as Effect from "effect/Effect"
import * as Limits from "../../../internal/defaults/redis.ts"
import type { Fault } from "../fault.ts"
import type { Client, ClientOptions } from "./client.ts"
import type { Args, Connection, Done } from "./connection.ts"

export interface Wire {
  readonly isCluster: boolean
  /** Sends a command to the master that owns the slot of `tag`, the hash tag (text in braces) of the command's keys. */
  readonly send: (tag: string, args: Args, done: Done, more?: More) => void
  readonly isWhole: () => boolean
  readonly masters: () => ReadonlyArray<Connection>
  /** Creates a client for published messages. One client suffices, because each server delivers all messages. */
  readonly makeClient: (more?: ClientOptions) => Effect.Effect<Client, Fault>
  /** Creates a client for each master. */
  readonly makeClients: (more?: ClientOptions) => Effect.Effect<ReadonlyArray<ClientOfMaster>, Fault>
  readonly onMasters: (listener: () => void) => () => void
  /** Looks up again, soon, which master owns each slot. */
  readonly lookAgain: () => void
  readonly offset: (isWrite?: boolean) => number
  readonly distanceMillis: () => number
  readonly run: () => string
}

export interface More {
  /** Receives an answer that comes after `done` was called with a fault. */
  readonly late?: Done | undefined
  /** A command for the owner of the slot, if another node (`ASK`) has carried out the first one in its place. */
  readonly toOwner?: Args | undefined
  /** While the slot moves, the command is refused at once, because its keys can be sent one by one. */
  readonly isDivisible?: boolean | undefined
}

export interface ClientOfMaster {
  readonly client: Client
  /** Whether the master owns the slot of a hash tag. */
  readonly owns: (tag: string) => boolean
}

/** The round trips that opening a connection takes: one each for TCP, TLS and Redis. */
export const toConnect = 3

/** The time limit for consecutive round trips: three times their measured duration, but not below a minimum. */
export const answerMillis = ({ distanceMillis }: Wire, questions: number): number =>
  Math.max(Limits.tracking.answerMillis, 3 * questions * distanceMillis())
