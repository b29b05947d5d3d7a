/**
 * A bank in one folder, whose processes are killed while they commit: no amount is lost or made, and all see the same.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Schedule } from "effect"
import { Cached, CacheLayer, Transaction } from "effect-cached"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { programOf } from "../support/program.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const worker = await programOf(fileURLToPath(new URL("bank/worker.ts", import.meta.url)))

const patient = { isolation: "serializable", retry: Schedule.upTo(Schedule.spaced(5), { times: 200 }) } as const

const balances = Transaction.run(
  Effect.map(Cached.getMany(["a", "b", "c"]), (found) => found.map((one) => Option.getOrThrow(one) as number)),
  patient
)

const sum = (all: ReadonlyArray<number>): number => all.reduce((a, b) => a + b, 0)

const lives = Number(process.env["BANK_LIVES"] ?? 4)

describe("a bank on disk, whose processes are killed", () => {
  it.live.each(["serializable", "locked"] as const)(
    "keeps what it has: %s transactions",
    (isolation) =>
      Effect.gen(function*() {
        const directory = yield* tempDirectory
        const caches = yield* Effect.all([0, 1].map(() => Layer.build(CacheLayer.disk({ directory }))))
        yield* Effect.provideContext(Cached.setMany([["a", 100], ["b", 100], ["c", 100]]), caches[0]!)
        const start = async (seed: number): Promise<ChildProcess> => {
          const child = spawn(
            process.execPath,
            [worker, directory, String(seed), isolation],
            { stdio: ["ignore", "pipe", "inherit"] }
          )
          await once(child.stdout!, "data")
          child.stdout!.resume()
          return child
        }
        for (let life = 1; life <= lives; life += 2) {
          const pair = yield* Effect.promise(() => Promise.all([start(life), start(life + 1)]))
          yield* Effect.sleep(150 + 70 * life)
          expect(sum(yield* Effect.provideContext(balances, caches[0]!))).toBe(300)
          for (const child of pair) child.kill("SIGKILL")
          yield* Effect.promise(() =>
            Promise.all(pair.map((child) => child.exitCode ?? child.signalCode ?? once(child, "exit")))
          )
        }
        const [mine, other] = yield* Effect.forEach(caches, (cache) => Effect.provideContext(balances, cache))
        expect(sum(mine!)).toBe(300)
        expect(other).toEqual(mine)
        const moves = yield* Effect.provideContext(Cached.counter("moves").get, caches[0]!)
        expect(moves).toBeGreaterThanOrEqual(lives)
      }).pipe(Effect.scoped),
    60_000 + lives * 20_000
  )
})
