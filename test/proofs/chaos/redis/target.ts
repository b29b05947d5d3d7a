/** Attacks on `CacheLayer.redis`: failures of servers and clusters. */
import { Effect, type Scope } from "effect"
import type { CacheEntry, Store } from "effect-cached/adapters"
import { RedisStore } from "effect-cached/redis"
import { hashOf, slotOf } from "../../../../src/drivers/redis/protocol/keys.ts"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { clock } from "../../../processes/recording.ts"
import { anHourAhead } from "../../../support/anHourAhead.ts"
import { isMissing } from "../../../support/needs.ts"
import { type Proxy, startProxy } from "../../../support/proxy.ts"
import {
  freePorts,
  moveSlot,
  program,
  type RedisCluster,
  type Server,
  startCluster,
  startServer
} from "../../../support/redis.ts"
import { stored } from "../../../support/stored.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import { ids } from "../../consistency/plan.ts"
import type { Dice } from "../../consistency/random.ts"
import { attempt, calmly, onNetwork, onProcesses, repeatedly } from "../shared.ts"
import { type Arena, type Attack, attack, sleep, type Target } from "../target.ts"
import { damage, keysOf, prefix, proxied, type Single, single, unheardMillis } from "./arena.ts"
import { everything } from "./everything.ts"
import type { Where } from "./store.ts"

// ---------------------------------------------------------------------------------------------------------------------
// where it happens
// ---------------------------------------------------------------------------------------------------------------------

interface Clustered extends Arena {
  readonly cluster: RedisCluster
}

const clustered = (nodeTimeout?: number) => async (): Promise<Clustered | undefined> => {
  if (isMissing(program)) return undefined
  const cluster = await startCluster(nodeTimeout === undefined ? {} : { nodeTimeout })
  return {
    cluster,
    where: { isCluster: true, nodes: cluster.nodes, witness: cluster.servers[0]!.url, prefix },
    bytes: () => 0,
    end: cluster.end
  }
}

/** A master and a replica that is some way behind; the processes find the master through a proxy. */
interface Pair extends Arena {
  readonly proxy: Proxy
  /** Between the two. */
  readonly link: Proxy
  master: Server
  replica: Server
}

const follow = async ({ link, master, replica }: Pair): Promise<void> => {
  link.redirect(master.port)
  await replica.ask("REPLICAOF", "127.0.0.1", String(link.port))
  while (!/master_link_status:up/.test(String(await replica.ask("INFO", "replication")))) await sleep(20)
}

const pair = async (): Promise<Pair | undefined> => {
  if (isMissing(program)) return undefined
  const args = ["--repl-diskless-sync-delay", "0"]
  const [master, replica] = [await startServer({ args }), await startServer({ args })]
  const [proxy, link] = [await startProxy(master.port), await startProxy(master.port)]
  const both: Pair = {
    proxy,
    link,
    master,
    replica,
    where: { url: proxy.url, prefix },
    bytes: () => 0,
    end: async () => {
      await Promise.all([proxy.end(), link.end()])
      await Promise.all([master.end(), replica.end()])
    }
  }
  await follow(both)
  return both
}

/** The server is started with the first attack only. */
const absent = async (): Promise<Arena & { server?: Server; readonly port: number } | undefined> => {
  if (isMissing(program)) return undefined
  const [port] = await freePorts(1)
  const arena: Arena & { server?: Server; readonly port: number } = {
    port: port!,
    where: { url: `redis://127.0.0.1:${port}`, prefix },
    bytes: () => 0,
    end: () => arena.server?.end()
  }
  return arena
}

// ---------------------------------------------------------------------------------------------------------------------
// what happens
// ---------------------------------------------------------------------------------------------------------------------

/** How long a server that has taken the place of another may lack what was changed before: until all are connected. */
const noticedMillis = 4000

const restart = async (server: Server): Promise<void> => {
  server.signal("SIGKILL")
  await server.ended()
  await server.restart()
}

/** The server goes back to what it had some time before. */
const playBack =
  (shortest: number, longest: number): Attack<Single>["strike"] => async ({ server }, { dice, note }) => {
    const at = clock()
    await server.ask("SAVE")
    await sleep(shortest + dice.below(longest - shortest))
    await restart(server)
    note("replaced", { at, noticedMillis })
    await sleep(2000)
  }

