/** How long a command may take, with a client that answers as the test wants it, on a real event loop. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Connection, open } from "../../../src/stores/internal/redisConnection.ts"

const commandMillis = 50

/** Answers at once, but for what it never answers. */
const client = {
  connect: () => Promise.resolve(),
  destroy: () => {},
  duplicate: () => client,
  on: () => {},
  pSubscribe: () => Promise.resolve(),
  subscribe: () => Promise.resolve(),
  sendCommand: ([name]: ReadonlyArray<string | Uint8Array>) =>
    name === "NEVER" ? new Promise(() => {}) : Promise.resolve(undefined)
}

const connect = Effect.map(
  open({
    name: "server",
    locate: Effect.succeed(undefined),
    makeClient: () => client,
    settings: { username: undefined, password: undefined, database: 0, tls: undefined },
    isCluster: false,
    scripts: [],
    scrub: (text) => text,
    connectMillis: 10_000,
    commandMillis,
    recover: () => Effect.void
  }),
  ([connection]) => connection
)

/** Asks for more than the answers of any step can take, until something holds. */
const asking = Effect.fnUntraced(function*(connection: Connection, until: () => boolean) {
  while (!until()) {
    for (let i = 0; i < 1000; i++) connection.send(["GET"], () => {})
    yield* Effect.sleep(4)
  }
})

it.live("does not count what a server that answers ordinarily needs for its answers", () =>
  Effect.gen(function*() {
    const connection = yield* connect
    const faults: Array<unknown> = []
    connection.send(["NEVER"], (fault) => void faults.push(fault))
    const end = performance.now() + 4 * commandMillis
    yield* asking(connection, () => performance.now() > end)
    expect(faults).toEqual([])
    while (faults.length === 0) yield* Effect.sleep(4)
    expect(faults).toMatchObject([{ reason: "Timeout" }])
  }))

it.live("ends for a command without an answer, whatever else is answered", () =>
  Effect.gen(function*() {
    const [connection, other] = [yield* connect, yield* connect]
    const faults: Array<unknown> = []
    connection.send(["NEVER"], (fault) => void faults.push(fault))
    yield* asking(other, () => faults.length > 0)
    expect(faults).toMatchObject([{ reason: "Timeout" }])
  }))
