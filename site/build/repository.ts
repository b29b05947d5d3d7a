/** The place where the repository is published: `repository` of package.json, which is missing until there is one. */
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"

/** The root of the repository. */
export const root = resolve(import.meta.dirname, "../..")

export const read = (file: string): string => readFileSync(join(root, file), "utf8")

const { repository } = JSON.parse(read("package.json")) as { repository?: string | { url: string } }

/** The address of the repository for readers, without a slash at its end. */
export const repositoryUrl: string | undefined = (typeof repository === "string" ? repository : repository?.url)
  ?.replace(/^git\+/, "").replace(/^github:/, "https://github.com/").replace(/(\.git)?\/?$/, "")
