/** Defaults and limits of stores on SQL databases. Times are in milliseconds. */

export const schema = "effect_cached"

/** The largest value to store: 8 MiB. A client reads messages of at most 16 MiB. */
export const maxValue = 8_388_608

/** How many connections a layer opens that has no client of the program. One of them listens. */
export const maxConnections = 10

/** A client with fewer connections than this does not give one away to listen. */
export const listeningConnections = 3

/** How long a statement may take. Afterwards its connection is replaced. */
export const statementMillis = 5000

/** How many times a step is repeated that the server has undone because of another one. */
export const repeats = 5

/** How many ids one statement reads. */
export const idsOfStatement = 1024

/** How many ids one statement reads of a database at the edge, whose answers are limited. */
export const edge = { idsOfStatement: 256 }

/** How many rows one statement lists, and the largest value that it lists with its row, in bytes. */
export const page = { rows: 256, bytes: 16_384 }

/**
 * How changes are followed: how often a process asks while notifications arrive, and while they do not; the pause
 * between two questions; how often it checks that notifications arrive; how soon it listens again after its connection
 * failed; how many changes it reads at once.
 */
export const following = {
  heardMillis: 2000,
  unheardMillis: 25,
  pauseMillis: 3,
  checkMillis: 5000,
  againMillis: 50,
  most: 20_000
}

/** How long changes are kept for processes that do not ask. */
export const changesMillis = 60_000

/** How often the state of a guard is compared and replaced before the step fails. */
export const guardAttempts = 200

/** How long a client that closes, or a transaction that is interrupted, may take to end. */
export const endMillis = 1000

/** The port of a URL without one. */
export const port = 5432

/** How long a connection is silent before the operating system checks whether its server is still there. */
export const keepAliveMillis = 10_000
