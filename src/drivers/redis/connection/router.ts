/** Connects to a single server, to the master that Sentinels name, or to the masters of a cluster. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { CacheConfigError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { type Fault, faultOf, isFault } from "../fault.ts"
import type { Config } from "../options.ts"
import { fromClient, fromLibrary, load, misconfigured } from "./client.ts"
import * as Cluster from "./cluster.ts"
import * as Connection from "./connection.ts"
import * as Reconnect from "./reconnect.ts"
import { locateMaster } from "./sentinel.ts"
import type { Wire } from "./wire.ts"

/** Fails on a permanent fault. Retries an unreachable server in the background, unless `connect` is `"required"`. */
export const connect = Effect.fnUntraced(function*(
  config: Config,
  { controlTag, ...more }: Pick<Connection.ConnectionOptions, "recover" | "rights" | "scripts"> & {
    readonly controlTag: string
  }
): Effect.fn.Return<Wire, Fault, Scope.Scope> {
  const { addresses, client, commandMillis, isCluster, isRequired, maxValue, name, scrub, sentinel, settings } = config
  const connectMillis = Math.max(Limits.connection.connectMillis, commandMillis)
  const makeClient = client === undefined ? fromLibrary(yield* load, connectMillis) : fromClient(client, scrub)
  const options = { ...more, makeClient, settings, scrub, commandMillis, connectMillis, isCluster, maxValue }
  const [wire, fault] = isCluster
    ? yield* Cluster.open({ ...options, addresses, name, controlTag })
    : yield* single(config, options)
  if (fault?.code === misconfigured) return yield* Effect.die(new CacheConfigError({ message: fault.message }))
  // Shortly after a failover, Sentinels may still name the former master, which is now a replica. Retrying helps.
  const isPassing = fault?.code === "REPLICA" && sentinel !== undefined
  if (fault !== undefined && (isRequired || fault.isLasting && !isPassing)) return yield* Effect.fail(fault)
  return wire
})

const single = Effect.fnUntraced(function*(
  { addresses, client, name, scrub, sentinel }: Config,
  options: Omit<Connection.ConnectionOptions, "name" | "locate">
): Effect.fn.Return<readonly [Wire, Fault | undefined], never, Scope.Scope> {
  const locate = sentinel === undefined
    ? Effect.succeed(client === undefined ? addresses[0] : undefined)
    : locateMaster(sentinel, { makeClient: options.makeClient, scrub })
  const [connection, fault] = yield* Reconnect.open({ ...options, name, locate })
  // Clients for messages use the server of the connection: another Sentinel might name another one.
  const makeClient: Wire["makeClient"] = (more) =>
    Effect.suspend(() => {
      if (!Connection.isUp(connection)) return Effect.fail(connection.down)
      return Effect.try({
        try: () => options.makeClient(connection.address, options.settings, more),
        // The program's function `client` may throw anything.
        catch: (thrown) => isFault(thrown) ? thrown : faultOf(thrown, scrub)
      })
    })
  return [{
    isCluster: false,
    send: (_, args, done, more) => Connection.send(connection, args, done, more?.late),
    isWhole: () => Connection.isUp(connection),
    masters: () => [connection],
    makeClient,
    makeClients: (more) => Effect.map(makeClient(more), (client) => [{ client, owns: () => true }]),
    // If another server becomes the master, the connection to the former master fails, so no listener is needed.
    onMasters: () => () => {},
    lookAgain: () => {},
    offset: (isWrite = false) => Connection.offsetOf(connection, isWrite),
    distanceMillis: () => connection.distanceMillis,
    run: () => connection.run ?? ""
  }, fault]
})
