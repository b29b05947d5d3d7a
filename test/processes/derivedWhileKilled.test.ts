/**
 * Derived entries in one folder, whose processes are killed while they rename, load and commit: a page never shows the
 * name of a user before an acknowledged rename.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CacheLayer } from "effect-cached"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { programOf } from "../support/program.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { pagesOf, renamesOf } from "./page/site.ts"

const worker = await programOf(fileURLToPath(new URL("page/worker.ts", import.meta.url)))

const lives = Number(process.env["PAGE_LIVES"] ?? 4)

describe("derived entries on disk, whose processes are killed", () => {
  it.live("show nothing that was renamed before they were read", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const names = join(directory, "names")
      const renames = renamesOf(names)
      const [mine, other] = yield* Effect.all([0, 1].map(() =>
        Effect.map(
          Layer.build(CacheLayer.disk({ directory: join(directory, "cache") })),
          (context) => Effect.provideContext(context)
        )
      ))
      const { pages, rename } = pagesOf(renames)
      const start = async (seed: number): Promise<ChildProcess> => {
        const child = spawn(
          process.execPath,
          [worker, directory, String(seed)],
          { stdio: ["ignore", "pipe", "inherit"] }
        )
        await once(child.stdout!, "data")
        child.stdout!.resume()
        return child
      }
      let looked = 0
      for (let life = 1; life <= lives; life += 2) {
        const pair = yield* Effect.promise(() => Promise.all([start(life), start(life + 1)]))
        const end = performance.now() + 150 + 70 * life
        while (performance.now() < end) {
          // A rename by this process is seen by its next read, however the others fail.
          for (const user of [1, 2, 3]) {
            const version = renames.next(user)
            yield* mine!(rename(user, version))
            for (const page of pages) {
              const shown = yield* mine!(page)
              expect(shown[user]).toBeGreaterThanOrEqual(version)
              looked++
            }
            yield* Effect.yieldNow
          }
        }
        for (const child of pair) child.kill("SIGKILL")
        yield* Effect.promise(() =>
          Promise.all(pair.map((child) => child.exitCode ?? child.signalCode ?? once(child, "exit")))
        )
        // A recorded rename has an acknowledged invalidation: all have received it by now.
        yield* Effect.sleep("1 second")
        const told = renames.told()
        for (const use of [mine!, other!]) {
          for (const page of pages) {
            const shown = yield* use(page)
            for (const [user, version] of Object.entries(told)) {
              expect(shown[Number(user)], `user ${user}`).toBeGreaterThanOrEqual(version)
            }
          }
        }
      }
      expect(looked).toBeGreaterThan(0)
      expect(Object.keys(renames.told())).toEqual(["1", "2", "3"])
    }).pipe(Effect.scoped), 120_000)
})
