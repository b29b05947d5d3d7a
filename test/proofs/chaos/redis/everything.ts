/**
 * Everything together, drawn at random: cut answers, distance, damaged keys of each kind, eviction, jumps of clocks,
 * and processes that are killed or stopped, while processes read, set, lock, run transactions and call in bulk.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { clock } from "../../../processes/recording.ts"
import { isMissing } from "../../../support/needs.ts"
import type { Server } from "../../../support/redis.ts"
import { type Damage, damages, damaging } from "../../../support/redisDamages.ts"
import { setClock, withClockOf } from "../../../support/settableClock.ts"
import { attempt } from "../shared.ts"
import { attack, type Crowd, sleep } from "../target.ts"
import { type Single, single, unheardMillis } from "./arena.ts"

interface Everything extends Single {
  /** A folder with a file for each process whose clock can be set. */
  readonly clocks: string
  /** Steps that have not ended. */
  readonly lasting: Set<Promise<unknown>>
  /** Each step is drawn once before any is drawn again. */
  readonly drawn: Array<Step>
  killedAt: number
}

const leaseMillis = 2000
const maxLoadMillis = 3000

/** Those that wait for others ask the server again within this time. */
const askedAgainMillis = 1000

/** How long a process may take to connect again over the greatest distance. */
const connectedMillis = 2000

const arena = async (): Promise<Everything | undefined> => {
  if (isMissing("faketime")) return undefined
  const one = await single({}, { args: ["--maxmemory", wide, "--maxmemory-policy", "volatile-lru"] })()
  if (one === undefined) return undefined
  const clocks = mkdtempSync(join(tmpdir(), "effect-cached-clocks-"))
  for (const place of settable) setClock(join(clocks, String(place)), 0)
  return {
    ...one,
    clocks,
    lasting: new Set(),
    drawn: [],
    killedAt: 0,
    end: async () => {
      rmSync(clocks, { recursive: true, force: true })
      await one.end()
    }
  }
}

const wide = "6mb"
/** Hardly more than the server needs for itself. */
const narrow = "2mb"
const settable = [1, 2, 3]
/** They reach the server through the proxy. */
const isFar = (place: number) => place >= 2

type Step = (arena: Everything, crowd: Crowd) => unknown

/** For the judge: those that wait meanwhile, or shortly after, may wait so much longer. */
const struck = ({ note }: Crowd, by: string, costMillis: number, lastsMillis = 0) =>
  note("struck", { by, costMillis, at: clock(), until: clock() + lastsMillis })

const lasts = ({ lasting }: Everything, step: Promise<unknown>): void => {
  const ended: Promise<unknown> = attempt(step).then(() => lasting.delete(ended))
  lasting.add(ended)
}

/** Without those of misses, which are not read again. */
const keysOf = async (server: Server, kind: string): Promise<ReadonlyArray<string>> =>
  ((await server.ask("KEYS", `*:${kind}:*`)) as ReadonlyArray<string>).filter((key) => !key.includes("}bulk "))

/** Entries keep the bytes by which they are known as ours. */
const damageEntry: Step = async ({ server }, { dice: { below, pick } }) => {
  const keys = await keysOf(server, "v")
  if (keys.length === 0) return
  const overwrite = `local size = redis.call("STRLEN", KEYS[1])
if size > 3 then redis.call("SETRANGE", KEYS[1], 3 + ARGV[1] % (size - 3), ARGV[2]) end`
  await server.ask("EVAL", overwrite, "1", pick(keys), String(below(1e6)), "oops".slice(below(4)))
}

/** The kinds of keys of `docs/redis/server.md` that the programs use, other than entries. */
const kinds = ["l", "f", "t", "e", "s", "r", "w", "k", "i", "g:*"]

const damageKey: Step = async ({ server }, crowd) => {
  const { dice: { below, pick }, note } = crowd
  const kind = pick(kinds)
  const keys = await keysOf(server, kind)
  const by = pick(Object.keys(damages) as ReadonlyArray<Damage>)
  // Such a token is a token, and such a marker a marker.
  if (keys.length === 0 || "it".includes(kind) && by.startsWith("a number")) return
  const at = clock()
  const key = pick(keys)
  struck(crowd, `${key}, ${by}`, 0)
  await server.ask(...damaging(key, by, below(2) * 3000))
  // The next read finds the damage: it needs a lease.
  if (kind === "l" || kind === "f") await server.ask("UNLINK", key.replace(`:${kind}:`, ":v:"))
  if (kind === "k") note("robbed", { at })
}