/** A replica that lacks the last moments takes the place of its master. */
const promote: Attack<Pair>["strike"] = async (pair, { dice, note }) => {
  await sleep(500)
  pair.link.swallow(true)
  const at = clock()
  await sleep(200 + dice.below(800))
  const [master, replica] = [pair.master, pair.replica]
  master.signal("SIGKILL")
  await master.ended()
  await replica.ask("REPLICAOF", "NO", "ONE")
  pair.proxy.redirect(replica.port)
  note("replaced", { at, noticedMillis })
  pair.link.swallow(false)
  await master.restart()
  pair.master = replica
  pair.replica = master
  await follow(pair)
  await sleep(500)
}

const evicted = ["t:*", "l:*", "v:*", "f:*", "s:*", "e:*", "t:*}a", "v:*}plain"]

const evict = async (server: Server, { pick }: Dice): Promise<void> => {
  const keys = await keysOf(server, pick(evicted))
  if (keys.length > 0) await server.ask("UNLINK", ...keys)
}

/** The third byte of an entry is the number of its format. */
const renew = async (server: Server, { pick }: Dice): Promise<void> => {
  const keys = await keysOf(server, "v:*")
  if (keys.length > 0) await server.ask("SETRANGE", pick(keys), "2", "\u0077")
}

const entryOf = (text: string) => stored(text)

/** Another program uses the server for a moment. */
const outside = <A>(
  { server: { url } }: Single,
  use: (store: Store.Store) => Effect.Effect<A, unknown>,
  other = prefix
): Promise<A> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(
        connected(storeFrom(RedisStore.layer({ url, prefix: other, connect: "required", storeTimeout: "30 seconds" }))),
        use
      )
    )
  )

/** On a busy machine connecting takes longer than a program would wait. */
const connected = <A, R>(made: Effect.Effect<A, unknown, R>): Effect.Effect<A, unknown, R> =>
  Effect.retry(made, { times: 30 })

/** Its entries have the same ids, and no other program may see them. */
const useOtherPrefix = (store: Store.Store) =>
  Effect.andThen(
    store.set(Object.keys(ids).map((id) => ({ id, entry: entryOf(JSON.stringify("of another program")) }))),
    store.clear
  )

const oddIds = [
  "",
  "}",
  "{}",
  "{a}b",
  "a}{b",
  "\0",
  "a\r\nb",
  "\ud800",
  "\udc00",
  "\0d800",
  "plain\0",
  "*?[a]\\",
  "x".repeat(1_000_000)
]

const useOddIds = (store: Store.Store) =>
  Effect.gen(function*() {
    const wrong: Array<string> = []
    const textOf = (entry: CacheEntry.Stored | undefined) => entry && new TextDecoder().decode(entry.payload)
    for (const [i, id] of oddIds.entries()) yield* singly(store).set(id, entryOf(`odd ${i}`))
    for (const [i, id] of oddIds.entries()) {
      if (textOf((yield* store.get(id, [])).entry) !== `odd ${i}`) wrong.push(`id ${i} has another value`)
    }
    for (const [i, id] of oddIds.entries()) {
      if (!(yield* singly(store).remove(id))) wrong.push(`id ${i} is not there to be removed`)
      if ((yield* store.get(id, [])).entry !== undefined) wrong.push(`id ${i} is there after its removal`)
    }
    return wrong
  })

const storm = Array.from({ length: 100_000 }, (_, i) => `storm ${i}`)

const tagStorm = Effect.fnUntraced(function*(store: Store.Store) {
  for (let i = 0; i < 50; i++) {
    yield* store.invalidateTags(Array.from({ length: 20 }, (_, k) => `storm ${i * 20 + k}`))
    yield* Effect.sleep(20)
  }
})

/** Slots of what the processes use go from one master to another, and back. */
const migrate = (): Attack<Clustered>["strike"] => {
  const owners = new Map<number, number>()
  return async ({ cluster: { servers } }, { dice }) => {
    const masters = servers.slice(0, 3)
    const slot = slotOf(hashOf(dice.pick(Object.keys(ids))))
    const from = owners.get(slot) ?? Math.min(2, Math.floor(slot / (16_384 / 3)))
    const to = (from + 1 + dice.below(2)) % 3
    await moveSlot(slot, masters[from]!, masters[to]!, masters)
    owners.set(slot, to)
    await sleep(50)
  }
}

