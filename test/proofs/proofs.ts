/**
 * Programs that show what tests cannot, because they measure, attack or run for long: their commands.
 * `npm run generate` writes the table of README.md from this list.
 */
import { existsSync } from "node:fs"
import { join, resolve } from "node:path"

export const root = resolve(import.meta.dirname, "../..")

export interface Proof {
  /** The program below `test/`. */
  readonly file: string
  readonly shows: string
  /** The page with its results. */
  readonly page?: string
  /** More options of Node. */
  readonly node?: ReadonlyArray<string>
}

export const proofs: { readonly [name: string]: Proof } = {
  bench: {
    file: "proofs/bench/main.ts",
    shows: "how long operations take beside other libraries, with a limit for each ratio",
    page: "docs/benchmarks.md",
    node: ["--expose-gc"]
  },
  "cache-tests": {
    file: "proofs/cacheTests/main.ts",
    shows: "how HTTP caches answer the suite of cache-tests.fyi",
    page: "docs/http-server/users.md"
  },
  chaos: {
    file: "proofs/chaos/main.ts",
    shows: "what callers see while a store is attacked: `--store disk`, `redis`, `postgres` or `objects`",
    page: "docs/failure/attacks.md"
  },
  consistency: {
    file: "proofs/consistency/main.ts",
    shows: "P1 and P2 between real processes that are killed and stopped"
  },
  dashboard: {
    file: "docs/pictures/main.ts",
    shows: "the panels of the dashboard while an origin and a store fail, drawn by Chromium from a real Prometheus",
    page: "docs/observability.md"
  },
  mutants: {
    file: "proofs/mutants/main.ts",
    shows: "expressions of a room that no test checks",
    page: "docs/maintaining/testing.md"
  },
  scaling: { file: "proofs/scaling/main.ts", shows: "what a fleet costs one Redis server", page: "docs/scaling.md" },
  simulate: { file: "simulation/main.ts", shows: "all promises in random programs, by seeds" },
  size: {
    file: "proofs/size/main.ts",
    shows: "how many bytes a program loads, and of which modules",
    page: "docs/benchmarks.md"
  },
  soak: { file: "proofs/soak/main.ts", shows: "that the heap and every collection stay bounded" }
}

const rowOf = ([name, { page, shows }]: readonly [string, Proof]): string => {
  const link = page !== undefined && existsSync(join(root, page)) ? `[${page}](../../${page})` : ""
  return `| \`${name}\` | ${shows} | ${link} |`
}

const table = (): string =>
  [
    "| `npm run prove --` | shows | page |",
    "|---|---|---|",
    ...Object.entries(proofs).map(rowOf)
  ].join("\n")

const region = /^<!-- proofs -->\n[^]*?^<!-- end -->$/m

export const page = "test/proofs/README.md"

export const withTable = (text: string): string =>
  text.replace(region, () => `<!-- proofs -->\n\n${table()}\n\n<!-- end -->`)
