/** The blocks of the documentation as modules in a folder. */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { withAssertions } from "./assertions.ts"
import { type Block, blocks } from "./blocks.ts"

const root = resolve(import.meta.dirname, "../..")

/** All blocks of the documentation, and the programs that have left its pages and still prove what they say. */
export const documented: ReadonlyArray<Block> = globSync([
  "README.md",
  "AGENTS.md",
  "CONTRIBUTING.md",
  "docs/**/*.md",
  "test/docs/programs/*.md",
  "src/**/*.ts"
], {
  cwd: root
})
  .toSorted().flatMap((file) => blocks(file, readFileSync(join(root, file), "utf8")))

// Inside the repository, so that blocks import `effect-cached` by its name.
const folder = join(root, "test/.docs")

export const nameOf = ({ file, line }: Block): string =>
  `${file.replaceAll("/", "-").replace(/\.(md|ts)$/, "")}-${line}.ts`

/** A folder with each block in a file, to be checked by the compiler. */
export const write = (all: ReadonlyArray<Block>, name: string, target = join(folder, name)): string => {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(join(target, "run"), { recursive: true })
  const tsconfig = {
    extends: "../../../tsconfig.json",
    include: ["*.ts"],
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false }
  }
  writeFileSync(join(target, "tsconfig.json"), JSON.stringify(tsconfig))
  for (const block of all) writeFileSync(join(target, nameOf(block)), block.code)
  return target
}

/** The path of a block that is ready to run. */
export const pathOf = (target: string, block: Block): string => join(target, "run", nameOf(block))

/** The error in the arrows of a block; without one, the block is made ready to run. */
export const prepare = (target: string, block: Block): string => {
  try {
    writeFileSync(pathOf(target, block), withAssertions(block.file, block.code))
    return ""
  } catch (error) {
    return (error as Error).message
  }
}
