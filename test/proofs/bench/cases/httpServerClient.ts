/** Sends what `httpServer.ts` asks for, on eight connections. */
import { Pool } from "undici"

interface Asked {
  readonly origin: string
  readonly path: string
  readonly count: number
  readonly condition?: string
}

const pools = new Map<string, Pool>()

process.on("message", async ({ condition, count, origin, path }: Asked) => {
  const pool = pools.get(origin) ?? new Pool(origin, { connections: 8 })
  pools.set(origin, pool)
  let left = count
  const headers = condition === undefined ? {} : { "if-none-match": condition }
  const some = async () => {
    while (left-- > 0) {
      const { body } = await pool.request({ method: "GET", path, headers })
      await body.dump({ limit: 1e9 })
    }
  }
  await Promise.all(Array.from({ length: 8 }, some))
  process.send!("done")
})
