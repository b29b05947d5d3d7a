/** A process that soaks one row after the other, as the parent process gives them. */
import { type Row, soak } from "./run.ts"

process.on("message", async (row: Row) => {
  process.send!(await soak(row))
})
