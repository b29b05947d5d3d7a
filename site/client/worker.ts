/**
 * Runs one program of the playground: takes off its types, lets its imports lead to the files of the library, and tells
 * what it prints and what its caches do.
 */
import { transform } from "sucrase"
import type * as CacheEvent from "../../src/CacheEvent.ts"
import type { Modules, Place, Sets } from "../build/bundle.ts"
import type { listeners as Listeners } from "./watched.ts"

/** The messages of the worker to the page. */
export type Told =
  | { readonly tag: "started" }
  | { readonly tag: "printed"; readonly text: string; readonly isError: boolean }
  | { readonly tag: "event"; readonly name: string; readonly text: string }
  | { readonly tag: "ended"; readonly millis: number }
  | { readonly tag: "failed"; readonly text: string }

const tell = (told: Told): void => postMessage(told)

const imports = /^import\s+([^"';]+?)\s+from\s+["']([^"']+)["']/gm

/** A name that the program imports, and what it is called there. */
interface Imported {
  readonly module: string
  readonly name: string
  readonly alias: string
}

const importsOf = (clause: string, module: string): ReadonlyArray<Imported> => {
  const listed = /^\{([^]*)\}$/.exec(clause.trim())?.[1]
  if (listed === undefined) throw new Error(`import { … } from "${module}" names what it uses`)
  return listed.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "").map((entry) => {
    const [name = "", alias = name] = entry.split(/\s+as\s+/)
    return { module, name, alias }
  })
}

/** Whether the small set has all that a program uses of the namespaces that it imports. */
const isEnough = (used: Modules, code: string): boolean =>
  Array.from(code.matchAll(imports)).every(([, clause, module]) => {
    if (!clause!.startsWith("{")) return false
    const names = used[module!]
    const part = names?.["*"]?.members
    if (part !== undefined) return importsOf(clause!, module!).every(({ name }) => part.includes(name))
    return importsOf(clause!, module!).every(({ alias, name }) => {
      const place = names?.[name]
      if (place?.members === undefined) return place !== undefined
      const uses = code.replaceAll(imports, "").matchAll(new RegExp(`\\b${alias}\\b(?:\\.(\\w+))?`, "g"))
      return Array.from(uses).every(([, member]) => member !== undefined && place.members!.includes(member))
    })
  })

/** The program as a module for this browser: each name comes from the file of its own. */
const toModule = (sets: Sets, code: string): string => {
  const set = isEnough(sets.used, code) ? "used" : "all"
  const address = ({ file }: Place): string => JSON.stringify(new URL(`${set}/${file}`, import.meta.url).href)
  return code.replaceAll(imports, (_, clause: string, module: string) => {
    const names = sets[set][module]
    if (names === undefined) throw new Error(`"${module}" is not among the modules of this playground`)
    if (names["*"] !== undefined) return `import ${clause} from ${address(names["*"])}`
    return importsOf(clause, module).map(({ alias, name }) => {
      const place = names[name]
      if (place === undefined) throw new Error(`${name} of "${module}" is not among the modules of this playground`)
      const what = place.name === undefined ? `* as ${alias}` : `{ ${place.name} as ${alias} }`
      return `import ${what} from ${address(place)}`
    }).join(";")
  })
}

/** The files of the library that a module imports are loaded before its time begins. */
const loadImports = (code: string): Promise<unknown> =>
  Promise.all(Array.from(code.matchAll(/\bfrom ("http[^"]+")/g), ([, url]) => import(JSON.parse(url!))))

type Format = (value: unknown) => string

const inWords = (millis: number): string =>
  millis < 1000
    ? `${Math.round(millis)} ms`
    : millis < 60_000
    ? `${millis / 1000} s`
    : `${Math.round(millis / 6000) / 10} min`

const inEvent = (
  format: Format,
  { _tag, id, keyClass: _, ...fields }: CacheEvent.CacheEvent & Record<string, unknown>
): string =>
  [
    id,
    ...Object.entries(fields).filter(([, value]) => value !== undefined && value !== false).map(([name, value]) =>
      typeof value === "string"
        ? value
        : /millis$/i.test(name)
        ? inWords(Number(value))
        : value === true
        ? name
        : `${name} ${format(value)}`
    )
  ].filter((part) => part !== undefined).join("  ")

/** From now on, `console` tells the page. */
const listenToConsole = (format: Format): void => {
  const print = (isError: boolean) => (...values: ReadonlyArray<unknown>): void =>
    tell({
      tag: "printed",
      isError,
      text: values.map((value) => typeof value === "string" ? value : format(value)).join(" ")
    })
  Object.assign(console, {
    log: print(false),
    info: print(false),
    debug: print(false),
    group: print(false),
    table: print(false),
    dir: print(false),
    warn: print(true),
    error: print(true)
  })
}

const textOf = (error: unknown): string => error instanceof Error ? `${error.name}: ${error.message}` : String(error)

const run = async (program: string): Promise<void> => {
  const sets = await (await fetch(new URL("modules.json", import.meta.url))).json() as Sets
  const stripped = transform(program, { transforms: ["typescript"], disableESTransforms: true }).code
  const code = toModule(sets, stripped)
  // The listeners are those of the set that the program loads.
  const set = /\/lib\/(\w+)\//.exec(code)?.[1] ?? "used"
  const part = (file: string) => import(new URL(`${set}/${file}`, import.meta.url).href)
  const { format } = await part("format.js") as { readonly format: Format }
  const { listeners } = await part("watched.js") as { readonly listeners: typeof Listeners }
  listeners.push((event) => tell({ tag: "event", name: event._tag, text: inEvent(format, event as never) }))
  await loadImports(code)
  listenToConsole(format)
  tell({ tag: "started" })
  const began = performance.now()
  await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })))
  tell({ tag: "ended", millis: performance.now() - began })
}

addEventListener("unhandledrejection", ({ reason }) => tell({ tag: "failed", text: textOf(reason) }))
addEventListener("message", ({ data }: MessageEvent<string>) => {
  run(data).catch((error: unknown) => tell({ tag: "failed", text: textOf(error) }))
})
