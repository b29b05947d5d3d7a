/**
 * Routes commands to the masters of a cluster. A command is sent to the last known owner of its slot. If the slot
 * has moved, the answer names another node (`MOVED`, `ASK`), and the command is sent there. After `MOVED` or a lost
 * connection, the owners of all slots are looked up again.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { machineClock, monotonicMillis, onMachineClock } from "../../../internal/time/monotonic.ts"
import { Fault, isFault, Replica, unreached } from "../fault.ts"
import { nameOf } from "../options.ts"
import { slotCount, slotOf } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import type { Address } from "./client.ts"
import * as Connection from "./connection.ts"
import * as Reconnect from "./reconnect.ts"
import type { More, Wire } from "./wire.ts"

interface Options extends Omit<Connection.ConnectionOptions, "name" | "locate" | "onLost"> {
  readonly addresses: ReadonlyArray<Address>
  readonly name: string
  readonly controlTag: string
}

interface Node {
  readonly address: Address
  readonly connection: Connection.Connection
  readonly close: Effect.Effect<void>
}

type Opened = readonly [Node, Fault | undefined]

interface Cluster {
  readonly options: Options
  readonly context: Context.Context<Scope.Scope>
  readonly scope: Scope.Scope
  readonly controlSlot: number
  readonly nodes: Map<string, Node>
  readonly opening: Map<string, Effect.Effect<Opened>>
  /** Open while the owners of the slots must be looked up again. */
  readonly isOutdated: Latch.Latch
  readonly onMasters: Set<() => void>
  owners: ReadonlyArray<string | undefined>
  masters: string
  down: Fault
}

/** Opens connections to all masters. Returns a fault if no node knows all masters or a master cannot be used. */
export const open = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<readonly [Wire, Fault | undefined], never, Scope.Scope> {
  const self: Cluster = {
    options,
    context: yield* Effect.context<Scope.Scope>(),
    scope: yield* Effect.scope,
    controlSlot: slotOf(options.controlTag),
    nodes: new Map(),
    opening: new Map(),
    isOutdated: Latch.makeUnsafe(),
    onMasters: new Set(),
    owners: [],
    masters: "",
    down: new Fault("Unavailable", `${options.name} is not connected`)
  }
  const fault = yield* look(self)
  if (fault !== undefined) {
    self.down = unreached(fault)
    self.isOutdated.openUnsafe()
  }
  yield* Effect.forkScoped(keepLooking(self))
  return [wireOf(self), fault]
})

const wireOf = (self: Cluster): Wire => ({
  isCluster: true,
  send: (tag, args, done, more) => {
    const slot = slotOf(tag)
    const connection = connectionOf(self, slot)
    if (connection !== undefined && !Connection.isUp(connection)) self.isOutdated.openUnsafe()
    const startedAt = monotonicMillis(machineClock)
    sendTo(self, connection, { ...more, slot, args, done, startedAt, redirections: 0 })
  },
  isWhole: () => isWhole(self),
  masters: () => mastersOf(self).flatMap((node) => node === undefined ? [] : [node.connection]),
  makeClient: (more) =>
    Effect.suspend(() => {
      const node = Array.from(self.nodes.values()).find(({ connection }) => Connection.isUp(connection))
      return node === undefined ? Effect.fail(self.down) : Effect.sync(() => makeClient(self, node, more))
    }),
  makeClients: (more) =>
    Effect.suspend(() => {
      const masters = mastersOf(self)
      return masters.length === 0 || masters.includes(undefined)
        ? Effect.fail(self.down)
        : Effect.sync(() =>
          masters.map((node) => ({
            client: makeClient(self, node!, more),
            owns: (tag) => connectionOf(self, slotOf(tag)) === node!.connection
          }))
        )
    }),
  onMasters: (listener) => {
    self.onMasters.add(listener)
    return () => self.onMasters.delete(listener)
  },
  lookAgain: () => void self.isOutdated.openUnsafe(),
  offset: (isWrite = false) => {
    const connection = connectionOf(self, self.controlSlot)
    return connection === undefined ? 0 : Connection.offsetOf(connection, isWrite)
  },
  distanceMillis: () => connectionOf(self, self.controlSlot)?.distanceMillis ?? 0,
  run: () => connectionOf(self, self.controlSlot)?.run ?? ""
})

const makeClient = ({ options }: Cluster, { address }: Node, more: Parameters<Wire["makeClient"]>[0]) =>
  options.makeClient(address, options.settings, more)

const connectionOf = ({ nodes, owners }: Cluster, slot: number): Connection.Connection | undefined => {
  const owner = owners[slot]
  return owner === undefined ? undefined : nodes.get(owner)?.connection
}

const mastersOf = ({ nodes, owners }: Cluster): ReadonlyArray<Node | undefined> =>
  Array.from(new Set(owners), (owner) => owner === undefined ? undefined : nodes.get(owner))

const isWhole = ({ nodes }: Cluster): boolean =>
  Array.from(nodes.values()).every(({ connection }) => Connection.isUp(connection))

const keepLooking = (self: Cluster): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    yield* self.isOutdated.await
    self.isOutdated.closeUnsafe()
    const fault = yield* look(self)
    if (fault !== undefined) self.down = fault
    yield* onMachineClock(Effect.sleep(Limits.cluster.lookMillis))
    // A master that cannot be reached may be replaced by another node, so the slots are looked up again.
    if (fault !== undefined || !isWhole(self)) self.isOutdated.openUnsafe()
  }))

