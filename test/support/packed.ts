/** The package as a user gets it: packed, and unpacked in a project that links to packages of this repository. */
import { execFileSync, spawnSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

/** Makes a project whose only package is this one. */
export const unpackInto = (folder: string): void => {
  const packed = spawnSync("npm", ["pack", "--pack-destination", folder], { cwd: root, encoding: "utf8" })
  if (packed.status !== 0) throw new Error(`npm pack failed\n${packed.stdout}${packed.stderr}`)
  const [tarball] = globSync("*.tgz", { cwd: folder })
  const unpacked = join(folder, "node_modules/effect-cached")
  mkdirSync(unpacked, { recursive: true })
  execFileSync("tar", ["-xzf", join(folder, tarball!), "--strip-components=1", "-C", unpacked])
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }))
}

/** Links packages from this repository instead of downloading them again. */
export const link = (folder: string, names: ReadonlyArray<string>): void => {
  for (const name of names) {
    const path = join(folder, "node_modules", name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(join(root, "node_modules", name), path, "junction")
  }
}

/** The packages that this one depends on, or that its users may install. */
export const declaredPackages = (): ReadonlyArray<string> => {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  return Object.keys({ ...dependencies, ...peerDependencies })
}
