/** The modules of effect that a file imports, itself or through its neighbours: `modules.ts <file>`. */
import { registerHooks } from "node:module"
import { dirname } from "node:path"
import { pathToFileURL } from "node:url"

const file = pathToFileURL(process.argv[2]!).href
const folder = dirname(file)
const modules = new Set<string>()

registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier.startsWith("effect/") && context.parentURL?.startsWith(folder) === true) modules.add(specifier)
    return next(specifier, context)
  }
})

await import(file)
process.stdout.write(JSON.stringify([...modules].map((name) => ({ name, value: 0 }))))
