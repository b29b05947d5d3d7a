/** Connects to one server, to the master that Sentinels name, or to the masters of a cluster. */
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

/** Fails if waiting does not help. An unreachable server is tried again, unless the connection is required. */
export const connect = Effect.fnUntraced(function*(
  config: Config,
  { controlTag, ...more }: Pick<Connection.ConnectionOptions, "recover" | "scripts"> & { readonly controlTag: string }
): Effect.fn.Return<Wire, Fault, Scope.Scope> {
  const { addresses, client, commandMillis, isCluster, isRequired, name, scrub, sentinel, settings } = config
  // A program that allows commands more time allows a connection as much.
  const connectMillis = Math.max(Limits.connection.connectMillis, commandMillis)
  const makeClient = client === undefined ? fromLibrary(yield* load, connectMillis) : fromClient(client, scrub)
  const options = { ...more, makeClient, settings, scrub, commandMillis, connectMillis, isCluster }
  const [wire, fault] = isCluster
    ? yield* Cluster.open({ ...options, addresses, name, controlTag })
    : yield* single(config, options)
  if (fault?.code === misconfigured) return yield* Effect.die(new CacheConfigError({ message: fault.message }))
  // For a moment, Sentinels may still name the former master.
  const isPassing = fault?.code === "REPLICA" && sentinel !== undefined
  if (fault !== undefined && (isRequired || fault.isLasting && !isPassing)) return yield* Effect.fail(fault)
  return wire
})

const single = (
  { addresses, client, name, scrub, sentinel }: Config,
  options: Omit<Connection.ConnectionOptions, "name" | "locate">
): Effect.Effect<readonly [Wire, Fault | undefined], never, Scope.Scope> => {
  const locate = sentinel === undefined
    ? Effect.succeed(client === undefined ? addresses[0] : undefined)
    : locateMaster(sentinel, { makeClient: options.makeClient, scrub })
  const makeClient: Wire["makeClient"] = (more) =>
    Effect.flatMap(locate, (address) =>
      Effect.try({
        try: () => options.makeClient(address, options.settings, more),
        // The program's function may throw.
        catch: (thrown) => isFault(thrown) ? thrown : faultOf(thrown, scrub)
      }))
  return Effect.map(Reconnect.open({ ...options, name, locate }), ([connection, fault]) => [{
    isCluster: false,
    send: (_, args, done, late) => Connection.send(connection, args, done, late),
    isWhole: () => Connection.isUp(connection),
    masters: () => [connection],
    makeClient,
    makeClients: (more) => Effect.map(makeClient(more), (client) => [client]),
    // A change of master shows as a lost connection.
    onMasters: () => () => {},
    offset: () => connection.offset,
    run: () => connection.run ?? ""
  }, fault])
}