/** The master of the first slots dies, and its replica takes its place; then the other way round. */
const loseMaster: Attack<Clustered>["strike"] = async ({ cluster: { servers } }, { note }) => {
  const isMaster = async (server: Server) =>
    String(((await server.ask("ROLE")) as ReadonlyArray<unknown>)[0]) === "master"
  const [first, fourth] = [servers[0]!, servers[3]!]
  const [master, replica] = await isMaster(first) ? [first, fourth] : [fourth, first]
  await sleep(1000)
  // The replica may lack what was written at last.
  const at = clock() - 200
  master.signal("SIGKILL")
  await master.ended()
  while (!await isMaster(replica)) await sleep(20)
  note("replaced", { at, noticedMillis })
  await sleep(1000)
  await master.restart()
  while (!/master_link_status:up/.test(String(await master.ask("INFO", "replication")))) await sleep(20)
}

/** A user of the programs' own, whose rights are taken and given. */
const withUser = async (): Promise<Single | undefined> => {
  const arena = await single()()
  if (arena === undefined) return undefined
  const { server } = arena
  await server.ask("ACL", "SETUSER", "shop", "on", ">shop", "~*", "&*", "+@all")
  return { ...arena, where: { ...arena.where, url: server.url.replace("redis://", "redis://shop:shop@") } }
}

const rights = (server: Server, ...rules: ReadonlyArray<string>) => server.ask("ACL", "SETUSER", "shop", ...rules)

// ---------------------------------------------------------------------------------------------------------------------
// the attacks
// ---------------------------------------------------------------------------------------------------------------------

