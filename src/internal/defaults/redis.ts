/** Redis: connections, changes, and how much one command carries. Times are in milliseconds. */

/** The prefix of all keys on a Redis server. */
export const redisPrefix = "effect-cached"

/** The largest value that is sent to Redis, in bytes: 1 MiB. Behind a larger one all others of a connection wait. */
export const redisMaxValue = 1_048_576

/** Replicas that have to have a write before it is answered. */
export const redisReplicas = 0

/** Whether the layer waits for a server that cannot be reached. */
export const redisConnect = "eventually" as const

/**
 * Connections to Redis. The time of a command is looked at in so many `looks`; a connection whose oldest command has no
 * answer after `overdue` times that time is thrown away. Pauses between attempts to connect grow from the first to the
 * longest; `refusedMillis` is the pause after a refusal that waiting does not mend. `pending` commands are sent at most
 * before their answers. An idle connection is asked for the time every `heartbeatMillis`.
 */
export const redisConnection = {
  looks: 4,
  overdue: 2,
  connectMillis: 1000,
  firstPauseMillis: 50,
  longestPauseMillis: 2000,
  refusedMillis: 60_000,
  pending: 100_000,
  heartbeatMillis: 5000
}

/** Redis clusters: how often one command follows a redirection, the pause before it is tried again, and between looks. */
export const redisCluster = { redirections: 64, againMillis: 20, lookMillis: 500 }

/**
 * How changes on Redis are heard: how often the connection is asked whether it still hears, how long an answer may take,
 * after how many such questions the server is asked too whether it is a master, how many changes wait for their reader, of
 * how many own writes it is known how they begin, and of how many tags which version they have. Whether a change is of
 * one's own making has to be known within `ownMillis`, in so many looks, or it counts as one of another. A server that is
 * not there is looked for every `lookMillis`. Who may not track says so every `deafMillis`, and tries it again every
 * `refusedMillis`.
 */
export const redisTracking = {
  lookMillis: 50,
  heartbeatMillis: 500,
  answerMillis: 500,
  thoroughly: 10,
  kept: 100_000,
  own: 10_000,
  tags: 100_000,
  ownMillis: 50,
  ownLooks: 2,
  deafMillis: 5000,
  refusedMillis: 30_000
}

/** How often a wait for a lock on Redis tries again, beside the messages that wake it. */
export const redisLockPollMillis = 250

/** How far the clock of a Redis server may be from ours, beyond what the answer took, before it counts as another. */
export const redisClockMillis = 50

/** How long Redis keeps the marker of a tag that nothing uses, and at least twice the lifetime of what has the tag. */
export const redisMarkerMillis = 30 * 24 * 3_600_000

/** Keys in one command to Redis, and in one step of a listing; and how many of very many are asked for at once. */
export const redisChunk = 200
export const redisAtOnce = 5000

/** How many keys of other programs one step of a listing passes over at most: about a millisecond of the server. */
export const redisPassed = 5000

/** How large a transaction on Redis may be, in steps and in bytes of values: others wait while it is carried out. */
export const redisTransaction = { steps: 5000, bytes: 8_388_608 }

/** How long a transaction on a cluster waits for the results of loads that are stored in other slots. */
export const redisElsewhereMillis = 100

/** How often an operation begins again because another process has cleared the store meanwhile. */
export const redisClears = 5
