/** Attacks on `CacheLayer.objects`: failures of servers, networks and processes, and what only buckets suffer. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Proxy, startProxy } from "../../../support/proxy.ts"
import { type Given, key, listen, type Listening, make, refuse, type S3 } from "../../../support/s3.ts"
import { objectsStalenessMillis } from "../../consistency/plan.ts"
import { lasting, onNetwork, onProcesses, onPrograms, repeatedly, share } from "../shared.ts"
import { type Arena, type Attack, attack, sleep, type Target } from "../target.ts"
import { open, type Where } from "./store.ts"

/** A server, and a proxy before it through which the processes may have to go. */
interface Bucket extends Arena {
  readonly s3: S3
  readonly server: Listening
  readonly proxy: Proxy
  /** Requests wait until the server runs again, or are carried out without an answer. */
  readonly fate: { held: Array<() => void> | undefined; isDying: boolean }
  readonly keyFile: string
}

const bucket = (more: Partial<Where> = {}, isProxied = false) => async (): Promise<Bucket> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-cached-chaos-"))
  const keyFile = join(folder, "key")
  writeFileSync(keyFile, JSON.stringify(key))
  const s3 = make()
  const fate: Bucket["fate"] = { held: undefined, isDying: false }
  const server = await listen(s3, ({ socket }, _response, _body, handle) => {
    if (fate.held !== undefined) {
      fate.held.push(handle)
      return true
    }
    if (!fate.isDying) return false
    handle()
    socket.destroy()
    return true
  })
  const proxy = await startProxy(server.port)
  return {
    ...{ s3, server, proxy, fate, keyFile },
    where: { bucket: s3.bucket, keyFile, endpoint: isProxied ? endpointOf(proxy) : server.endpoint, ...more },
    bytes: () => 0,
    end: async () => {
      await proxy.end()
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

const endpointOf = ({ port }: Proxy): string => `http://127.0.0.1:${port}`

/** Nothing reports changes: memory trusts entries, and the store trusts versions of tags, each for half of this. */
const unheardMillis = objectsStalenessMillis

const work = { storeTimeoutMillis: 2000, maxStalenessMillis: objectsStalenessMillis / 2 } as const

const one = (name: string, given: Omit<Attack<Bucket>, "arena" | "name" | "unheardMillis" | "work">): Attack =>
  attack<Bucket>({ name, arena: bucket(), work, unheardMillis, ...given })

/** A server without a trouble of its own. */
const calm = ({ s3 }: Bucket): void => {
  s3.before = () => undefined
  s3.after = () => undefined
}

const resume = ({ fate }: Bucket): void => {
  const { held = [] } = fate
  fate.held = undefined
  for (const handle of held) handle()
}

/** For a while, the server refuses some requests. */
const refusing = (given: (method: string) => Given | undefined) =>
  lasting<Bucket>({
    begin: ({ s3 }) => void (s3.before = ({ method }) => given(method)),
    ...{ before: 500, millis: 500, drawn: 1000, after: 500 },
    end: calm
  })

const isWrite = (method: string): boolean => method === "PUT"

let keys = 0

/** The valid key expires, and the next one is there after a while. */
const renewKey = async ({ keyFile, s3 }: Bucket, pauseMillis: number): Promise<void> => {
  for (const name of s3.keys.keys()) s3.keys.set(name, "expired")
  const next = { accessKeyId: `AKID${++keys}`, secret: `secret ${keys}` }
  await sleep(pauseMillis)
  s3.keys.set(next.accessKeyId, next.secret)
  writeFileSync(keyFile, JSON.stringify(next))
}

/** Removes objects as a rule of the bucket would, whatever processes do with them. */
const removeSome = ({ objects }: S3, form: RegExp): void => {
  for (const name of objects.keys()) if (form.test(name)) objects.delete(name)
}

const removed = [/\/t\//, /\/t\/a$/, /\/e\//, /\/e\/(plain|both)$/, /\/c\/|\/r\//, /./]

const damage = ({ objects }: S3, random: (below: number) => number): void => {
  const names = Array.from(objects.keys())
  if (names.length === 0) return
  const name = names[random(names.length)]!
  const object = objects.get(name)!
  const body = object.body.slice(0, random(10) === 0 ? random(object.body.length) : undefined)
  for (let i = 0; i < 4 && body.length > 0; i++) body[random(body.length)] = random(256)
  objects.set(name, { ...object, body, etag: `"damaged ${random(1e9)}"` })
}

const attacks: ReadonlyArray<Attack> = [
  ...onProcesses<Bucket>(bucket(), { unheardMillis, work }),
  one("the server killed in the middle of requests, and started again", {
    strike: async ({ fate, server }, { dice }) => {
      await sleep(1000)
      fate.isDying = true
      await sleep(20)
      await server.stop()
      fate.isDying = false
      await sleep(dice.below(1000))
      await server.start()
    }
  }),
  one("the server restarted", {
    strike: async ({ server }) => {
      await sleep(1000)
      await server.stop()
      await server.start()
    }
  }),
  one("the server stopped for 4 seconds, all requests carried out afterwards", {
    ...lasting({ begin: ({ fate }) => void (fate.held = []), millis: 4000, after: 1000, end: resume })
  }),
  ...onNetwork<Bucket>({
    direct: bucket(),
    proxied: bucket({}, true),
    throughProxy: ({ proxy, where }) => ({ ...where, endpoint: endpointOf(proxy) }),
    unheardMillis,
    work
  }),
  one("a server that is too busy (503 SlowDown)", {
    ...refusing(() => refuse(503, "SlowDown"))
  }),
  one("a limit of requests (429 with Retry-After)", {
    ...refusing(() => refuse(429, "TooManyRequests", "", { "retry-after": "1" }))
  }),
  one("a third of all requests refused (503), at random", {
    strike: async ({ s3 }, { dice }) => {
      s3.before = () => dice.next() < 1 / 3 ? refuse(503, "SlowDown") : undefined
      await sleep(500)
    },
    relent: calm
  }),
  one("answers to writes lost, which were carried out", {
    strike: async ({ s3 }, { dice }) => {
      s3.after = ({ method }) => isWrite(method) && dice.next() < 0.2 ? refuse(500, "InternalError") : undefined
      await sleep(500)
    },
    relent: calm
  }),
  one("keys that expire in the middle, with newer ones", {
    strike: async (arena) => {
      await sleep(300)
      await renewKey(arena, 0)
    }
  }),
  one("keys that expire, and no newer one for a second", {
    strike: async (arena) => {
      await sleep(1000)
      await renewKey(arena, 1000)
    }
  }),
  one("a server that is full (507)", {
    ...refusing((method) => isWrite(method) ? refuse(507, "XMinioStorageFull") : undefined)
  }),
  one("a quota that is used up (403 QuotaExceeded)", {
    ...refusing((method) => isWrite(method) ? refuse(403, "QuotaExceeded") : undefined)
  }),
  one("no right to write for a while", {
    ...refusing((method) => isWrite(method) ? refuse(403, "AccessDenied") : undefined)
  }),
  one("markers, leases and entries removed by a rule", {
    strike: repeatedly(20, async ({ s3 }, { dice }) => removeSome(s3, dice.pick(removed)))
  }),
  one("random bytes in objects", {
    strike: repeatedly(5, async ({ s3 }, { dice }) => damage(s3, dice.below))
  }),
  ...onPrograms<Bucket>({ arena: bucket, callers: 500, processes: 8, minutes: 10, unheardMillis, work })
]

export const target: Target = {
  name: "objects",
  store: "./objects/store.ts",
  attacks,
  // One of each kind: a crash, a silent network, refusals, keys that expire, clean-ups.
  tested: [
    "the server killed in the middle of requests, and started again",
    "a network that swallows everything for 2 seconds",
    "a limit of requests (429 with Retry-After)",
    "keys that expire in the middle, with newer ones",
    "the same, with processes that are killed while they clean up"
  ],
  unmeasured: ["followed nothing", "on disk"],
  works: (where) => share(open(where as unknown as Where))
}
