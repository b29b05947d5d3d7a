/** The store of a process, on a server or a cluster. */
import { Effect } from "effect"
import { RedisStore } from "effect-cached/redis"
import type { Recorder } from "../../processes/recording.ts"
import { witness } from "../../support/witness.ts"

/** The options of the store, and. */
export interface Where {
  readonly isCluster?: true
  /** The server without a proxy, or the first master of the cluster. */
  readonly witness: string
  readonly prefix: string
}

export const storeOf = ({ isCluster, witness: _, ...options }: Where) =>
  Effect.orDie(
    isCluster === true ? RedisStore.makeCluster(options as RedisStore.ClusterOptions) : RedisStore.make(options)
  )

/** Writes down how late the machine itself is. */
export const watchLateness = ({ prefix, witness: url }: Where, name: string, recorder: Recorder): void =>
  witness({ url, prefix, name }, recorder)
