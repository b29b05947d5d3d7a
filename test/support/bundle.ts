/** A program as one file, for what is not Node: a page, a Worker. */
import { resolve } from "node:path"
import { rolldown } from "rolldown"

const root = resolve(import.meta.dirname, "../..")

/** The code of a module of this repository and of all that it imports. */
export const bundle = async (input: string): Promise<string> => {
  const build = await rolldown({
    cwd: root,
    input,
    platform: "browser",
    resolve: { conditionNames: ["effect-cached-source", "browser", "import", "default"] },
    onLog: (level, { message }) => {
      if (level === "warn") throw new Error(message)
    }
  })
  const { output: [{ code }] } = await build.generate({ format: "esm", codeSplitting: false })
  await build.close()
  return code
}
