/** Bundles what runs in the reader's browser into `public/lib/`. */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { root } from "./repository.ts"

const target = join(root, "site/public/lib")

const write = async (input: Record<string, string>, dir: string): Promise<void> => {
  const build = await rolldown({
    cwd: join(root, "site"),
    input,
    platform: "browser",
    resolve: { conditionNames: ["effect-cached-source", "browser", "import", "default"] },
    onLog: (level, { message }) => {
      if (level === "warn") throw new Error(message)
    }
  })
  await build.write({ dir, format: "esm", minify: true, chunkFileNames: "part-[hash].js" })
  await build.close()
}

export const bundle = async (): Promise<void> => {
  rmSync(target, { recursive: true, force: true })
  await write({ page: "client/page.ts" }, target)
}
