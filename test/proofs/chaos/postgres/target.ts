/** Attacks on `CacheLayer.postgres`: failures of servers, networks and processes. */
import { PgStore } from "effect-cached/postgres"
import { chmodSync } from "node:fs"
import { join } from "node:path"
import { clock } from "../../../processes/recording.ts"
import { fillDisk } from "../../../support/fullDisk.ts"
import { isPostgresMissing, type Server, startPostgres } from "../../../support/postgres.ts"
import { type Proxy, startProxy } from "../../../support/proxy.ts"
import { smallDisk } from "../../../support/smallDisk.ts"
import { storeFrom } from "../../../support/storeFrom.ts"
import type { Dice } from "../../consistency/random.ts"
import { calmly, lasting, onNetwork, onProcesses, onPrograms, repeatedly, share } from "../shared.ts"
import { type Arena, type Attack, attack, sleep, type Target } from "../target.ts"

const schema = "chaos"

/** A connection that receives nothing any longer is noticed within this time, on a busy machine too. */
const unheardMillis = 4000

/** How long all processes may take to connect to a server that has taken the place of another. */
const noticedMillis = 6000

/** A server, and a proxy before it through which the processes may have to go. */
interface Single extends Arena {
  readonly server: Server
  readonly proxy: Proxy
}

const urlOf = ({ port }: Proxy, user = "postgres"): string => `postgres://${user}@127.0.0.1:${port}/postgres`

const single = (more: object = {}, isProxied = false) => async (): Promise<Single | undefined> => {
  if (isPostgresMissing()) return undefined
  const server = await startPostgres()
  await server.ask("CREATE ROLE shop LOGIN")
  await server.ask(`CREATE SCHEMA ${schema} AUTHORIZATION shop`)
  const proxy = await startProxy(server.port)
  const url = isProxied ? urlOf(proxy, "shop") : server.url.replace("postgres@", "shop@")
  return {
    server,
    proxy,
    where: { url, schema, maxConnections: 4, ...more },
    bytes: () => 0,
    end: async () => {
      await proxy.end()
      await server.end()
    }
  }
}

const proxied = (more: object = {}) => single(more, true)

const cutAll = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'"

const cutSome = ({ next }: Dice, count: number): string =>
  next() < 0.5 ? cutAll : `${cutAll} ORDER BY random() LIMIT ${count}`

const password = "a password of the tests"

/** A server that asks the user for a password. */
const withPassword = async (): Promise<Single | undefined> => {
  const arena = await single()()
  if (arena === undefined) return undefined
  const { server } = arena
  const [[file]] = await server.ask("SHOW hba_file") as [[string]]
  const rights = "('host all shop 127.0.0.1/32 scram-sha-256'), ('host all all 127.0.0.1/32 trust')"
  await server.ask(`ALTER ROLE shop PASSWORD '${password}'`)
  await server.ask(`COPY (VALUES ${rights}) TO '${file}'`)
  await server.ask("SELECT pg_reload_conf()")
  return {
    ...arena,
    where: { ...arena.where, url: server.url.replace("postgres@", `shop:${encodeURIComponent(password)}@`) }
  }
}

/** A server whose tables are on a disk that can be full. Its log is on another one: without that, no server runs. */
interface OnSmallDisk extends Single {
  readonly directory: string
}

const onSmallDisk = async (): Promise<OnSmallDisk | undefined> => {
  const disk = smallDisk(64)
  const arena = disk && await single({ maxSize: 10_000_000 })()
  if (arena === undefined) {
    disk?.end()
    return undefined
  }
  const { directory } = disk!
  chmodSync(directory, 0o777)
  const { server } = arena
  await server.ask(`COPY (SELECT 1) TO PROGRAM 'mkdir -m 700 ${join(directory, "tables")}'`)
  await server.ask(`CREATE TABLESPACE small LOCATION '${join(directory, "tables")}'`)
  await server.ask("GRANT CREATE ON TABLESPACE small TO shop")
  await server.ask("ALTER ROLE shop SET default_tablespace = small")
  return {
    ...arena,
    directory,
    end: async () => {
      await arena.end()
      disk!.end()
    }
  }
}

/** A server and a copy of it that takes its place. */
interface Pair extends Arena {
  readonly proxy: Proxy
  readonly servers: Array<Awaited<ReturnType<Server["follower"]>> | Server>
}

const pair = async (): Promise<Pair | undefined> => {
  const one = await proxied()()
  if (one === undefined) return undefined
  const servers = [one.server]
  return {
    proxy: one.proxy,
    servers,
    where: one.where,
    bytes: () => 0,
    end: async () => {
      await one.proxy.end()
      for (const server of servers) await server.end()
    }
  }
}

/** The copy lacks what it has not received in time. */
const failOver = (lagMillis: number): Attack<Pair>["strike"] => async ({ proxy, servers }, { note }) => {
  const master = servers.at(-1)!
  const follower = await master.follower()
  servers.push(follower)
  await sleep(1000)
  const at = clock() - 500
  if (lagMillis > 0) {
    await follower.ask("ALTER SYSTEM SET primary_conninfo = ''")
    await follower.ask("SELECT pg_reload_conf()")
    await sleep(lagMillis)
  }
  await master.stop("immediate")
  follower.promote()
  while ((await follower.ask("SELECT pg_is_in_recovery()"))[0]![0] === true) await sleep(20)
  proxy.redirect(follower.port)
  note("replaced", { at, noticedMillis })
  await sleep(2000)
}

