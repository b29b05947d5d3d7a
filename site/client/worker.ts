/**
 * Runs one program of the playground: takes off its types, lets its imports lead to the files of the library, and tells
 * what it prints and what its caches do.
 */
import type * as CacheEvent from "../../src/CacheEvent.ts"
import { transform } from "sucrase"
import type { Modules, Place } from "../build/bundle.ts"

/** What the worker tells the page. */
export type Told =
  | { readonly tag: "started" }
  | { readonly tag: "printed"; readonly text: string; readonly isError: boolean }
  | { readonly tag: "event"; readonly name: string; readonly text: string }
  | { readonly tag: "ended"; readonly millis: number }
  | { readonly tag: "failed"; readonly text: string }

const tell = (told: Told): void => postMessage(told)

const folder = new URL("modules/", import.meta.url)

const inBrowser = (place: Place | undefined, what: string): Place => {
  if (place === undefined) throw new Error(`${what} is not among the modules of this playground`)
  return place
}

const address = ([file]: Place): string => JSON.stringify(new URL(file, folder).href)

/** One import of the program: each name of a barrel from the file of its own. */
const importing = (modules: Modules, clause: string, module: string): string => {
  const names = inBrowser(modules[module] === undefined ? undefined : ["", ""], `"${module}"`) && modules[module]!
  const whole = names["*"]
  if (whole !== undefined) return `import ${clause} from ${address(whole)}`
  const listed = /^\{([^]*)\}$/.exec(clause.trim())?.[1]
  if (listed === undefined) throw new Error(`import { … } from "${module}" names what it uses`)
  return listed.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "").map((entry) => {
    const [name = "", alias = name] = entry.split(/\s+as\s+/)
    const place = inBrowser(names[name], `${name} of "${module}"`)
    return place[1] === undefined
      ? `import * as ${alias} from ${address(place)}`
      : `import { ${place[1]} as ${alias} } from ${address(place)}`
  }).join(";")
}

const imports = /^import\s+([^"';]+?)\s+from\s+["']([^"']+)["']/gm

/** The program as a module for this browser. */
const toModule = (modules: Modules, program: string): string =>
  transform(program, { transforms: ["typescript"], disableESTransforms: true }).code
    .replaceAll(imports, (_, clause: string, module: string) => importing(modules, clause, module))

/** The files of the library that a module imports are loaded before its time begins. */
const loadImports = (code: string): Promise<unknown> =>
  Promise.all(Array.from(code.matchAll(/\bfrom ("http[^"]+")/g), ([, url]) => import(JSON.parse(url!))))

type Format = (value: unknown) => string

const inEvent = (format: Format, { _tag, id, keyClass: _, ...fields }: CacheEvent.CacheEvent & Record<string, unknown>): string =>
  [id, ...Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) =>
    name === "source" || name === "outcome" ? String(value) : `${name} ${format(value)}`
  )].filter((part) => part !== undefined).join("  ")

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
  const modules = await (await fetch(new URL("modules.json", folder))).json() as Modules
  const code = toModule(modules, program)
  const format: Format = (await import(new URL("effect.Formatter.js", folder).href)).format
  const { listeners } = await import(new URL("watched.js", folder).href) as typeof import("./watched.ts")
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
