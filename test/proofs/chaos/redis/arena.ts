/** A Redis server to attack, and attacks on its data. */
import { isMissing } from "../../../support/needs.ts"
import { type Proxy, startProxy } from "../../../support/proxy.ts"
import { program, type Server, startServer } from "../../../support/redis.ts"
import type { Dice } from "../../consistency/random.ts"
import type { Arena } from "../target.ts"

export const prefix = "chaos"

/** A server, and a proxy before it through which the processes may have to go. */
export interface Single extends Arena {
  readonly server: Server
  readonly proxy: Proxy
}

export const single =
  (more: object = {}, { args = [], isProxied = false }: { args?: ReadonlyArray<string>; isProxied?: boolean } = {}) =>
  async (): Promise<Single | undefined> => {
    if (isMissing(program)) return undefined
    const server = await startServer({ args })
    const proxy = await startProxy(server.port)
    return {
      server,
      proxy,
      where: { url: isProxied ? proxy.url : server.url, witness: server.url, prefix, ...more },
      bytes: () => 0,
      end: async () => {
        await proxy.end()
        await server.end()
      }
    }
  }

export const proxied = (more: object = {}) => single(more, { isProxied: true })

/** A connection that receives nothing any longer is noticed within this time, on a busy machine too. */
export const unheardMillis = 2000

export const keysOf = async (server: Server, pattern: string): Promise<ReadonlyArray<string>> =>
  ((await server.ask("KEYS", `${prefix}:${pattern}`)) as ReadonlyArray<unknown>).map(String)

/** Overwrites a part of an entry with bytes that belong to no format. */
export const damage = async (server: Server, { below, pick }: Dice): Promise<void> => {
  const keys = await keysOf(server, "v:*")
  if (keys.length === 0) return
  const key = pick(keys)
  const size = Number(await server.ask("STRLEN", key))
  if (size === 0) return
  const letters = Array.from({ length: 1 + below(8) }, () => String.fromCharCode(33 + below(90))).join("")
  await server.ask("SETRANGE", key, String(below(size)), letters)
}
