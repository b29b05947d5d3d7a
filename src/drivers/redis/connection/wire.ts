/** The path to the servers: a single one, or the masters of a cluster. */
import type * as Effect from "effect/Effect"
import type { Fault } from "../fault.ts"
import type { Client, ClientOptions } from "./client.ts"
import type { Args, Connection, Done } from "./connection.ts"

export interface Wire {
  readonly isCluster: boolean
  /** Sends a command to the master of a slot. `tag` is the hash tag of its keys, the text between their braces. */
  readonly send: (tag: string, args: Args, done: Done, late?: Done) => void
  readonly isWhole: () => boolean
  readonly masters: () => ReadonlyArray<Connection>
  /** Creates a client for one of the servers. Any server delivers published messages. */
  readonly makeClient: (more?: ClientOptions) => Effect.Effect<Client, Fault>
  readonly makeClients: (more?: ClientOptions) => Effect.Effect<ReadonlyArray<Client>, Fault>
  /** Returns a function that unsubscribes the listener. */
  readonly onMasters: (listener: () => void) => () => void
  readonly offset: () => number
  /** The run of the server that holds the era. */
  readonly run: () => string
}
