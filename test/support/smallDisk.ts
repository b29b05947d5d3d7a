/** A disk of its own for a test, which can really be full: a file system in memory, of some megabytes. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const mount = (directory: string, megabytes: number): boolean => {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** Its folder, and how to remove it. `undefined`, with a notice, if this machine lets no process mount one. */
export const smallDisk = (megabytes: number): { readonly directory: string; readonly end: () => void } | undefined => {
  const directory = mkdtempSync(join(tmpdir(), "effect-cached-disk-"))
  const end = () => {
    try {
      execFileSync("umount", ["-l", directory], { stdio: "ignore" })
    } catch {
      // It was never mounted.
    }
    rmSync(directory, { recursive: true, force: true })
  }
  if (mount(directory, megabytes)) return { directory, end }
  end()
  console.warn("SKIPPED: this user may mount no file system in memory, so no disk can really be full")
  return undefined
}
