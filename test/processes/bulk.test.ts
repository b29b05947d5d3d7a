/** Bulk calls, by real processes on one folder. */
import { afterAll } from "@effect/vitest"
import { bulkTests } from "./bulkTests.ts"
import { pool } from "./processes.ts"

const { end, open } = pool()
afterAll(end)

bulkTests(open, Number(process.env["N"]))
