/** Attacks on `CacheLayer.redis`: failures of servers and clusters. */
import { Effect, type Scope } from "effect"
import type { CacheEntry, Store } from "effect-cached/adapters"
import { RedisStore } from "effect-cached/redis"
import { hashOf, slotOf } from "../../../../src/drivers/redis/protocol/keys.ts"
import { singly } from "../../../../src/testing/internal/singly.ts"
import { clock } from "../../../processes/recording.ts"
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
import { attempt, calmly, lasting, onNetwork, onProcesses, onPrograms, repeatedly, share } from "../shared.ts"
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

interface Absent extends Arena {
  server?: Server
  readonly port: number
}

/** The server is started with the first attack only. */
const absent = async (): Promise<Absent | undefined> => {
  if (isMissing(program)) return undefined
  const [port] = await freePorts(1)
  const arena: Absent = {
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
    store.set(Object.keys(ids).map((id) => ({ id, entry: stored(JSON.stringify("of another program")) }))),
    store.clear
  )

const oddIds = [
  ...["", "}", "{}", "{a}b", "a}{b", "\0", "a\r\nb", "\ud800", "\udc00", "\0d800", "plain\0", "*?[a]\\"],
  "x".repeat(1_000_000)
]

const useOddIds = (store: Store.Store) =>
  Effect.gen(function*() {
    const wrong: Array<string> = []
    const textOf = (entry: CacheEntry.Stored | undefined) => entry && new TextDecoder().decode(entry.payload)
    for (const [i, id] of oddIds.entries()) yield* singly(store).set(id, stored(`odd ${i}`))
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

const one = (name: string, given: Omit<Attack<Single>, "arena" | "name"> & Partial<Attack<Single>>): Attack =>
  attack({ name, arena: single(), ...given })

const attacks: ReadonlyArray<Attack> = [
  ...onProcesses(single()),
  one("the server killed, and started again empty", {
    unheardMillis,
    strike: async ({ server }, { dice }) => {
      await sleep(1000)
      server.signal("SIGKILL")
      await server.ended()
      await sleep(dice.below(1000))
      await server.restart()
    }
  }),
  one("the server gone back by seconds", { unheardMillis, strike: playBack(200, 3000) }),
  one("the server gone back by 20 seconds", { unheardMillis, strike: playBack(20_000, 20_001) }),
  attack({ name: "a replica promoted that lags behind", arena: pair, unheardMillis, strike: promote }),
  one("the server stopped for 4 seconds", {
    unheardMillis,
    ...lasting({
      begin: ({ server }) => server.signal("SIGSTOP"),
      ...{ millis: 4000, after: 1000 },
      end: ({ server }) => server.signal("SIGCONT")
    })
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
  one("connections killed", {
    unheardMillis,
    strike: repeatedly(100, ({ server }) => server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
  }),
  one("connections for changes killed", {
    unheardMillis,
    strike: repeatedly(700, ({ server }) => server.ask("CLIENT", "KILL", "TYPE", "pubsub"))
  }),
  one("markers, leases, counts and entries evicted", {
    strike: repeatedly(10, ({ server }, { dice }) => evict(server, dice))
  }),
  one("all flushed in the middle of loads, loads of 200 ms", {
    work: { loadMillis: 200 },
    strike: repeatedly(50, ({ server }) => server.ask("FLUSHALL"))
  }),
  one("scripts flushed", {
    isShared: true,
    strike: repeatedly(5, ({ server }) => server.ask("SCRIPT", "FLUSH"))
  }),
  one("a full server that evicts nothing", {
    arena: single({}, { args: ["--maxmemory-policy", "noeviction"] }),
    unheardMillis,
    ...lasting({
      begin: ({ server }) => server.ask("CONFIG", "SET", "maxmemory", "1"),
      ...{ before: 300, millis: 300, drawn: 600 },
      end: ({ server }) => server.ask("CONFIG", "SET", "maxmemory", "0")
    })
  }),
  one("a full server that evicts what it likes", {
    arena: single({}, { args: ["--maxmemory-policy", "allkeys-random", "--maxmemory", "3mb"] }),
    work: { writers: 1, valueBytes: 5000 },
    unheardMillis,
    strike: calmly
  }),
  one("random bytes in entries", { strike: repeatedly(5, ({ server }, { dice }) => damage(server, dice)) }),
  one("entries of another release", { strike: repeatedly(5, ({ server }, { dice }) => renew(server, dice)) }),
  one("other programs that clear this prefix, and one that begins with it", {
    strike: repeatedly(100, (arena, { dice }) =>
      dice.next() < 0.5
        ? outside(arena, useOtherPrefix, `${prefix}:v`)
        : outside(arena, (store) => store.clear))
  }),
  one("another program with odd ids", {
    strike: repeatedly(100, async (arena, { note }) => {
      for (const cause of await outside(arena, useOddIds)) note("died", { process: "the other program", cause })
    })
  }),
  one("the rights of the user taken, and given back", {
    arena: withUser,
    unheardMillis,
    ...lasting({
      begin: ({ server }) => rights(server, "-@all"),
      ...{ before: 500, millis: 300, drawn: 500 },
      end: ({ server }) => rights(server, "+@all")
    })
  }),
  one("the user locked out", {
    arena: withUser,
    unheardMillis,
    ...lasting({
      begin: async ({ server }) => {
        await rights(server, "off")
        await attempt(server.ask("CLIENT", "KILL", "USER", "shop"))
      },
      millis: 1000,
      end: ({ server }) => rights(server, "on")
    })
  }),
  one("100,000 ids invalidated at once", {
    // A change is received after the 100,000 before it: some 50 ms of a process's own work, and more beside others.
    unheardMillis: 1000,
    strike: repeatedly(500, (arena) => outside(arena, (store) => store.remove(storm)))
  }),
  one("1,000 tags invalidated every second", { strike: (arena) => outside(arena, tagStorm) }),
  ...onPrograms<Single>({ arena: single, callers: 1000, processes: 16 }),
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
  works: (where) => share(connected(open(where)))
}