/** Returns a node. If it is not known yet, opens its connection and waits for the first attempt to connect. */
const nodeAt = (self: Cluster, address: Address): Effect.Effect<Opened> => {
  const { context, nodes, opening } = self
  const at = nameOf(address)
  const known = nodes.get(at)
  if (known !== undefined) return Effect.succeed([known, undefined])
  const pending = opening.get(at)
  if (pending !== undefined) return pending
  const opened = Effect.ensuring(openNode(self, address), Effect.sync(() => opening.delete(at)))
  const shared = Effect.runSyncWith(context)(Effect.cached(opened))
  opening.set(at, shared)
  return shared
}

const openNode = Effect.fnUntraced(function*(self: Cluster, address: Address): Effect.fn.Return<Opened> {
  const { isOutdated, nodes, options, owners } = self
  const name = nameOf(address)
  const scope = yield* Scope.fork(self.scope)
  const [connection, fault] = yield* Scope.provide(
    Reconnect.open({
      ...options,
      name,
      locate: Effect.succeed(address),
      onLost: () => void isOutdated.openUnsafe(),
      mayLack: owners.length > 0
    }),
    scope
  )
  const node: Node = { address, connection, close: Scope.close(scope, Exit.void) }
  nodes.set(name, node)
  return [node, fault]
})

/** Asks nodes one by one for the owners of all slots. Returns a fault if none knows them or a master is unusable. */
const look = Effect.fnUntraced(function*(self: Cluster): Effect.fn.Return<Fault | undefined> {
  const up = Array.from(self.nodes.values()).filter(({ connection }) => Connection.isUp(connection))
  let fault: Fault | undefined
  for (const place of [...up, ...self.options.addresses]) {
    const [{ address, connection }, failed] = "connection" in place ? [place, undefined] : yield* nodeAt(self, place)
    fault = failed ?? fault
    const told = yield* ask(connection, ["CLUSTER", "SLOTS"])
    const answer = told instanceof Replica ? told.slots ?? told : told
    if (isFault(answer)) {
      fault = fault?.isLasting === true ? fault : answer
      continue
    }
    const masters = Replies.slots(answer, address.host)
    if (masters !== undefined) return yield* adopt(self, masters)
    fault = new Fault("Unavailable", `${connection.options.name} does not know all slots`)
  }
  return fault
})

const ask = (connection: Connection.Connection, args: Connection.Args): Effect.Effect<unknown> =>
  Effect.callback((resume) => Connection.send(connection, args, (answer) => resume(Effect.succeed(answer))))

const adopt = Effect.fnUntraced(function*(
  self: Cluster,
  ranges: ReadonlyArray<Replies.SlotRange>
): Effect.fn.Return<Fault | undefined> {
  const byName = new Map(ranges.map(({ address }) => [nameOf(address), address]))
  const opened = yield* Effect.forEach(byName.values(), (address) => nodeAt(self, address), {
    concurrency: "unbounded"
  })
  const owners = new Array<string | undefined>(slotCount)
  for (const { address, from, to } of ranges) owners.fill(nameOf(address), from, to + 1)
  self.owners = owners
  const masters = Array.from(byName.keys()).toSorted().join()
  if (self.masters !== masters) {
    self.masters = masters
    for (const listener of self.onMasters) listener()
  }
  for (const [name, node] of self.nodes) {
    if (byName.has(name)) continue
    // The node is no longer a master: it has lost its slots or has become a replica.
    self.nodes.delete(name)
    yield* Effect.forkIn(node.close, self.scope)
  }
  return opened.map(([, fault]) => fault).find((fault) => fault !== undefined)
})

interface Sending extends More {
  readonly slot: number
  readonly args: Connection.Args
  readonly done: Connection.Done
  readonly startedAt: number
  redirections: number
}

const sendTo = (self: Cluster, connection: Connection.Connection | undefined, sending: Sending): void => {
  if (connection === undefined) {
    self.isOutdated.openUnsafe()
    return sending.done(self.down)
  }
  Connection.send(connection, sending.args, (answer) => {
    if (!isFault(answer) || answer.code === "") return sending.done(answer)
    redirect(self, sending, answer)
  }, sending.late)
}

/** Resends a command: to the node that `MOVED` or `ASK` names or, after a temporary fault, to the slot's owner. */
const redirect = (self: Cluster, sending: Sending, fault: Fault): void => {
  const { context, nodes, options } = self
  const redirection = Replies.redirection(fault.message)
  const isPassing = fault.code === "TRYAGAIN" && sending.isDivisible !== true || fault.code === "CLUSTERDOWN" ||
    fault.code === "LOADING"
  const isOver = ++sending.redirections > Limits.cluster.redirections ||
    monotonicMillis(machineClock) - sending.startedAt > options.commandMillis
  if (isOver || redirection === undefined && !isPassing) return sending.done(fault)
  const run = Effect.runForkWith(context)
  if (redirection === undefined) {
    return void run(Effect.andThen(
      onMachineClock(Effect.sleep(Limits.cluster.againMillis)),
      Effect.sync(() => sendTo(self, connectionOf(self, sending.slot), sending))
    ))
  }
  const { host, kind } = redirection
  if (kind === "MOVED") self.isOutdated.openUnsafe()
  if (host === "") return sending.done(fault)
  const sendOn = ({ connection }: Node) => {
    if (kind === "MOVED") return sendTo(self, connection, sending)
    Connection.send(connection, ["ASKING"], () => {})
    sendTo(self, connection, { ...sending, done: (answer) => tellOwner(self, sending, answer) })
  }
  const known = nodes.get(nameOf(redirection))
  if (known !== undefined) return sendOn(known)
  run(Effect.map(nodeAt(self, redirection), ([node]) => sendOn(node)))
}

const tellOwner = (self: Cluster, { done, slot, toOwner }: Sending, answer: unknown): void => {
  const owner = connectionOf(self, slot)
  if (toOwner === undefined || owner === undefined) done(answer)
  else Connection.send(owner, toOwner, () => done(answer))
}
