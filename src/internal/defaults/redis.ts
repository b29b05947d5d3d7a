/** Defaults and limits of Redis. Times are in milliseconds. */

/** The prefix of all keys on a Redis server. */
export const prefix = "effect-cached"

/** The largest value that is sent, in bytes: 1 MiB. A larger value would delay all other commands of its connection. */
export const maxValue = 1_048_576

/** How many replicas must acknowledge a write before it counts as done. */
export const replicas = 0

/** By default, a layer starts even if the server is unreachable, and uses the server once it is reachable. */
export const connect = "eventually" as const

export const connection = {
  connectMillis: 1000,
  /** The pause before the first attempt to reconnect. Each later pause is twice as long. */
  firstPauseMillis: 50,
  longestPauseMillis: 2000,
  /** The pause after a refusal that waiting does not resolve, such as a wrong password. */
  refusedMillis: 60_000,
  /** How many commands of a connection may be unanswered at once. */
  pending: 100_000,
  /** How many times an unanswered command is checked within its time limit. */
  looks: 4,
  /** A connection is dropped if its oldest command is unanswered after this many times the time limit. */
  overdue: 2,
  /** How often a connection asks for the server's time, even while it is idle. */
  heartbeatMillis: 5000,
  /** The clocks of client and server count as different if they differ by more than this plus the response time. */
  clockMillis: 50
}

export const cluster = {
  redirections: 64,
  /** The pause before a command is sent again to a node that temporarily refused it. */
  againMillis: 20,
  /** The pause between two reads of the cluster's slots. */
  lookMillis: 500
}

export const tracking = {
  /** How often a process checks whether a missing server is back. */
  lookMillis: 50,
  /** How often a process asks whether all changes have arrived, and reads the era. */
  heartbeatMillis: 500,
  /** The shortest time limit for an answer on a connection for changes, such as to a heartbeat. Grows with distance. */
  answerMillis: 500,
  /** How many such time limits in a row may pass while messages arrive before the answer. */
  answerRounds: 20,
  /** The number of heartbeats after which the server is asked again whether it is a master. */
  beatsPerRole: 10,
  /** How many of its own messages a process remembers, to notice one that comes late. */
  ownMessages: 10_000,
  /** How often a process that may not subscribe to changes tries again. */
  refusedMillis: 30_000
}

/** How often a process tries again to acquire a lock, in addition to the attempts that messages trigger. */
export const lockPollMillis = 250

/** How often the processes that use locks remove the keys of locks whose holders have died. */
export const lockSweepMillis = 3_600_000

/** Retries of releases that did not reach the server: pauses, how long each is retried, and the maximum number. */
export const debts = { firstPauseMillis: 50, longestPauseMillis: 1000, millis: 600_000, most: 10_000 }

/** How long an unused tag's marker is kept, unless twice the longest lifetime of the tag's entries is longer. */
export const markerMillis = 30 * 24 * 3_600_000

/** The maximum number of keys in one command, and in one step of a listing. */
export const keysPerCommand = 200

/** The maximum number of ids that one script handles, and of the bytes of their values. */
export const script = { ids: 64, bytes: maxValue }

/** The maximum number of keys requested at once, in several commands that together take a few milliseconds. */
export const keysAtOnce = 1000

/** How many bytes of values are requested at once, and the assumed size of a value until values have been read. */
export const valuesAtOnce = { bytes: 4_194_304, first: 131_072 }

/** If a listing finds only keys of other programs, its steps grow to this size (about 1 ms of the server's time). */
export const keysSkipped = 5000

/** The size of a transaction is limited because other commands wait while the server executes it. */
export const transaction = {
  steps: 5000,
  bytes: 8_388_608,
  /** How long a cluster transaction waits for the results of loads to be stored in other slots. */
  otherSlotsMillis: 100
}

/** How many times an operation starts again if another process clears the store meanwhile. */
export const clears = 5

/** How many times a condition is evaluated again if another process writes meanwhile. */
export const conflicts = 2 * clears
