/** Processes whose clocks can be set while they run; durations are as everywhere (`faketime`). */
import { execFileSync } from "node:child_process"
import { renameSync, writeFileSync } from "node:fs"

/** Sets the clock of the processes that use the file so many seconds forward, from the true time. */
export const setClock = (file: string, seconds: number): void => {
  writeFileSync(`${file}.new`, `${seconds < 0 ? "" : "+"}${seconds}`)
  renameSync(`${file}.new`, file)
}

let library: string | undefined

/** Starts a program as the same process, so that it receives the signals. It reads the file once a second. */
export const withClockOf = (file: string): ReadonlyArray<string> => [
  "env",
  `LD_PRELOAD=${library ??= execFileSync("faketime", ["-f", "+0", "printenv", "LD_PRELOAD"], { encoding: "utf8" })
    .trim()}`,
  ...["DONT_FAKE_MONOTONIC=1", "FAKETIME_CACHE_DURATION=1", `FAKETIME_TIMESTAMP_FILE=${file}`]
]
