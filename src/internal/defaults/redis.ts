/** Defaults and limits of Redis. Times are in milliseconds. */

/** The prefix of all keys on a Redis server. */
export const prefix = "effect-cached"

/** The largest value that is sent, in bytes: 1 MiB. All other commands of a connection wait behind a larger one. */
export const maxValue = 1_048_576

/** How many replicas must have a write before it is answered. */
export const replicas = 0

/** Whether the layer waits for a server that cannot be reached. */
export const connect = "eventually" as const

export const connection = {
  connectMillis: 1000,
  /** The pause after the first lost connection. Later pauses double. */
  firstPauseMillis: 50,
  longestPauseMillis: 2000,
  /** The pause after a refusal that waiting does not resolve. */
  refusedMillis: 60_000,
  /** How many commands may wait for their answers. */
  pending: 100_000,
  /** How often the time of a command without an answer is checked, within the time that it may take. */
  looks: 4,
  /** A connection is thrown away if its oldest command has no answer after so many times that time. */
  overdue: 2,
  /** How often an idle connection asks for the server's time. */
  heartbeatMillis: 5000,
  /** The clocks count as different if they are further apart than this and the time of the answer. */
  clockMillis: 50
}

export const cluster = {
  /** How many redirections one command follows. */
  redirections: 64,
  /** The pause before a command is sent again to a node that could not take it for the moment. */
  againMillis: 20,
  /** The pause between two looks at the slots. */
  lookMillis: 500
}

export const tracking = {
  /** How often it is checked whether a missing server is back. */
  lookMillis: 50,
  /** How often a connection is asked whether it still tracks. */
  heartbeatMillis: 500,
  /** How long an answer to that may take. */
  answerMillis: 500,
  /** After so many heartbeats the server is also asked whether it is a master. */
  beatsPerRole: 10,
  /** How many own writes are remembered, with the first bytes of their entries. */
  ownWrites: 10_000,
  /** How many tags are remembered with their versions. */
  tagVersions: 100_000,
  /** After this time without an answer, an invalidation counts as that of another process. */
  ownWriteMillis: 50,
  /** How often that time is checked within it. */
  ownWriteLooks: 2,
  /** How often a process that may not track announces it. */
  announceMillis: 5000,
  /** How often such a process tries to track again. */
  refusedMillis: 30_000
}

/** How often a wait for a lock tries again, in addition to the messages that wake it. */
export const lockPollMillis = 250

/** How long the marker of an unused tag is kept. It is kept at least twice as long as an entry that has the tag. */
export const markerMillis = 30 * 24 * 3_600_000

/** How many keys one command has, and one step of a listing. */
export const keysPerCommand = 200

/** How many keys are asked for at once, in several commands. */
export const keysAtOnce = 5000

/** How many keys of other programs one step of a listing skips at most: about a millisecond of the server's time. */
export const keysSkipped = 5000

/** How large a transaction may be. Other commands wait while it is carried out. */
export const transaction = {
  steps: 5000,
  bytes: 8_388_608,
  /** How long a transaction on a cluster waits for the results of loads that it stores in other slots. */
  otherSlotsMillis: 100
}

/** How often an operation starts again because another process has cleared the store. */
export const clears = 5

/** How often a condition is evaluated again because another process has written in between. */
export const conflicts = 2 * clears