const attacks: ReadonlyArray<Attack> = [
  ...onProcesses(single()),
  attack({
    name: "the server killed, and started again empty",
    arena: single(),
    unheardMillis,
    strike: async ({ server }, { dice }) => {
      await sleep(1000)
      server.signal("SIGKILL")
      await server.ended()
      await sleep(dice.below(1000))
      await server.restart()
    }
  }),
  attack({ name: "the server gone back by seconds", arena: single(), unheardMillis, strike: playBack(200, 3000) }),
  attack({
    name: "the server gone back by 20 seconds",
    arena: single(),
    unheardMillis,
    strike: playBack(20_000, 20_001)
  }),
  attack({ name: "a replica promoted that lags behind", arena: pair, unheardMillis, strike: promote }),
  attack({
    name: "the server stopped for 4 seconds",
    arena: single(),
    unheardMillis,
    strike: async ({ server }) => {
      await sleep(1000)
      server.signal("SIGSTOP")
      await sleep(4000)
      server.signal("SIGCONT")
      await sleep(1000)
    },
    relent: ({ server }) => server.signal("SIGCONT")
  }),
  attack({
    name: "no server at the start",
    arena: absent,
    unheardMillis,
    strike: async (arena) => {
      await sleep(500)
      arena.server ??= await startServer({ port: arena.port })
    }
  }),
  ...onNetwork<Single>({
    direct: single(),
    proxied: proxied(),
    impatient: proxied({ storeTimeout: 100 }),
    throughProxy: ({ proxy, where }) => ({ ...where, url: proxy.url }),
    unheardMillis
  }),
  attack({
    name: "connections killed",
    arena: single(),
    unheardMillis,
    strike: repeatedly<Single>(100, ({ server }) => server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
  }),
  attack({
    name: "connections for changes killed",
    arena: single(),
    unheardMillis,
    strike: repeatedly<Single>(700, ({ server }) => server.ask("CLIENT", "KILL", "TYPE", "pubsub"))
  }),
  attack({
    name: "markers, leases, counts and entries evicted",
    arena: single(),
    strike: repeatedly<Single>(10, ({ server }, { dice }) => evict(server, dice))
  }),
  attack({
    name: "all flushed in the middle of loads, loads of 200 ms",
    arena: single(),
    work: { loadMillis: 200 },
    strike: repeatedly<Single>(50, ({ server }) => server.ask("FLUSHALL"))
  }),
  attack({
    name: "scripts flushed",
    arena: single(),
    isShared: true,
    strike: repeatedly<Single>(5, ({ server }) => server.ask("SCRIPT", "FLUSH"))
  }),
  attack({
    name: "a full server that evicts nothing",
    arena: single({}, { args: ["--maxmemory-policy", "noeviction"] }),
    unheardMillis,
    strike: async ({ server }, { dice }) => {
      await sleep(300 + dice.below(300))
      await server.ask("CONFIG", "SET", "maxmemory", "1")
      await sleep(300 + dice.below(600))
      await server.ask("CONFIG", "SET", "maxmemory", "0")
    },
    relent: ({ server }) => server.ask("CONFIG", "SET", "maxmemory", "0")
  }),
  attack({
    name: "a full server that evicts what it likes",
    arena: single({}, { args: ["--maxmemory-policy", "allkeys-random", "--maxmemory", "3mb"] }),
    work: { writers: 1, valueBytes: 5000 },
    unheardMillis,
    strike: calmly
  }),
  attack({
    name: "values above maxValue",
    arena: single({ maxValue: 1000 }),
    work: { writers: 1, valueBytes: 2000 },
    isShared: true,
    strike: calmly
  }),
  attack({
    name: "random bytes in entries",
    arena: single(),
    strike: repeatedly<Single>(5, ({ server }, { dice }) => damage(server, dice))
  }),
  attack({
    name: "entries of another release",
    arena: single(),
    strike: repeatedly<Single>(5, ({ server }, { dice }) => renew(server, dice))
  }),
  attack({
    name: "other programs that clear this prefix, and one that begins with it",
    arena: single(),
    strike: repeatedly<Single>(100, (arena, { dice }) =>
      dice.next() < 0.5
        ? outside(arena, useOtherPrefix, `${prefix}:v`)
        : outside(arena, (store) => store.clear))
  }),
  attack({
    name: "another program with odd ids",
    arena: single(),
    strike: repeatedly<Single>(100, async (arena, { note }) => {
      for (const cause of await outside(arena, useOddIds)) note("died", { process: "the other program", cause })
    })
  }),
  attack({
    name: "the rights of the user taken, and given back",
    arena: withUser,
    unheardMillis,
    strike: async ({ server }, { dice }) => {
      await sleep(500)
      await rights(server, "-@all")
      await sleep(300 + dice.below(500))
      await rights(server, "+@all")
    },
    relent: ({ server }) => rights(server, "+@all")
  }),
  attack({
    name: "the user locked out",
    arena: withUser,
    unheardMillis,
    strike: async ({ server }) => {
      await sleep(1000)
      await rights(server, "off")
      await attempt(server.ask("CLIENT", "KILL", "USER", "shop"))
      await sleep(1000)
    },
    relent: ({ server }) => rights(server, "on")
  }),
  attack({
    name: "leases of 100 ms, loads that block for 150 ms",
    arena: single(),
    work: { leaseMillis: 100, blockMillis: 150 },
    isShared: true,
    strike: calmly
  }),
  attack({
    name: "every second, 1,000 callers in each of 16 processes ask for the same new key",
    arena: single(),
    processes: 16,
    work: { waiters: 1000, loadMillis: 200 },
    strike: calmly
  }),
  attack({
    name: "100,000 ids invalidated at once",
    arena: single(),
    // A change is received after the 100,000 before it: some 50 ms of a process's own work, and more beside others.
    unheardMillis: 1000,
    strike: repeatedly<Single>(500, (arena) => outside(arena, (store) => store.remove(storm)))
  }),
  attack({
    name: "1,000 tags invalidated every second",
    arena: single(),
    strike: (arena) => outside(arena, tagStorm)
  }),
  attack({
    name: "clocks an hour apart",
    arena: async () => isMissing("faketime") ? undefined : single()(),
    through: (place) => place % 2 === 0 ? undefined : anHourAhead,
    isShared: true,
    strike: calmly
  }),
  attack({ name: "a cluster, its slots moved", arena: clustered(), isShared: true, strike: migrate() }),
  attack({ name: "a cluster, one of its masters lost", arena: clustered(1000), unheardMillis, strike: loseMaster }),
  everything
]

const open = (where: object): Effect.Effect<Store.Store, unknown, Scope.Scope> => {
  const { isCluster: _, witness: _witness, ...options } = where as Where
  return storeFrom(RedisStore.layer({ ...options as RedisStore.Options, connect: "required" }))
}

export const target: Target = {
  name: "redis",
  store: "./redis/store.ts",
  attacks,
  unmeasured: ["on disk"],
  works: (where) =>
    Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const [a, b] = [yield* connected(open(where)), yield* connected(open(where))]
      yield* singly(a).set("afterwards", entryOf("afterwards"))
      return (yield* b.get("afterwards", [])).entry !== undefined
    })))
}
