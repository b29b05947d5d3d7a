/**
 * How late this machine is: the messages of a Redis server on a connection of this process's own, beside the library's.
 * It receives the same messages, so it is late where the library has to be late: where the server or the process is
 * busy, or where many changes arrive. It does not include the library's own delay.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { createClient } from "redis"
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

/** Records how long each of its own changes took to arrive at this process, for as long as the process lives. */
export const witness = ({ name, prefix, url }: Options, recorder: Recorder): void => {
  const again = () => void setTimeout(() => witness({ name, prefix, url }, recorder), 100).unref()
  observe({ name, prefix, url }, recorder).then(again, again)
}

/** Ends when the connection is lost. A change that never arrived proves nothing. */
const observe = async (
  { name, prefix, url }: Options,
  { write }: Recorder
): Promise<void> => {
  const client = createClient({
    url,
    RESP: 3,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false }
  })
  let heard = () => {}
  client.on("error", () => {})
  try {
    await client.connect()
    // A cluster passes each message to all masters.
    const channel = `witness:${name}:${url}`
    await client.subscribe(`${prefix}:m`, () => {})
    await client.subscribe(channel, () => heard())
    const lost = new Promise<never>((_, reject) => client.on("end", () => reject(new Error("lost"))))
    lost.catch(() => {})
    for (;;) {
      const at = clock()
      const hearing = new Promise<void>((resolve) => heard = resolve)
      await Promise.race([Promise.all([client.sendCommand(["PUBLISH", channel, ""]), hearing]), lost])
      if (clock() - at > soonMillis) write("witnessed", { at })
      await Promise.race([sleep(pauseMillis), lost])
    }
  } finally {
    client.destroy()
  }
}
