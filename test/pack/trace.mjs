/** Loaded with `--import`: prints every module that is resolved, one URL a line, when the process ends. */
import { registerHooks } from "node:module"

const urls = new Set()

registerHooks({
  resolve: (specifier, context, next) => {
    const resolved = next(specifier, context)
    urls.add(resolved.url)
    return resolved
  }
})

process.on("exit", () => process.stdout.write([...urls].join("\n")))
