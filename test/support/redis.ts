/** Redis servers of a test's own: on free ports of the loopback, in a folder that is removed. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createClient } from "redis"

/** Ports that are free now. */
export const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map((server) =>
      new Promise<number>((resolve, reject) => {
        server.once("error", reject)
        server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port))
      })
    )
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

const until = async (what: string, holds: () => Promise<boolean>, millis = 20_000): Promise<void> => {
  const end = performance.now() + millis
  while (!await holds()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${millis} ms`)
    await sleep(20)
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

export interface Server {
  readonly port: number
  readonly url: string
  readonly folder: string
  /** Asks the server, as its administrator. */
  readonly ask: (...args: ReadonlyArray<string>) => Promise<unknown>
  readonly signal: (signal: "SIGKILL" | "SIGSTOP" | "SIGCONT") => void
  /** Starts it again, after it has ended. */
  readonly restart: () => Promise<void>
  /** Waits until its process has ended. */
  readonly ended: () => Promise<void>
  readonly end: () => Promise<void>
}

export interface ServerOptions {
  readonly args?: ReadonlyArray<string>
  readonly port?: number
  /** After so many milliseconds a master of a cluster counts as dead. */
  readonly nodeTimeout?: number
  /** Options of the administrator's client. */
  readonly client?: object
  /** Lines of a configuration file, and what the server is started as. */
  readonly sentinel?: string
  readonly program?: string
}

/** The server program of this machine; `valkey-server` where a test names it. */
export const program = process.env["REDIS_SERVER"] ?? "redis-server"

/** The address for a user with the rights that `docs/redis/server.md` names, and no others, for all prefixes. */
export const urlOfDocumented = async ({ ask, url }: Server): Promise<string> => {
  const docs = readFileSync(new URL("../../docs/redis/server.md", import.meta.url), "utf8")
  const [, line] = /^(ACL SETUSER .*)$/m.exec(docs)!
  await ask(...line!.replace("~p:*", "~*").replace("&p:*", "&*").split(" "))
  return url.replace("redis://", "redis://cache:secret@")
}

export const startServer = async (options: ServerOptions = {}): Promise<Server> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-cached-redis-"))
  const port = options.port ?? (await freePorts(1))[0]!
  const shared = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder]
  const plain = ["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]
  let args = [...shared, ...plain, ...options.args ?? []]
  if (options.sentinel !== undefined) {
    const file = join(folder, "sentinel.conf")
    writeFileSync(file, options.sentinel)
    args = [file, "--sentinel", ...shared]
  }
  let child: ChildProcess
  let exited: Promise<void>
  const start = async () => {
    child = spawn(options.program ?? program, args, { stdio: "ignore" })
    const own = child
    exited = new Promise((resolve) => own.once("exit", () => resolve()))
    await until(`a server on port ${port}`, () => accepts(port))
  }
  await start()
  const ask = async (...args: ReadonlyArray<string>): Promise<unknown> => {
    const client = createClient({ socket: { host: "127.0.0.1", port, reconnectStrategy: false }, ...options.client })
    client.on("error", () => {})
    await client.connect()
    try {
      return await client.sendCommand([...args])
    } finally {
      client.destroy()
    }
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    folder,
    ask,
    signal: (signal) => void child.kill(signal),
    restart: start,
    ended: () => exited,
    end: async () => {
      child.kill("SIGKILL")
      await exited
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

export interface RedisCluster {
  /** Three masters and a replica of the first. */
  readonly servers: ReadonlyArray<Server>
  readonly nodes: ReadonlyArray<string>
  readonly end: () => Promise<void>
}

const slots = 16_384

export const startCluster = async (options: ServerOptions = {}): Promise<RedisCluster> => {
  const ports = await freePorts(8)
  const servers = await Promise.all(
    ports.slice(0, 4).map((port, i) =>
      startServer({
        ...options,
        port,
        args: [
          ...[
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            String(ports[4 + i]),
            "--cluster-node-timeout",
            String(options.nodeTimeout ?? 10_000)
          ],
          ...["--cluster-replica-validity-factor", "0"],
          ...options.args ?? []
        ]
      })
    )
  )
  const masters = servers.slice(0, 3)
  for (const [i, server] of masters.entries()) {
    const from = Math.floor(slots / 3 * i)
    const to = Math.floor(slots / 3 * (i + 1)) - 1
    await server.ask("CLUSTER", "ADDSLOTSRANGE", String(from), String(to))
    await server.ask("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1))
  }
  for (const [i, server] of servers.entries()) {
    if (i > 0) await server.ask("CLUSTER", "MEET", "127.0.0.1", String(ports[0]), String(ports[4]))
  }
  const isWhole = (server: Server) => async () =>
    /cluster_state:ok/.test(String(await server.ask("CLUSTER", "INFO"))) &&
    String(await server.ask("CLUSTER", "NODES")).trim().split("\n").length === 4
  for (const server of servers.slice(0, 3)) await until("the cluster", isWhole(server))
  const replica = servers[3]!
  await until(
    "the replica to know the others",
    async () => String(await replica.ask("CLUSTER", "NODES")).trim().split("\n").length === 4
  )
  await replica.ask("CLUSTER", "REPLICATE", String(await servers[0]!.ask("CLUSTER", "MYID")))
  await until("the replica", async () => /master_link_status:up/.test(String(await replica.ask("INFO", "replication"))))
  return {
    servers,
    nodes: masters.map(({ url }) => url),
    end: async () => void await Promise.all(servers.map((server) => server.end()))
  }
}

/** A server, or the masters of a cluster. */
export interface Either {
  readonly servers: ReadonlyArray<Server>
  /** Options of a layer. */
  readonly where: { readonly url: string } | { readonly nodes: ReadonlyArray<string> }
  /** Asks the master that has the key, as its administrator. */
  readonly ask: (...args: ReadonlyArray<string>) => Promise<unknown>
  readonly keysOf: (pattern: string) => Promise<ReadonlyArray<string>>
  readonly end: () => Promise<unknown>
}

export const startEither = async (kind: "server" | "cluster"): Promise<Either> => {
  const cluster = kind === "cluster" ? await startCluster() : undefined
  const servers = cluster?.servers.slice(0, 3) ?? [await startServer()]
  const clients = await Promise.all(servers.map(({ url }) => createClient({ url }).on("error", () => {}).connect()))
  return {
    servers,
    where: cluster === undefined ? { url: servers[0]!.url } : { nodes: servers.map(({ url }) => url) },
    ask: async (...args) => {
      for (const client of clients) {
        try {
          return await client.sendCommand([...args])
        } catch (error) {
          if (!String(error).includes("MOVED")) throw error
        }
      }
      throw new Error("no master has the key")
    },
    keysOf: async (pattern) =>
      (await Promise.all(clients.map((client) => client.sendCommand(["KEYS", pattern])))).flat().map(String),
    end: () => {
      for (const client of clients) client.destroy()
      return cluster === undefined ? servers[0]!.end() : cluster.end()
    }
  }
}

/** Moves a slot with its keys, as `redis-cli --cluster reshard` does. All masters are notified. */
export const moveSlot = async (
  slot: number,
  from: Server,
  to: Server,
  masters: ReadonlyArray<Server>
): Promise<void> => {
  const [fromId, toId] = [String(await from.ask("CLUSTER", "MYID")), String(await to.ask("CLUSTER", "MYID"))]
  await to.ask("CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId)
  await from.ask("CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId)
  for (;;) {
    const keys = (await from.ask("CLUSTER", "GETKEYSINSLOT", String(slot), "10")) as Array<string>
    if (keys.length === 0) break
    await from.ask("MIGRATE", "127.0.0.1", String(to.port), "", "0", "5000", "KEYS", ...keys)
  }
  for (const server of masters) await server.ask("CLUSTER", "SETSLOT", String(slot), "NODE", toId)
}

/** A master with a replica, and three Sentinels that watch it under the name `main`. */
export const startSentinel = async () => {
  const master = await startServer()
  const replica = await startServer({ args: ["--replicaof", "127.0.0.1", String(master.port)] })
  await until("the replica", async () => /master_link_status:up/.test(String(await replica.ask("INFO", "replication"))))
  const sentinel = `sentinel monitor main 127.0.0.1 ${master.port} 2
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 3000
`
  const sentinels = await Promise.all([1, 2, 3].map(() => startServer({ sentinel })))
  await until("the Sentinels to know each other", async () => {
    const known = await Promise.all(sentinels.map((one) => one.ask("SENTINEL", "SENTINELS", "main")))
    const replicas = await Promise.all(sentinels.map((one) => one.ask("SENTINEL", "REPLICAS", "main")))
    return known.every((others) => (others as Array<unknown>).length === 2) &&
      replicas.every((some) => (some as Array<unknown>).length === 1)
  })
  return {
    master,
    replica,
    sentinels,
    nodes: sentinels.map(({ port }) => `127.0.0.1:${port}`),
    end: async () => void await Promise.all([...sentinels, master, replica].map((server) => server.end()))
  }
}

/** Certificates for 127.0.0.1, made by `openssl`: of a server, and of an authority that signs it. */
export const certificates = () => {
  const folder = mkdtempSync(join(tmpdir(), "effect-cached-tls-"))
  const openssl = (...args: ReadonlyArray<string>) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" })
  const key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=authority")
  openssl("req", ...key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
  writeFileSync(join(folder, "names"), "subjectAltName=IP:127.0.0.1,DNS:localhost")
  openssl(
    ...["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"],
    ...["-out", "server.crt", "-days", "2", "-extfile", "names"]
  )
  return {
    ca: join(folder, "ca.crt"),
    args: [
      ...["--tls-cert-file", join(folder, "server.crt"), "--tls-key-file", join(folder, "server.key")],
      ...["--tls-ca-cert-file", join(folder, "ca.crt"), "--tls-auth-clients", "no"]
    ],
    end: () => rmSync(folder, { recursive: true, force: true })
  }
}

let prefixes = 0

/** A prefix that no other test has. */
export const freshPrefix = (): string => `test ${process.pid} ${++prefixes}`
