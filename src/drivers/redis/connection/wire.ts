/** The way to the servers: a single one, or the masters of a cluster. */
import type * as Effect from "effect/Effect"
import type { Fault } from "../fault.ts"
import type { Client, ClientOptions } from "./client.ts"
import type { Args, Connection, Done } from "./connection.ts"

export interface Wire {
  readonly isCluster: boolean
  /** Sends a command to the master of the slot. `tag` is the hash tag of its keys: the text between their braces. */
  readonly send: (tag: string, args: Args, done: Done, late?: Done) => void
  /** Whether there is a connection to every master. */
  readonly isWhole: () => boolean
  /** The connections to all masters. */
  readonly masters: () => ReadonlyArray<Connection>
  /** Makes a client for one of the servers: all of them deliver what is published. */
  readonly makeClient: (more?: ClientOptions) => Effect.Effect<Client, Fault>
  /** Makes a client for each of the masters. */
  readonly makeClients: (more?: ClientOptions) => Effect.Effect<ReadonlyArray<Client>, Fault>
  /** Calls a listener when there are other masters. Answers how to unsubscribe. */
  readonly onMasters: (listener: () => void) => () => void
  /** The servers' clock less ours, in milliseconds. */
  readonly offset: () => number
  /** The run of the server that has the era. */
  readonly run: () => string
}
