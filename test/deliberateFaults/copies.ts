/**
 * Copies of the sources and of the tests, for deliberate faults. A copy is used for one fault after the other: to make
 * one, and to compile what is in it, takes longer than most faults.
 */
import { rmSync, writeFileSync } from "node:fs"
import { cp, mkdtemp, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { type Fault, filesWith, root, textOfSource } from "./fault.ts"

/**
 * Tests import each other, those who run them read the configuration, and those on Redis the rights that a user needs.
 */
const parts = ["src", "test", "package.json", "tsconfig.json", "vitest.config.ts", "docs/redis/server.md"]

/** A folder that is written to while it is copied. */
const left = new Set(["test/.docs"])

const copies: Array<string> = []
const free: Array<string> = []

const make = async (): Promise<string> => {
  const copy = await mkdtemp(join(tmpdir(), "effect-cached-"))
  copies.push(copy)
  for (const part of parts) {
    await cp(join(root, part), join(copy, part), {
      recursive: true,
      filter: (source) => !left.has(relative(root, source))
    })
  }
  await symlink(join(root, "node_modules"), join(copy, "node_modules"))
  return copy
}

/** Removes what is left of copies. */
export const removeCopies = (): void => {
  for (const copy of copies.splice(0)) rmSync(copy, { recursive: true, force: true })
  free.length = 0
}

process.once("exit", removeCopies)

/** Runs something in a copy. */
export const inCopy = async <A>(run: (copy: string) => Promise<A>): Promise<A> => {
  const copy = free.pop() ?? await make()
  try {
    return await run(copy)
  } finally {
    free.push(copy)
  }
}

/** Runs something in a copy that has the fault. */
export const withFault = <A>(fault: Fault, run: (copy: string) => Promise<A>): Promise<A> =>
  inCopy(async (copy) => {
    const files = filesWith(fault)
    try {
      for (const [file, text] of files) writeFileSync(join(copy, file), text)
      return await run(copy)
    } finally {
      for (const file of files.keys()) writeFileSync(join(copy, file), textOfSource(file))
    }
  })

/** The environment of a process in a copy, where what was compiled is used again if it is the same. */
export const environmentIn = (copy: string): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_COMPILE_CACHE: join(copy, ".cache/compiled")
})
