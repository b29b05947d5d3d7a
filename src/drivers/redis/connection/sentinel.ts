/** Asks the Sentinels for the address of their master. */
import * as Effect from "effect/Effect"
import * as Limits from "../../../internal/defaults/redis.ts"
import { Fault, faultOf, type Scrub } from "../fault.ts"
import { type Config, nameOf } from "../options.ts"
import { type Address, destroy, type MakeClient } from "./client.ts"

type Sentinel = NonNullable<Config["sentinel"]>

interface Asking {
  readonly makeClient: MakeClient
  readonly scrub: Scrub
}

/**
 * Asks one Sentinel after the other until one knows the master. Each time, another one is asked first: a Sentinel that
 * is cut off from the others may still name a master that has died.
 */
export const locateMaster = (sentinel: Sentinel, asking: Asking): Effect.Effect<Address, Fault> => {
  const { addresses } = sentinel
  let turn = 0
  return Effect.gen(function*() {
    const first = turn++ % addresses.length
    let last: Fault | undefined
    for (const address of [...addresses.slice(first), ...addresses.slice(0, first)]) {
      const found = yield* Effect.result(ask(address, sentinel, asking))
      if (found._tag === "Success") return found.success
      // The fault of an unreachable Sentinel, which may answer later, takes precedence over "not a Sentinel".
      if (last === undefined || found.failure.code !== noSentinel) last = found.failure
    }
    return yield* Effect.fail(last ?? new Fault("Unavailable", "no Sentinel is configured"))
  })
}

const ask = (
  address: Address,
  { name, settings }: Sentinel,
  { makeClient, scrub }: Asking
): Effect.Effect<Address, Fault> =>
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
      orElse: () => Effect.fail(new Fault("Timeout", `the Sentinel ${nameOf(address)} does not answer`))
    }),
    Effect.flatMap((answer) => {
      const [host, port] = Array.isArray(answer) ? answer.map(String) : []
      return host === undefined || !(Number(port) > 0)
        ? Effect.fail(new Fault("Unavailable", `the Sentinel ${nameOf(address)} does not know the master "${name}"`))
        : Effect.succeed({ host, port: Number(port) })
    })
  )

const noSentinel = "NOSENTINEL"

const ofSentinel = (fault: Fault, address: Address): Fault =>
  /^ERR unknown command .?SENTINEL\b/i.test(fault.message)
    ? new Fault(
      "Unsupported",
      `the server ${
        nameOf(address)
      } is not a Sentinel: list Sentinels in "nodes" of "sentinel", or name a server without Sentinels in "url"`,
      noSentinel,
      true
    )
    : fault
