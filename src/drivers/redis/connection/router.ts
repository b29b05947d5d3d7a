/** The way to the servers: one, the master that Sentinels name, or the masters of a cluster. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { CacheConfigError } from "../../../CacheError.ts"
import * as Limits from "../../../internal/defaults/redis.ts"
import { Fault, faultOf, isFault } from "../fault.ts"
import { type Config, nameOf } from "../options.ts"
import {
  type Address,
  type Client,
  type ClientOptions,
  destroy,
  fromClient,
  fromLibrary,
  load,
  type MakeClient,
  misconfigured
} from "./client.ts"
import * as Cluster from "./cluster.ts"
import * as Connection from "./connection.ts"

export interface Wire {
  readonly isCluster: boolean
  /** sends a command to the master that has the slot of what is between the braces of its keys */
  readonly send: (tag: string, args: Connection.Args, done: Connection.Done, late?: Connection.Done) => void
  /** whether there is a connection to every master */
  readonly isWhole: () => boolean
  /** the connections to all masters */
  readonly masters: () => ReadonlyArray<Connection.Connection>
  /** makes a client for one of the servers, of which all hear what is published */
  readonly makeClient: (more?: ClientOptions) => Effect.Effect<Client, Fault>
  /** makes a client for each of the masters */
  readonly makeClients: (more?: ClientOptions) => Effect.Effect<ReadonlyArray<Client>, Fault>
  /** calls a listener when there are other masters, until it is ended */
  readonly onMasters: (listener: () => void) => () => void
  /** the servers' clock less ours, in milliseconds */
  readonly offset: () => number
  /** the run of the server that has the era */
  readonly run: () => string
}

/**
 * Connects. Fails where waiting does not help: a wrong password, a server of another kind. Where the server only cannot be
 * reached it goes on trying, unless the connection is required.
 */
export const connect = (
  config: Config,
  { controlTag, recover, scripts }: Pick<Connection.Options, "recover" | "scripts"> & { readonly controlTag: string }
): Effect.Effect<Wire, Fault, Scope.Scope> =>
  Effect.gen(function*() {
    // who waits longer for an answer waits longer for a connection too
    const connectMillis = Math.max(Limits.connection.connectMillis, config.commandMillis)
    const makeClient = config.client === undefined
      ? fromLibrary(yield* load, connectMillis)
      : fromClient(config.client, config.scrub)
    const options = {
      makeClient,
      settings: config.settings,
      scrub: config.scrub,
      commandMillis: config.commandMillis,
      connectMillis,
      isCluster: config.isCluster,
      recover,
      scripts
    }
    const [wire, fault] = config.isCluster
      ? yield* Cluster.open({ ...options, addresses: config.addresses, name: config.name, controlTag })
      : yield* single(config, options)
    if (fault?.code === misconfigured) return yield* Effect.die(new CacheConfigError({ message: fault.message }))
    // Sentinels may name the former master for a moment
    const isPassing = fault?.code === "REPLICA" && config.sentinel !== undefined
    if (fault !== undefined && (config.isRequired || fault.isLasting && !isPassing)) return yield* Effect.fail(fault)
    return wire
  })

const single = (
  config: Config,
  options: Omit<Connection.Options, "name" | "locate">
): Effect.Effect<readonly [Wire, Fault | undefined], never, Scope.Scope> => {
  const { client, name, sentinel } = config
  const locate = sentinel === undefined
    ? Effect.succeed(client === undefined ? config.addresses[0] : undefined)
    : locateMaster(options.makeClient, sentinel, config)
  const makeClient: Wire["makeClient"] = (more) =>
    Effect.flatMap(locate, (address) =>
      Effect.try({
        try: () => options.makeClient(address, options.settings, more),
        // a function of the program's may throw
        catch: (thrown) => isFault(thrown) ? thrown : faultOf(thrown, config.scrub)
      }))
  return Effect.map(Connection.open({ ...options, name, locate }), ([connection, fault]) => [{
    isCluster: false,
    send: (_, args, done, late) => connection.send(args, done, late),
    isWhole: connection.isUp,
    masters: () => [connection],
    makeClient,
    makeClients: (more) => Effect.map(makeClient(more), (client) => [client]),
    // another one begins with a lost connection
    onMasters: () => () => {},
    offset: connection.offset,
    run: connection.run
  }, fault])
}

/** Asks one Sentinel after the other where the master is. */
const locateMaster = (
  makeClient: MakeClient,
  { addresses, name, settings }: NonNullable<Config["sentinel"]>,
  { scrub }: Config
): Effect.Effect<Address, Fault> => {
  const ask = (address: Address): Effect.Effect<Address, Fault> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const client = makeClient(address, settings)
        client.on("error", () => {})
        return client
      }),
      (client) =>
        Effect.tryPromise({
          try: async () => {
            await client.connect()
            return await client.sendCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name])
          },
          catch: (thrown) => ofSentinel(faultOf(thrown, scrub), address)
        }),
      (client) => Effect.sync(() => destroy(client))
    ).pipe(
      Effect.timeoutOrElse({
        duration: Limits.connection.connectMillis / 2,
        orElse: () => Effect.fail(new Fault("Timeout", `The Sentinel ${nameOf(address)} does not answer`))
      }),
      Effect.flatMap((answer) => {
        const [host, port] = Array.isArray(answer) ? answer.map(String) : []
        return host === undefined || !(Number(port) > 0)
          ? Effect.fail(new Fault("Unavailable", `The Sentinel ${nameOf(address)} knows no master "${name}"`))
          : Effect.succeed({ host, port: Number(port) })
      })
    )
  return Effect.gen(function*() {
    let last: Fault | undefined
    for (const address of addresses) {
      const found = yield* Effect.result(ask(address))
      if (found._tag === "Success") return found.success
      // a Sentinel that is away may answer later, beside an address that is none
      if (last === undefined || found.failure.code !== noSentinel) last = found.failure
    }
    return yield* Effect.fail(last ?? new Fault("Unavailable", "There is no Sentinel"))
  })
}

const noSentinel = "NOSENTINEL"

const ofSentinel = (fault: Fault, address: Address): Fault =>
  /^ERR unknown command .?SENTINEL\b/i.test(fault.message)
    ? new Fault(
      "Unsupported",
      `The server ${
        nameOf(address)
      } is no Sentinel: "nodes" of "sentinel" are Sentinels, and a server that none watches is in "url"`,
      noSentinel,
      true
    )
    : fault
