/** The Worker of the tests, in workerd. */
import { createRequire } from "node:module"
import { resolve } from "node:path"
import { bundle } from "../../support/bundle.ts"

/** The part of miniflare that the tests use; only `.ci/package.json` has miniflare. */
export interface Miniflare {
  readonly ready: Promise<URL>
  readonly dispose: () => Promise<void>
}

const root = resolve(import.meta.dirname, "../../..")

/** Starts it on a free port of this machine. */
export const start = async (): Promise<Miniflare> => {
  const { Miniflare } = createRequire(resolve(root, ".ci/package.json"))("miniflare") as {
    readonly Miniflare: new(options: object) => Miniflare
  }
  const script = await bundle("test/servers/workers/worker.ts")
  return new Miniflare({ modules: true, script, compatibilityDate: "2026-06-01", handleRuntimeStdio: () => {} })
}
