/** Marks the programs that can run in the reader's browser. */

/** The modules that programs can import there. */
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

/** By module and namespace, as `effect/Effect`: the members that programs use. */
export type Used = ReadonlyMap<string, ReadonlySet<string>>

/** The members of the imported namespaces that programs use. */
export const usedIn = (programs: ReadonlyArray<string>): Used => {
  const used = new Map<string, Set<string>>()
  for (const program of programs) {
    for (const [, clause, module] of program.matchAll(/^import (?:type )?\{([^}]*)\} from "([^"]+)"/gm)) {
      for (const entry of clause!.split(",")) {
        const [name = "", alias = name] = entry.trim().split(" as ")
        if (name.startsWith("type ")) continue
        const members = used.get(`${module}/${name}`) ?? new Set()
        used.set(`${module}/${name}`, members)
        for (const [, member] of program.matchAll(new RegExp(`\\b${alias}\\.(\\w+)`, "g"))) members.add(member!)
      }
    }
  }
  return used
}

/** The programs on a page that run in a browser. */
export const programsOf = (markdown: string): ReadonlyArray<string> =>
  Array.from(markdown.matchAll(/^ *```ts\n([^]*?)^ *```$/gm), ([, code]) => code!).filter(runs)

/** Only Node has it, or it needs a server, or (`withTimePassing`) a browser's `setTimeout` makes it take minutes. */
const needsMore = new RegExp(
  [
    /\bprocess\.|\bnode:|\bBuffer\.|\bwithTimePassing\b|inherit: "changes"/,
    /\bCacheLayer\.(disk|files|redis|postgres|sql|objects|withHeapLimit)\b/
  ].map(({ source }) => source).join("|")
)

/** Whether a program runs in a browser: it imports nothing else, and uses nothing of Node. */
export const runs = (code: string): boolean => {
  const modules = Array.from(code.matchAll(/^(?:import\b[^"']*|\} from )"([^"]+)"/gm), ([, module]) => module!)
  return modules.length > 0 && modules.every((module) => fitsBrowser.includes(module)) && !needsMore.test(code)
}

interface Element {
  readonly tagName: string
  readonly properties: Record<string, unknown>
  readonly children?: ReadonlyArray<Element>
}

const elementsOf = (
  element: Element
): ReadonlyArray<Element> => [element, ...(element.children ?? []).flatMap(elementsOf)]

/** A plugin of Expressive Code. */
export const programs = {
  name: "programs",
  hooks: {
    postprocessRenderedBlock: (
      { codeBlock, renderData }: {
        readonly codeBlock: { readonly language: string; readonly meta: string; readonly code: string }
        readonly renderData: { readonly blockAst: Element }
      }
    ): void => {
      // Otherwise a script of Expressive Code makes a landmark of each block that scrolls.
      for (const element of elementsOf(renderData.blockAst)) {
        if (element.tagName === "pre") element.properties["tabIndex"] = 0
      }
      if (codeBlock.language !== "ts" || codeBlock.meta.includes("no-run") || !runs(codeBlock.code)) return
      renderData.blockAst.properties["data-run"] = ""
    }
  }
}
