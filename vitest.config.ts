/**
 * The tests as six projects, one after the other: under virtual time, in real time, what takes long, in milliseconds,
 * with servers, and with servers in milliseconds. `npm test` runs the first two.
 */
import { existsSync, statfsSync } from "node:fs"
import { basename, join } from "node:path"
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

// Tests import `effect-cached` as a user does; the condition resolves it to `src`.
const conditions = ["effect-cached-source"]

/** Files and real clocks: what waits for them, however long they take. */
const real = ["cli/commandLine", "deliberateFaults", "docs", "drivers", "http/sockets", "inspector", "lint", "pipeline"]

/** Many processes, compilers, full disks, heaps and thousands of keys: only `.ci/run` has the time. */
const offline = [
  ...["costs", "examples", "http/responsesBoundedByBytes", "http/whoMayGet", "pack", "processes", "types"],
  ...["deliberateFaults/found", "docs/api", "docs/commandLine", "docs/docs", "docs/tables"],
  ...["laws/serializers", "laws/serializerTable", "serializers/tableStreams", "serializers/wrappedStreams"],
  ...["cached/bulkOverSlowStore", "cached/loadsOfOneTurn"],
  ...["internal/eviction/stackDistances", "internal/eviction/worstCases", "internal/time/turns"],
  ...["drivers/exporters", "drivers/files/plainFiles", "drivers/objects/room", "pipeline/killed"],
  ...["SqliteBounds", "transactions/operationsAtOnce"].map((name) => `drivers/sqlite/${name}`)
]

/** One file at a time, so that what is measured in milliseconds holds. */
const timed = ["proofs/consistency", "timed", "cached/timeoutsOfStores"]
const timedServers = ["servers/timed"]

/** The tests of folders, and of files that are given without their ending. */
const filesOf = (paths: ReadonlyArray<string>): Array<string> =>
  paths.map((path) =>
    existsSync(join(import.meta.dirname, "test", path)) ? `test/${path}/**/*.test.ts` : `test/${path}.test.ts`
  )

/** Where time is virtual, folders are in memory if that has room for them: no test waits for a disk. */
const memory = "/dev/shm"
const hasRoom = (folder: string): boolean => {
  if (!existsSync(folder)) return false
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize > 1024 ** 3
}

/** Processes that are started load what others have compiled. */
const env = { NODE_COMPILE_CACHE: join(import.meta.dirname, ".cache/compiled") }

const project = (name: string, groupOrder: number, test: TestProjectInlineConfiguration["test"]) => ({
  extends: true as const,
  test: { name, sequence: { groupOrder }, ...test }
})

/** The longest first, as far as their names tell. */
const long = [
  ...["matrix", "serializers", "deepRecursion", "oneEngine", "severalEngines", "tapStore", "redis", "runtimes"],
  ...["found", "weighedMemory", "leases", "pack", "emails", "largeStream", "clearedMemory", "heapLimit", "docs"],
  ...["chaos", "redisProcesses", "httpAttacks"]
]

/** Begins with what takes longest, so that no worker is left alone with it at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>) {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = long.indexOf(basename(moduleId, ".test.ts"))
      return at < 0 ? long.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

// where `.ci/run` wants to have a report
const report = process.env["TEST_REPORT"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    sequence: { sequencer: LongestFirst },
    // Node loads the sources itself, which takes a fifth less CPU than the modules of Vite do.
    experimental: { viteModuleRunner: false },
    // what hangs is found as well, and what is slow on a busy machine passes
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      project("virtual", 0, {
        include: ["test/**/*.test.ts"],
        exclude: filesOf([...real, ...offline, ...timed, "servers"]),
        maxWorkers: 2,
        env: hasRoom(memory) ? { ...env, TMPDIR: memory } : env,
        // files share the modules of their worker: every test makes a cache of its own
        isolate: false
      }),
      project("real", 1, { include: filesOf(real), exclude: filesOf(offline), maxWorkers: 2, env, isolate: false }),
      project("offline", 2, { include: filesOf(offline), maxWorkers: 2, env }),
      project("timed", 3, { include: filesOf(timed), fileParallelism: false, env }),
      // Most of them wait: for servers to start, for clocks and for processes.
      project("servers", 4, { include: filesOf(["servers"]), exclude: filesOf(timedServers), maxWorkers: 3 }),
      project("timedServers", 5, { include: filesOf(timedServers), fileParallelism: false })
    ]
  }
})
