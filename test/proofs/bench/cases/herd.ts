/**
 * Eight processes ask for the same missing key: how often it is loaded, and how long the last one waits. With `callers`
 * as an argument many callers of each do, those that share a Redis.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { caches, usesRedis } from "../herd/caches.ts"
import { nanos, print, startRedis, temporaryFolder } from "../measure.ts"

const processes = 8
const { callers, loadMillis } = process.argv[2] === "callers"
  ? { callers: 500, loadMillis: 50 }
  : { callers: 1, loadMillis: 200 }
const worker = join(import.meta.dirname, "../herd/worker.ts")

/** The first message; a process that ends instead has failed. */
const message = async (child: ChildProcess): Promise<void> => {
  const [first] = await Promise.race([once(child, "message"), once(child, "exit")])
  if (typeof first !== "string") throw new Error(`a process ended with ${first}`)
}

const measured = async (name: string, url: string) => {
  const directory = temporaryFolder()
  const children = Array.from(
    { length: processes },
    () => fork(worker, [name, directory, url, callers, loadMillis].map(String))
  )
  const ended = children.map((child) => once(child, "exit"))
  await Promise.all(children.map(message))
  const served = children.map(message)
  const start = nanos()
  for (const child of children) child.send("go")
  await Promise.all(served)
  const taken = nanos() - start
  for (const child of children) child.disconnect()
  await Promise.all(ended)
  return { name, taken, loads: readFileSync(join(directory, "loads"), "utf8").trim().split("\n").length }
}

const url = await startRedis()
const all = []
for (const name of Object.keys(caches)) {
  if (callers === 1 || usesRedis(name)) all.push(await measured(name, url))
}
print({
  loads: all.map(({ loads, name }) => ({ name, value: loads })),
  served: all.map(({ name, taken }) => ({ name, value: taken }))
})
