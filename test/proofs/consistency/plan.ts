/** The ids of the check and their tags, and the instructions for a process. */

/** The tags of each id; those of "late" are known only when its load has ended. */
export const ids: Readonly<Record<string, ReadonlyArray<string>>> = {
  plain: [],
  other: [],
  one: ["a"],
  both: ["a", "b"],
  late: ["b"],
  refreshed: ["b"],
  // Changed more seldom, so that what is old is not soon replaced by chance.
  ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`n${i}`, i % 3 === 0 ? ["a"] : []]))
}

/** The ids of a key class, which are read and written in bulk calls, and their tags. */
export const bulkIds: Readonly<Record<string, ReadonlyArray<string>>> = {
  "bulk:u": [],
  "bulk:v": ["a"],
  "bulk:w": ["a", "b"],
  "bulk:x": ["b"],
  "bulk:y": [],
  "bulk:z": []
}

export const tags: ReadonlyArray<string> = ["a", "b"]

export const leaseMillis = 400

/** Changes by others must be visible within this time, P2. */
export const seenWithinMillis = 100

/** The same over a bucket, which reports no changes: half of it for memory, half for the versions of tags. */
export const objectsStalenessMillis = 3000

/** Limits that all processes of the folder have together, one of each algorithm. */
export const limits = { fixed: 20, log: 20, bucket: 20, counter: 20 } as const
export const windowMillis = 300

/** The accounts of a bank. Transactions move amounts between them, so their sum stays the same. */
export const accountsOf = (bank: string): ReadonlyArray<string> =>
  // The text in braces gives them one slot on a cluster.
  ["ada", "bob", "eve", "kim", "max"].map((name) => `{${bank}} ${name}`)
export const opening = 100

/** Longer than processes are stopped, so that few commits are uncertain. */
export const bankTimeout = "10 seconds"

/** How old what tiers serve may be, if changes cannot be tracked: the `maxStaleness` of the last one. */
export const boundMillis = 1000

/** The prefix of keys on a Redis server. */
export const prefix = "consistency"

/** The prefix of the keys of accounts, which the check never removes. */
export const bankPrefix = "bank"

export interface Plan {
  readonly name: string
  readonly directory: string
  /** The URL of a server that is shared in place of the folder. */
  readonly url: string | undefined
  /** The masters of a Redis cluster, `url` among them. */
  readonly nodes?: ReadonlyArray<string> | undefined
  /** The folder of the machine, which is a tier before the server. `undefined`: there is one tier. */
  readonly machine: string | undefined
  readonly file: string
  readonly seed: number
  /** The store answers late: otherwise it answers at once. */
  readonly delays: boolean
  /** Memory keeps some of the accounts of banks. */
  readonly hasMemory: boolean
}

/** The options that name the Redis server, or the nodes of its cluster. */
export const redisAt = (url: string, nodes: Plan["nodes"]) => nodes === undefined ? { url } : { nodes }
