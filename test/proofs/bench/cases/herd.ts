/**
 * Eight processes ask for the same missing key: how often it is loaded, and how long the last one waits. With `callers`
 * as an argument many callers of each do, those that share a Redis.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { caches, usesRedis } from "../herd/caches.ts"
import { nanos } from "../measure.ts"
import * as Redis from "../redis.ts"

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

const measure = async (name: string, port: number) => {
  const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))
  const children = Array.from(
    { length: processes },
    () => fork(worker, [name, directory, port, callers, loadMillis].map(String))
  )
  const ended = children.map((child) => once(child, "exit"))
  try {
    await Promise.all(children.map(message))
    const served = children.map(message)
    const start = nanos()
    for (const child of children) child.send("go")
    await Promise.all(served)
    const taken = nanos() - start
    for (const child of children) child.disconnect()
    await Promise.all(ended)
    return { name, taken, loads: readFileSync(join(directory, "loads"), "utf8").trim().split("\n").length }
  } finally {
    for (const child of children) child.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}

const redis = await Redis.start()
if (redis === undefined) console.error("NO REDIS: bentocache, cacheable and async-cache-dedupe are left out")
try {
  const measured = []
  for (const name of Object.keys(caches)) {
    if (callers > 1 && !usesRedis(name)) continue
    if (redis !== undefined || !usesRedis(name)) measured.push(await measure(name, redis?.port ?? 0))
  }
  process.stdout.write(JSON.stringify({
    loads: measured.map(({ loads, name }) => ({ name, value: loads })),
    served: measured.map(({ name, taken }) => ({ name, value: taken }))
  }))
} finally {
  await redis?.stop()
}
