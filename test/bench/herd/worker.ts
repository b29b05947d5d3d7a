/**
 * One of the processes: `worker.ts <cache> <directory> <port> <callers> <milliseconds of a load>`. Ready when it is
 * connected; so many callers ask when it is told to.
 */
import { appendFileSync, existsSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { caches, type User } from "./caches.ts"

const [name, directory, port, callers, loadMillis] = process.argv.slice(2) as [string, string, string, string, string]

const cache = await caches[name]!({ directory, port: Number(port) })

const user = (id: string): User => ({ id, name: "Ada Lovelace" })

const load = async (): Promise<User> => {
  appendFileSync(join(directory, "loads"), `${process.pid}\n`)
  await setTimeout(Number(loadMillis))
  return user("cold")
}

const getTogether = cache.getTogether ??
  ((callers, key, load) => Promise.all(Array.from({ length: callers }, () => cache.get(key, load))))

/** Connected and compiled, and not with the key that all ask for. */
const warmUp = async () => {
  const id = `warm:${process.pid}`
  for (let i = 0; i < 20; i++) await cache.get(`${id}:${i % 10}`, () => Promise.resolve(user(id)))
  for (let i = 0; i < 20; i++) {
    await getTogether(Number(callers), `${id}:together:${i}`, () => Promise.resolve(user(id)))
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
