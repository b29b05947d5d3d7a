/**
 * One of the processes: `worker.ts <cache> <directory> <url> <callers> <milliseconds of a load>`. Ready when it is
 * connected; its callers ask on request.
 */
import { appendFileSync, existsSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { caches, type User } from "./caches.ts"

const [name, directory, url, callers, loadMillis] = process.argv.slice(2) as [string, string, string, string, string]

const cache = await caches[name]!({ directory, url })

const user = (id: string): User => ({ id, name: "Ada Lovelace" })

const load = async (): Promise<User> => {
  appendFileSync(join(directory, "loads"), `${process.pid}\n`)
  await setTimeout(Number(loadMillis))
  return user("cold")
}

const getTogether = cache.getTogether ??
  ((callers, key, load) => Promise.all(Array.from({ length: callers }, () => cache.get(key, load))))

/**
 * Enough rounds to cover the work of the compiler: after twenty the processor time of a round is three times as much.
 */
const rounds = 300

/** Connected and compiled: all processes ask for the same keys, as they will, but not for the key that is measured. */
const warmUp = async () => {
  for (let i = 0; i < rounds; i++) {
    const id = `warm:${i}`
    await getTogether(Number(callers), id, () => setTimeout(2, user(id)))
  }
  if (existsSync(join(directory, "loads"))) throw new Error("it is loaded already")
}

process.on("message", async () => {
  const users = await getTogether(Number(callers), "cold", load)
  for (const { id } of users) if (id !== "cold") throw new Error(`answered ${id}`)
  process.send!("served")
  process.once("disconnect", () => void cache.close())
})

await warmUp()
process.send!("ready")
