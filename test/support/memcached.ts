/** A Memcached server of a test's own, on a free port of the loopback. */
import { KeyvMemcache } from "@keyv/memcache"
import type { KeyvStoreAdapter } from "keyv"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { setTimeout } from "node:timers/promises"
import { freePorts } from "./redis.ts"

export interface Running {
  readonly adapter: () => KeyvStoreAdapter
  readonly end: () => Promise<unknown>
}

export const startMemcached = async (): Promise<Running> => {
  const [port] = await freePorts(1)
  const child = spawn("memcached", ["-u", "nobody", "-l", "127.0.0.1", "-p", String(port)], { stdio: "ignore" })
  for (let isOpen = false; !isOpen;) {
    const socket = connect(port!, "127.0.0.1")
    isOpen = await Promise.race([once(socket, "connect"), once(socket, "error")]).then(() => true, () => false)
    socket.destroy()
    if (!isOpen) await setTimeout(20)
  }
  return {
    // Seconds: half of one, the default, is not enough for a busy machine.
    adapter: () => new KeyvMemcache(`127.0.0.1:${port}`, { timeout: 10 }) as unknown as KeyvStoreAdapter,
    end: () => {
      child.kill("SIGKILL")
      return once(child, "exit")
    }
  }
}