const evict = async ({ server }: Everything, { dice }: Crowd): Promise<void> => {
  await server.ask("CONFIG", "SET", "maxmemory", narrow)
  await sleep(300 + dice.below(1500))
  await server.ask("CONFIG", "SET", "maxmemory", wide)
}

/** Forward: memory counts by the clock of its process, so a clock that is set back prolongs what memory holds. */
const setSomeClock: Step = ({ clocks }, { dice: { pick } }) => {
  const file = join(clocks, String(pick(settable)))
  setClock(file, Number(readFileSync(file, "utf8")) + pick([20, 3600]))
}

const steps: ReadonlyArray<Step> = [
  damageEntry,
  damageKey,
  damageKey,
  damageKey,
  ({ proxy }, crowd) => {
    struck(crowd, "a cut", connectedMillis, 200)
    proxy.cutAfter(crowd.dice.below(4000))
  },
  ({ proxy }, { dice: { below } }) => proxy.delay(below(4) === 0 ? 0 : 5 + below(116)),
  (arena, crowd) => lasts(arena, evict(arena, crowd)),
  setSomeClock,
  setSomeClock,
  (arena, crowd) => {
    const millis = 50 + crowd.dice.below(1500)
    struck(crowd, "a stop", Math.min(millis, leaseMillis) + askedAgainMillis, millis)
    lasts(arena, crowd.stopOne(millis))
  },
  (arena, crowd) => {
    if (clock() - arena.killedAt < 2 * leaseMillis) return
    arena.killedAt = clock()
    struck(crowd, "a kill", leaseMillis + askedAgainMillis)
    lasts(arena, crowd.killOne())
  }
]

/** Leases and locks that are still held, clients, and keys that will never end. */
const leaves = async ({ server }: Everything): Promise<ReadonlyArray<string>> => {
  await sleep(leaseMillis + askedAgainMillis)
  const left: Array<string> = []
  const [seconds] = (await server.ask("TIME")) as ReadonlyArray<unknown>
  const now = Number(seconds) * 1000
  const textOf = async (...command: ReadonlyArray<string>) => String(await attempt(server.ask(...command)))
  for (const key of await keysOf(server, "l")) {
    if (Number(await textOf("HGET", key, "u")) > now) left.push(`a lease that is held: ${key}`)
  }
  for (const key of await keysOf(server, "k")) {
    if (Number((await textOf("GET", key)).split(" ")[1]) > now) left.push(`a lock that is held: ${key}`)
  }
  for (const prefix of ["chaos", "bank"]) {
    const era = await textOf("GET", `${prefix}:e:{${prefix}}`)
    for (const key of (await server.ask("KEYS", `${prefix}:[vlft]:${era}:*`)) as ReadonlyArray<string>) {
      if (Number(await server.ask("PTTL", key)) === -1) left.push(`a key without an end: ${key}`)
    }
  }
  const clients = (await textOf("CLIENT", "LIST")).trim().split("\n")
  if (clients.length > 1) left.push(`${clients.length - 1} clients`)
  return left
}

export const everything = attack<Everything>({
  name: "everything together",
  arena,
  processes: 4,
  testSeconds: 20,
  work: { isMixed: true, herd: 10, valueBytes: 10_000, leaseMillis, maxLoadMillis },
  whereOf: ({ proxy, where }, place) => isFar(place) ? { ...where, url: proxy.url } : where,
  through: (place, { clocks }) => settable.includes(place) ? withClockOf(join(clocks, String(place))) : undefined,
  unheardMillis,
  // The store may take its budget twice, and a load through a far process takes some ways.
  longestMillis: 2000,
  isShared: true,
  strike: async (arena, crowd) => {
    const { drawn } = arena
    if (drawn.length === 0) drawn.push(...steps)
    const [step] = drawn.splice(crowd.dice.below(drawn.length), 1)
    await attempt(Promise.resolve(step!(arena, crowd)))
    await sleep(50 + crowd.dice.below(400))
  },
  relent: async ({ lasting, proxy, server }) => {
    proxy.delay(0)
    proxy.cutAfter(Infinity)
    await Promise.all(lasting)
    await server.ask("CONFIG", "SET", "maxmemory", wide)
    // Meanwhile the damage is found, and repaired.
    await sleep(2 * leaseMillis)
  },
  leaves
})
