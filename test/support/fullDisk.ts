/** Changes that other programs make to the disk of a folder. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs"

/** Fills what is left of a disk with a file, to the last byte. Answers how that is removed. */
export const fillDisk = (file: string): () => void => {
  const handle = openSync(file, "a")
  for (let size = 1 << 20; size >= 1;) {
    try {
      writeSync(handle, Buffer.alloc(size, 1))
    } catch {
      size >>= 1
    }
  }
  closeSync(handle)
  return () => rmSync(file, { force: true })
}
