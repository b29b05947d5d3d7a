/** The rights that a user needs. */
import type { Keys } from "./protocol/keys.ts"
import { publish } from "./protocol/scripts/script.ts"
import { silence } from "./tracking/published.ts"

const nothing = "return 1"

/**
 * Harmless uses of each command and channel of stores and locks, all of which are tried when connecting. Guards use six
 * more commands, which a user without guards need not have.
 */
export const rightsOf = (
  keys: Keys,
  { isCluster, replicas }: { readonly isCluster: boolean; readonly replicas: number }
): ReadonlyArray<ReadonlyArray<string>> => {
  const key = `${keys.era}:rights`
  return [
    ["SET", key, "", "PX", "1000"],
    ...["GET", "MGET", "PERSIST", "PEXPIRETIME", "PTTL"].map((command) => [command, key]),
    ...["HGET", "HMGET", "HDEL"].map((command) => [command, key, "f"]),
    ["HSET", key, "f", "v"],
    ["PEXPIREAT", key, "1"],
    ["PEXPIRE", key, "1000"],
    ["UNLINK", key],
    ...isCluster ? [["CLUSTER", "SLOTS"], ["ASKING"]] : [],
    ["SCAN", "0", "COUNT", "1"],
    ["SCRIPT", "LOAD", nothing],
    ["EVAL", nothing, "0"],
    ["EVALSHA", "0".repeat(40), "0"],
    [publish(isCluster), keys.changesOf(isCluster ? keys.controlTag : undefined), silence],
    ["PUBLISH", keys.released, ""],
    ...replicas === 0 ? [] : [["WAIT", "0", "0"]]
  ]
}
