/** The summaries of runs, one below the other. */
import type { Summary } from "./verify.ts"

const columns = [27, 4, 9, 11, 7]

const line = (cells: ReadonlyArray<string | number>) =>
  cells.map((cell, i) => i === 0 ? `${cell}`.padEnd(columns[i]!) : `${cell}`.padStart(columns[i]!)).join("  ")

export const tableHeader = (name: string) => line([name, "rows", "API calls", "calls saved", "time"])

export const tableRow = (name: string, { calls, millis, rows, saved }: Summary) =>
  line([name, rows, calls, saved, `${millis} ms`])
