/**
 * The masters of a cluster: which of them has a slot, and what to do when it has moved.
 *
 * A command goes to the master that had its slot at the last look. Another one is named by the answer (`MOVED`, `ASK`),
 * and is asked next. A lost connection, and an answer that names another, lead to another look at all slots.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { monotonicMillis } from "../../../internal/time/monotonic.ts"
import { Fault, isFault } from "../fault.ts"
import { nameOf } from "../options.ts"
import { slotOf } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import type { Address } from "./client.ts"
import * as Connection from "./connection.ts"
import type { Wire } from "./router.ts"

interface Options extends Omit<Connection.Options, "name" | "locate" | "onLost"> {
  readonly addresses: ReadonlyArray<Address>
  readonly name: string
  /** the tag of the keys whose master's clock counts */
  readonly controlTag: string
}

interface Node {
  readonly address: Address
  readonly connection: Connection.Connection
  readonly close: Effect.Effect<void>
}

/** Opens connections to all masters. The fault is that of the last node that was asked, if none answered. */
export const open = Effect.fnUntraced(function*(
  { addresses, controlTag, name, ...options }: Options
): Effect.fn.Return<readonly [Wire, Fault | undefined], never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<Scope.Scope>()
  const scope = yield* Effect.scope
  const nodes = new Map<string, Node>()
  const opening = new Map<string, Effect.Effect<readonly [Node, Fault | undefined]>>()
  const looks = Latch.makeUnsafe()
  let owners: ReadonlyArray<string | undefined> = []
  /** the names of all masters, and who is told when they are others */
  let known = ""
  const listeners = new Set<() => void>()
  const controlSlot = slotOf(controlTag)
  let down = new Fault("Unavailable", `${name} is not connected`)

  const lookAgain = () => void looks.openUnsafe()

  /** The connection to a node. A node that is met the first time is not up before it has been connected to. */
  const nodeAt = (address: Address): Effect.Effect<readonly [Node, Fault | undefined]> => {
    const at = nameOf(address)
    const known = nodes.get(at)
    if (known !== undefined) return Effect.succeed([known, undefined])
    const before = opening.get(at)
    if (before !== undefined) return before
    const made = Effect.gen(function*() {
      const own = yield* Scope.fork(scope)
      const [connection, fault] = yield* Scope.provide(
        Connection.open({
          ...options,
          name: at,
          locate: Effect.succeed(address),
          onLost: lookAgain,
          mayLack: owners.length > 0
        }),
        own
      )
      const node: Node = { address, connection, close: Scope.close(own, Exit.void) }
      nodes.set(at, node)
      return [node, fault] as const
    }).pipe(Effect.ensuring(Effect.sync(() => opening.delete(at))))
    const shared = Effect.runSyncWith(context)(Effect.cached(made))
    opening.set(at, shared)
    return shared
  }

  const ask = (connection: Connection.Connection, args: Connection.Args): Effect.Effect<unknown> =>
    Effect.callback((resume) => connection.send(args, (answer) => resume(Effect.succeed(answer))))

  /** Learns which master has which slot from the first node that tells. Answers why a master cannot be used. */
  const look = Effect.gen(function*() {
    const known = [...nodes.values()].filter(({ connection }) => connection.isUp()).map(({ connection }) => connection)
    let fault: Fault | undefined
    for (const place of [...known, ...addresses]) {
      const connection = "send" in place ? place : yield* Effect.map(nodeAt(place), ([node, failed]) => {
        fault = failed ?? fault
        return node.connection
      })
      const host = connection.name.slice(0, connection.name.lastIndexOf(":")).replace(/^\[|\]$/g, "")
      const answer = yield* ask(connection, ["CLUSTER", "SLOTS"])
      if (isFault(answer)) {
        fault = fault?.isLasting === true ? fault : answer
        continue
      }
      const masters = Replies.slots(answer, host)
      if (masters === undefined) {
        fault = new Fault("Unavailable", `${connection.name} does not know all slots`)
        continue
      }
      return yield* adopt(masters)
    }
    return fault
  })

  const adopt = Effect.fnUntraced(function*(masters: ReadonlyArray<Replies.SlotRange>) {
    const byName = new Map(masters.map(({ address }) => [nameOf(address), address]))
    const opened = yield* Effect.forEach([...byName.values()], nodeAt, { concurrency: "unbounded" })
    const next = new Array<string | undefined>(16_384)
    for (const { address, from, to } of masters) next.fill(nameOf(address), from, to + 1)
    owners = next
    if (known !== [...byName.keys()].toSorted().join()) {
      known = [...byName.keys()].toSorted().join()
      for (const listener of listeners) listener()
    }
    for (const [at, node] of nodes) {
      if (byName.has(at)) continue
      // it has no slots any more, or is a replica by now
      nodes.delete(at)
      yield* Effect.forkIn(node.close, scope)
    }
    return opened.map(([, fault]) => fault).find((fault) => fault !== undefined)
  })

  const connectionOf = (slot: number): Connection.Connection | undefined => {
    const owner = owners[slot]
    return owner === undefined ? undefined : nodes.get(owner)?.connection
  }

  const isMissing = () => [...nodes.values()].some(({ connection }) => !connection.isUp())

  const run = Effect.runForkWith(context)

  interface Sending {
    readonly slot: number
    readonly args: Connection.Args
    readonly done: Connection.Done
    readonly late: Connection.Done | undefined
    readonly startedAt: number
    redirections: number
  }

  const sendTo = (connection: Connection.Connection | undefined, sending: Sending, isAsked = false): void => {
    if (connection === undefined) {
      lookAgain()
      return sending.done(down)
    }
    if (isAsked) connection.send(["ASKING"], () => {})
    connection.send(sending.args, (answer) => {
      if (!isFault(answer) || answer.code === "") return sending.done(answer)
      follow(answer, sending)
    }, sending.late)
  }

  /** Sends a command where the answer says that it belongs, or again where the answer says that it passes. */
  const follow = (fault: Fault, sending: Sending): void => {
    const redirection = Replies.redirection(fault.message)
    const isPassing = fault.code === "TRYAGAIN" || fault.code === "CLUSTERDOWN" || fault.code === "LOADING"
    const isOver = ++sending.redirections > Limits.cluster.redirections ||
      monotonicMillis(clock) - sending.startedAt > options.commandMillis
    if (isOver || redirection === undefined && !isPassing) return sending.done(fault)
    if (redirection === undefined) {
      run(Effect.andThen(
        Effect.sleep(Limits.cluster.againMillis),
        Effect.sync(() => sendTo(connectionOf(sending.slot), sending))
      ))
      return
    }
    if (redirection.kind === "MOVED") lookAgain()
    const address = redirection.host === "" ? undefined : redirection
    const known = address && nodes.get(nameOf(address))
    if (known !== undefined) return sendTo(known.connection, sending, redirection.kind === "ASK")
    if (address === undefined) return sending.done(fault)
    run(Effect.map(nodeAt(address), ([node]) => sendTo(node.connection, sending, redirection.kind === "ASK")))
  }

  const first = yield* look
  if (first !== undefined) {
    down = first
    lookAgain()
  }
  yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
    yield* looks.await
    looks.closeUnsafe()
    const fault = yield* look
    if (fault !== undefined) down = fault
    yield* Effect.sleep(Limits.cluster.lookMillis)
    // a master that is not there may have been replaced
    if (fault !== undefined || isMissing()) lookAgain()
  })))

  const wire: Wire = {
    isCluster: true,
    send: (tag, args, done, late) => {
      const slot = slotOf(tag)
      const connection = connectionOf(slot)
      if (connection?.isUp() === false) lookAgain()
      sendTo(connection, { slot, args, done, late, startedAt: monotonicMillis(clock), redirections: 0 })
    },
    isWhole: () => !isMissing(),
    masters: () =>
      Array.from(new Set(owners), (owner) => owner === undefined ? undefined : nodes.get(owner)?.connection)
        .filter((connection) => connection !== undefined),
    makeClient: (more) =>
      Effect.suspend(() => {
        const node = [...nodes.values()].find(({ connection }) => connection.isUp())
        return node === undefined
          ? Effect.fail(down)
          : Effect.sync(() => options.makeClient(node.address, options.settings, more))
      }),
    makeClients: (more) =>
      Effect.suspend(() => {
        const masters = Array.from(new Set(owners), (owner) => owner === undefined ? undefined : nodes.get(owner))
        return masters.length === 0 || masters.includes(undefined)
          ? Effect.fail(down)
          : Effect.sync(() => masters.map((node) => options.makeClient(node!.address, options.settings, more)))
      }),
    onMasters: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    offset: () => connectionOf(controlSlot)?.offset() ?? 0,
    run: () => connectionOf(controlSlot)?.run() ?? ""
  }
  return [wire, first]
})
