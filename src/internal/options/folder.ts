/** Checks the options that all stores and layers in a folder share. `what` names the called function in errors. */
import * as Defaults from "../defaults/options.ts"
import { inCall, mistake } from "./options.ts"
import { sizeAboveZero, type SizeInput } from "./size.ts"

export const checkDirectory = (what: string, directory: unknown): void => {
  if (typeof directory !== "string" || directory === "") {
    throw mistake(`${what} needs "directory", the path of a folder`)
  }
  if (/^file:/i.test(directory)) {
    throw mistake(`${what}: "directory" must be a path, not the URL "${directory}": use fileURLToPath of node:url`)
  }
  if (!/^~(?=[/\\]|$)/.test(directory)) return
  throw mistake(`${what}: only a shell knows "${directory}" as the home folder: use path.join(os.homedir(), "…")`)
}

export const trustOf = (what: string, given: boolean | undefined): boolean => {
  if (given === undefined || typeof given === "boolean") return given === true
  throw mistake(`${what}: "trustFolder" must be true or false`)
}

interface Sizes {
  readonly maxSize?: SizeInput | undefined
  readonly maxValue?: SizeInput | undefined
}

interface Limits {
  readonly leastMaxSize: number
  readonly valueShare: number
  /** The default `maxSize`. If it is absent, the default for all folders applies. */
  readonly maxSize?: number
}

export const sizesOf = (
  what: string,
  given: Sizes,
  { leastMaxSize, maxSize: usual = Defaults.maxSize, valueShare }: Limits
): { readonly maxSize: number; readonly maxValue: number } => {
  const maxSize = bytes(what, "maxSize", given.maxSize) ?? usual
  if (maxSize < leastMaxSize) {
    throw mistake(
      `${what}: "maxSize" must be at least ${leastMaxSize} bytes (${leastMaxSize / 1024} KiB), not ${maxSize}`
    )
  }
  const most = Math.floor(maxSize * valueShare)
  const maxValue = bytes(what, "maxValue", given.maxValue) ?? Math.min(Defaults.maxValue, most)
  if (maxValue > most) {
    throw mistake(`${what}: "maxValue" must be at most ${most} bytes beside a "maxSize" of ${maxSize}, not ${maxValue}`)
  }
  return { maxSize, maxValue }
}

const bytes = (what: string, name: string, given: SizeInput | undefined): number | undefined => {
  if (given === undefined) return undefined
  try {
    return sizeAboveZero(name, given)
  } catch (thrown) {
    throw inCall(what, thrown)
  }
}

/** Says that Node.js is too old to have SQLite, if a module over SQLite could not be imported for that reason. */
export const missingSqlite = (thrown: unknown): string | undefined =>
  thrown instanceof Error && thrown.message.includes("node:sqlite")
    ? "it needs node:sqlite: use Node.js 22.19 or later"
    : undefined
