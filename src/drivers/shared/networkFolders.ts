/** Detects folders on network file systems. A cache's database or files should be on a local disk. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"

/** The types of network file systems, as `statfs` reports them on Linux. */
const networks = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff53_4d42, "CIFS"],
  [0xfe53_4d42, "SMB"],
  [0x5346_414f, "AFS"],
  [0x0102_1997, "9P"],
  [0x00c3_6400, "Ceph"],
  [0x0bd0_0bd0, "Lustre"]
])

export const networkOf = (type: number): string | undefined => networks.get(type >>> 0)

/** On Linux, logs a warning if a folder is on a network file system. The message ends with `consequence`. */
export const warnOfNetwork = (directory: string, consequence: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const network = networkOfFolder(directory)
    return network === undefined
      ? Effect.void
      : Effect.logWarning(`${directory} is on a network file system (${network}): ${consequence}`)
  })

const networkOfFolder = (directory: string): string | undefined => {
  if (process.platform !== "linux") return undefined
  try {
    return networkOf(fs.statfsSync(directory).type)
  } catch {
    return undefined
  }
}
