/** Marks the programs that can run in the reader's browser. */
const imported = /^import (?:type )?[^"]*"([^"]+)"/gm

const fitsBrowser = /^(effect(\/testing)?|effect-cached(\/(memory|indexedDb|explain|testing|serializers\/Json))?)$/

/** Whether a program runs in a browser: it imports nothing else, and uses nothing of Node. */
export const runs = (code: string): boolean => {
  const modules = Array.from(code.matchAll(imported), ([, module]) => module!)
  return modules.length > 0 && modules.every((module) => fitsBrowser.test(module)) &&
    !/\bprocess\.|CacheLayer\.(disk|files|redis|postgres|sql|objects)|\bnode:/.test(code)
}

/** A plugin of Expressive Code. */
export const programs = {
  name: "programs",
  hooks: {
    postprocessRenderedBlock: (
      { codeBlock, renderData }: {
        readonly codeBlock: { readonly language: string; readonly meta: string; readonly code: string }
        readonly renderData: { readonly blockAst: { properties: Record<string, unknown> } }
      }
    ): void => {
      if (codeBlock.language !== "ts" || codeBlock.meta.includes("no-run") || !runs(codeBlock.code)) return
      renderData.blockAst.properties["data-run"] = ""
    }
  }
}
