/** Loads the instrumented sources in place of the sources; which mutant is active says the environment. */
import { readFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { fileURLToPath } from "node:url"
import { paths } from "./asked.ts"

const code = new Map<string, string>(JSON.parse(readFileSync(paths.code, "utf8")))

registerHooks({
  load: (url, context, next) => {
    const source = url.startsWith("file:") ? code.get(fileURLToPath(url)) : undefined
    return source === undefined ? next(url, context) : { format: "module-typescript", source, shortCircuit: true }
  }
})
