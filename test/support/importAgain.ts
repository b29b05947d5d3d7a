/** Imports a module of the sources once more, with all sources that it imports, as if packages were not installed. */
import { registerHooks } from "node:module"

let times = 0

export const importAgain = async <Module>(path: string, missing: ReadonlyArray<string> = []): Promise<Module> => {
  const again = `?again=${++times}`
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (missing.includes(specifier)) throw Object.assign(new Error("no package"), { code: "ERR_MODULE_NOT_FOUND" })
      const resolved = next(specifier, context)
      const isSource = resolved.url.includes("/src/") && !resolved.url.includes("/node_modules/")
      return isSource && context.parentURL?.endsWith(again) === true
        ? { ...resolved, url: resolved.url + again }
        : resolved
    }
  })
  try {
    return await import(import.meta.resolve(path) + again)
  } finally {
    hooks.deregister()
  }
}