/** Something that an administrator does, and takes back. */
const administered = (
  begin: string,
  end: string,
  { after, cuts, ...lasts }: {
    readonly after?: string
    readonly cuts?: (dice: Dice) => string
    readonly before?: number
    readonly drawn?: number
    readonly millis?: number
  } = {}
) =>
  lasting<Single>({
    begin: async ({ server }, dice) => {
      await server.ask(begin)
      await server.ask(cuts?.(dice) ?? cutAll)
    },
    millis: 1000,
    ...lasts,
    end: async ({ server }) => {
      await server.ask(end)
      if (after !== undefined) await server.ask(after)
    }
  })

const one = (name: string, given: Omit<Attack<Single>, "arena" | "name"> & Partial<Attack<Single>>): Attack =>
  attack({ name, arena: single(), ...given })

const attacks: ReadonlyArray<Attack> = [
  ...onProcesses(single()),
  one("the server crashed, and started again", {
    unheardMillis,
    strike: async ({ server }, { dice }) => {
      await sleep(1000)
      await server.stop("immediate")
      await sleep(dice.below(1000))
      await server.start()
    }
  }),
  one("the server restarted", {
    unheardMillis,
    strike: async ({ server }) => {
      await sleep(1000)
      await server.stop()
      await server.start()
    }
  }),
  one("the server stopped for 4 seconds", {
    unheardMillis,
    ...lasting({
      begin: ({ server }) => server.signal("SIGSTOP"),
      ...{ millis: 4000, after: 1000 },
      end: ({ server }) => server.signal("SIGCONT")
    })
  }),
  attack({ name: "a replica promoted that may lag behind", arena: pair, unheardMillis, strike: failOver(0) }),
  attack({ name: "a replica promoted that lacks two seconds", arena: pair, unheardMillis, strike: failOver(2000) }),
  ...onNetwork<Single>({
    direct: single(),
    proxied: proxied(),
    throughProxy: ({ proxy, where }) => ({ ...where, url: urlOf(proxy, "shop") }),
    unheardMillis
  }),
  one("connections ended by the server", {
    unheardMillis,
    strike: repeatedly(100, ({ server }, { dice }) => server.ask(cutSome(dice, 1)))
  }),
  one("no connection left for the user", {
    unheardMillis,
    ...administered("ALTER ROLE shop CONNECTION LIMIT 3", "ALTER ROLE shop CONNECTION LIMIT -1", {
      ...{ before: 500, millis: 500, drawn: 1000 }
    })
  }),
  one("the user locked out", {
    unheardMillis,
    ...administered("ALTER ROLE shop NOLOGIN", "ALTER ROLE shop LOGIN")
  }),
  one("a password that has expired", {
    arena: withPassword,
    unheardMillis,
    ...administered("ALTER ROLE shop VALID UNTIL '2000-01-01'", "ALTER ROLE shop VALID UNTIL 'infinity'", {
      // Connections that are open stay.
      cuts: (dice) => cutSome(dice, 2)
    })
  }),
  one("a database that may only be read", {
    unheardMillis,
    ...administered(
      "ALTER ROLE shop SET default_transaction_read_only = on",
      "ALTER ROLE shop RESET default_transaction_read_only",
      { after: cutAll }
    )
  }),
  attack({
    name: "a disk that is full",
    arena: onSmallDisk,
    work: { writers: 1, valueBytes: 20_000 },
    strike: async ({ directory }) => {
      await sleep(500)
      const empty = fillDisk(join(directory, "others"))
      await sleep(1500)
      empty()
      await sleep(500)
    }
  }),
  one("tables locked for a second", {
    unheardMillis,
    strike: repeatedly(500, ({ server }, { dice }) =>
      server.ask(
        `DO $$ BEGIN LOCK TABLE ${schema}.${dice.pick(["entry", "marker", "change"])}; PERFORM pg_sleep(1); END $$`
      ))
  }),
  one("markers, leases and entries removed by hand", {
    strike: repeatedly(20, ({ server }, { dice }) =>
      server.ask(
        `DELETE FROM ${schema}.${
          dice.pick(["marker", "entry", "entry WHERE generation IS NOT NULL", "marker WHERE tag = 'a'"])
        }`
      ))
  }),
  one("random bytes in entries", {
    strike: repeatedly(
      5,
      ({ server }) =>
        server.ask(`UPDATE ${schema}.entry SET frame = set_byte(frame, (random() * (length(frame) - 1))::integer,
        (random() * 255)::integer) WHERE length(frame) > 0 AND random() < 0.3`)
    )
  }),
  one("a database that is full all the time, `maxSize` 100 kB", {
    arena: single({ maxSize: 100_000 }),
    work: { writers: 1, valueBytes: 5000 },
    strike: calmly
  }),
  ...onPrograms<Single>({ arena: single, callers: 500, processes: 8 })
]

export const target: Target = {
  name: "postgres",
  store: "./postgres/store.ts",
  attacks,
  // One of each kind, because CI has a minute for them: a crash, a silent network, cut connections, refusals, losses.
  tested: [
    "the server crashed, and started again",
    "a network that swallows everything for 2 seconds",
    "connections ended by the server",
    "no connection left for the user",
    "markers, leases and entries removed by hand"
  ],
  unmeasured: ["on disk"],
  works: (where) => share(storeFrom(PgStore.layer(where as unknown as PgStore.Options)))
}
