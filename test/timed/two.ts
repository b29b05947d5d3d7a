/** Two processes that share what they have. */
import { sleep, type Worker } from "../processes/processes.ts"

export type Two = [Worker, Worker]

export const read = async (worker: Worker, key = "k", more: object = {}) =>
  (await worker.ask({ do: "read", key, ...more })).values[0]!

/** Both have it, in memory too. */
export const shared = async ([a, b]: Two, key = "k", more: object = {}): Promise<string> => {
  const value = await read(a, key, more)
  if (await read(b, key, more) !== value) throw new Error("the other process has another value")
  return value
}

/** Until the other process must have polled, with room for a loaded machine. */
export const polled = () => sleep(500)
