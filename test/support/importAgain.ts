/** Imports a module of the sources once more, with all sources that it imports, and other modules in place of some. */
import { registerHooks } from "node:module"

let times = 0

/** `instead` has the address of a module, or `undefined` for a package that is not installed. */
export const importAgain = async <Module>(
  path: string,
  instead: Readonly<Record<string, string | undefined>> = {}
): Promise<Module> => {
  const again = `?again=${++times}`
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (context.parentURL?.endsWith(again) !== true) return next(specifier, context)
      if (specifier in instead) {
        const other = instead[specifier]
        if (other !== undefined) return next(other, context)
        throw Object.assign(new Error("no package"), { code: "ERR_MODULE_NOT_FOUND" })
      }
      const resolved = next(specifier, context)
      const isSource = resolved.url.includes("/src/") && !resolved.url.includes("/node_modules/")
      return isSource ? { ...resolved, url: resolved.url + again } : resolved
    }
  })
  try {
    return await import(import.meta.resolve(path) + again)
  } finally {
    hooks.deregister()
  }
}
