/** Marks the programs that can run in the reader's browser. */
/** What programs of the pages can import in a browser. */
export const fitsBrowser: ReadonlyArray<string> = [
  "effect",
  "effect/testing",
  "effect-cached",
  "effect-cached/memory",
  "effect-cached/indexedDb",
  "effect-cached/explain",
  "effect-cached/testing",
  "effect-cached/serializers/Json"
]

/** What only Node has, or what needs a server. */
const needsMore = /\bprocess\.|\bnode:|\bCacheLayer\.(disk|files|redis|redisCluster|postgres|sql|objects)\b|\bBuffer\./

/** Whether a program runs in a browser: it imports nothing else, and uses nothing of Node. */
export const runs = (code: string): boolean => {
  const modules = Array.from(code.matchAll(/^(?:import\b[^"']*|\} from )"([^"]+)"/gm), ([, module]) => module!)
  return modules.length > 0 && modules.every((module) => fitsBrowser.includes(module)) && !needsMore.test(code)
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
