/**
 * How late this machine is: the invalidations of a Redis server on a connection of this process's own, beside the
 * library's. It receives the same keys, so it is late where the library has to be late: where the server or the process
 * is busy, or where many changes arrive. It does not include the library's own delay.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { createClient } from "redis"
import { slotOf } from "../../src/drivers/redis/protocol/keys.ts"
import { clock, type Recorder } from "../processes/recording.ts"

interface Options {
  readonly url: string
  /** The prefix of the library's keys. */
  readonly prefix: string
  readonly name: string
}

/** Shorter delays are not recorded, in milliseconds. */
const soonMillis = 4
const pauseMillis = 10

/** A slot of the first master of three. */
const tagOf = (name: string): string => {
  for (let i = 0;; i++) if (slotOf(`${name} ${i}`) < 5000) return `${name} ${i}`
}

/** Records how long each of its own changes took to arrive at this process, for as long as the process lives. */
export const witness = ({ name, prefix, url }: Options, recorder: Recorder): void => {
  const key = `witness:{${tagOf(name)}}`
  const again = () => void setTimeout(() => witness({ name, prefix, url }, recorder), 100).unref()
  observe({ key, prefix, url }, recorder).then(again, again)
}

/** Ends when the connection is lost. A change that never arrived proves nothing. */
const observe = async (
  { key, prefix, url }: { readonly key: string; readonly prefix: string; readonly url: string },
  { write }: Recorder
): Promise<void> => {
  const client = createClient({
    url,
    RESP: 3,
    emitInvalidate: true,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false }
  })
  let heard = () => {}
  client.on("error", () => {})
  client.on("invalidate", (told: unknown) => {
    if (String(told) === key) heard()
  })
  try {
    await client.connect()
    await client.sendCommand(["CLIENT", "TRACKING", "OFF"])
    const prefixes = [...["v", "f", "t", "e"].map((kind) => `${prefix}:${kind}:`), "witness:"]
    await client.sendCommand(["CLIENT", "TRACKING", "ON", "BCAST", ...prefixes.flatMap((one) => ["PREFIX", one])])
    const lost = new Promise<never>((_, reject) => client.on("end", () => reject(new Error("lost"))))
    lost.catch(() => {})
    for (;;) {
      const at = clock()
      const hearing = new Promise<void>((resolve) => heard = resolve)
      await Promise.race([Promise.all([client.sendCommand(["SET", key, "", "PX", "10000"]), hearing]), lost])
      if (clock() - at > soonMillis) write("witnessed", { at })
      await Promise.race([sleep(pauseMillis), lost])
    }
  } finally {
    client.destroy()
  }
}
